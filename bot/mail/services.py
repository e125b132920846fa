"""From the chat to e-mail. Runs inside the caller's transaction."""

import re

from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.db import now
from bot.desk import services as desk
from bot.errors import Conflict, Invalid
from bot.events import QUEUE, announce

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def switch_to_email(session: Session, conversation_id: str, customer_id: str, address: str) -> str:
    """The customer does not wait: the answer comes by e-mail, to the address that is returned.

    Raises Invalid for what is no address, Conflict when the chat does not wait.
    """
    if not _ADDRESS.fullmatch(address):
        raise Invalid("That is not an e-mail address.", code="email_invalid")
    conversation = conversations.get_for_customer(session, conversation_id, customer_id, for_update=True)
    handoff = desk.newest_handoff(session, conversation_id)
    if conversation.owner != conversations.QUEUE or handoff is None or handoff.by_email_at is not None:
        raise Conflict("This chat is not waiting for a person.")
    conversations.customer_of(session, conversation).email = address
    handoff.by_email_at = now()
    conversations.notice(session, conversation, "by_email", f"We will answer by e-mail to {address}.", address=address)
    announce(session, QUEUE)
    return address
