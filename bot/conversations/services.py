"""What may be done with a conversation. Each function runs inside the caller's transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.conversations import notices
from bot.conversations.models import AGENT, BOT, QUEUE, Conversation, Customer, Message  # noqa: F401 (other rooms')
from bot.conversations.ownership import change_owner  # noqa: F401 (the same)
from bot.conversations.records import trouble_of
from bot.conversations.text import agent_text
from bot.conversations.turns import HISTORY
from bot.db import now
from bot.errors import Conflict, Forbidden, NotFound
from bot.events import announce, conversation_topic

PAGE_ERROR = "page_error"
TROUBLES = ("payment_failed", "validation_errors", PAGE_ERROR)
# A page that reports the same again and again is not counted further.
MOST_TROUBLES = 99


def get(session: Session, conversation_id: str, *, for_update: bool = False) -> Conversation:
    """Raises NotFound. `for_update` locks the row on PostgreSQL; on SQLite the transaction is the lock."""
    query = select(Conversation).where(Conversation.id == conversation_id)
    conversation = session.scalar(query.with_for_update() if for_update else query)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation


def get_for_customer(
    session: Session, conversation_id: str, customer_id: str, *, for_update: bool = False
) -> Conversation:
    """The one way for a customer's request to reach a conversation. Raises Forbidden, not NotFound, either way."""
    query = select(Conversation).where(Conversation.id == conversation_id, Conversation.customer_id == customer_id)
    conversation = session.scalar(query.with_for_update() if for_update else query)
    if conversation is None:
        raise Forbidden("That is not a conversation of yours.")
    return conversation


def current_of(session: Session, customer_id: str, page: str | None = None) -> Conversation:
    """The customer's newest conversation, or a new one."""
    conversation = _newest(session, customer_id)
    if conversation is None:
        conversation = Conversation(customer_id=customer_id, page=page)
        session.add(conversation)
        session.flush()
    elif page:
        conversation.page = page
    return conversation


def newest_id(session: Session, customer_id: str) -> str | None:
    conversation = _newest(session, customer_id)
    return conversation.id if conversation else None


def _newest(session: Session, customer_id: str) -> Conversation | None:
    return session.scalar(
        select(Conversation)
        .where(Conversation.customer_id == customer_id)
        .order_by(Conversation.updated_at.desc(), Conversation.id)
        .limit(1)
    )


def messages_after(session: Session, conversation_id: str, cursor: int, limit: int = HISTORY) -> list[Message]:
    """Messages after `cursor` in order; the newest `limit` where there are more."""
    newest = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.sequence > cursor)
        .order_by(Message.sequence.desc())
        .limit(limit)
    ).all()
    return list(reversed(newest))


def add_message(
    session: Session,
    conversation: Conversation,
    *,
    author: str,
    text: str,
    kind: str = "text",
    client_id: str | None = None,
    agent: tuple[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Message:
    """Give the message the next number. The conversation's row must be locked by the caller."""
    conversation.last_sequence += 1
    conversation.updated_at = now()
    message = Message(
        conversation_id=conversation.id,
        sequence=conversation.last_sequence,
        author=author,
        agent_id=agent[0] if agent else None,
        agent_name=agent[1] if agent else None,
        client_id=client_id,
        kind=kind,
        text=text,
        extra=extra,
        created_at=conversation.updated_at,
    )
    session.add(message)
    announce(session, conversation_topic(conversation.id))
    return message


def notice(session: Session, conversation: Conversation, code: str, text: str, **extra: Any) -> Message:
    """Tell both sides something; `text` is English, `extra` goes along to the customer's client."""
    shown = {"notice": code, **extra}
    if code in notices.CODES:
        local = notices.in_language(code, customer_of(session, conversation).locale, extra)
        shown |= {"local": local} if local else {}
    return add_message(session, conversation, author="system", kind="notice", text=text, extra=shown)


def post_agent_message(
    session: Session, conversation_id: str, agent: tuple[str, str], text: str, client_id: str
) -> Message:
    """Raises Conflict when the chat is not (or no longer) this agent's; nothing is stored then."""
    conversation = get(session, conversation_id, for_update=True)
    known = _by_client_id(session, conversation_id, client_id)
    if known is not None:
        return known
    if conversation.owner != AGENT or conversation.agent_id != agent[0]:
        raise Conflict("This chat is not yours any more; your reply was not sent.")
    return add_message(
        session,
        conversation,
        author="agent",
        text=agent_text(text),
        client_id=client_id,
        agent=agent,
    )


def mark_read(session: Session, conversation_id: str, customer_id: str, sequence: int) -> None:
    conversation = get_for_customer(session, conversation_id, customer_id, for_update=True)
    conversation.read_sequence = max(conversation.read_sequence, min(sequence, conversation.last_sequence))


def report_trouble(session: Session, conversation_id: str, customer_id: str, reported: Any) -> None:
    """The shop's page says what went wrong on it for this customer: one of `TROUBLES`, or else some error.

    Raises Forbidden.
    """
    what = reported if reported in TROUBLES else PAGE_ERROR
    conversation = get_for_customer(session, conversation_id, customer_id, for_update=True)
    before = conversation.page_trouble or {}
    times = before["times"] + 1 if before.get("what") == what else 1
    conversation.page_trouble = {"what": what, "times": min(times, MOST_TROUBLES), "at": now().isoformat()}


def in_trouble(conversation: Conversation, at: datetime) -> bool:
    """Whether the customer's page reported trouble shortly before."""
    trouble = trouble_of(conversation)
    return trouble is not None and trouble.counts(at)


def opt_out(session: Session, conversation_id: str) -> None:
    """The customer wants nothing unasked any more."""
    conversation = get(session, conversation_id)
    customer = session.get(Customer, conversation.customer_id)
    if customer is not None:
        customer.opted_out_at = now()


def customer_of(session: Session, conversation: Conversation) -> Customer:
    customer = session.get(Customer, conversation.customer_id)
    assert customer is not None, "a conversation without its customer"
    return customer


def _by_client_id(session: Session, conversation_id: str, client_id: str) -> Message | None:
    return session.scalar(
        select(Message).where(Message.conversation_id == conversation_id, Message.client_id == client_id)
    )
