"""What a customer is told who needs a person outside business hours. Inside the caller's transaction."""

from datetime import datetime

from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.desk import hours_store


def tell(session: Session, conversation: conversations.Conversation, at: datetime) -> bool:
    """Say when people are back, if nobody is there at `at`; whether that was said.

    The notice `closed` carries `next`: the next opening in ISO 8601 (UTC), or null where none is known.
    """
    found = hours_store.opening(session, at)
    if found.open:
        return False
    back = ""
    if found.next is not None:
        calendar = hours_store.load(session)
        back = f": we are back {hours_store.in_words(calendar, found.next, at)} ({calendar.zone.key})"
    conversations.notice(
        session,
        conversation,
        "closed",
        f"Nobody is here just now{back}. Your request is noted, and people see our whole conversation. "
        "You can keep writing, or choose “E-mail me instead” where it is offered.",
        next=found.next.isoformat(timespec="seconds") if found.next else None,
    )
    return True
