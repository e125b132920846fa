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
    conversations.notice(
        session,
        conversation,
        "closed",
        f"{in_words(session, found, at)} Your request is noted, and people see our whole conversation. "
        "You can keep writing, or choose “E-mail me instead” where it is offered.",
        next=found.next.isoformat(timespec="seconds") if found.next else None,
    )
    return True


def in_words(session: Session, found: hours_store.Opening, at: datetime) -> str:
    """“Nobody is here just now: we are back Monday at 09:00 (Europe/Dublin).” Nothing while it is open."""
    if found.open:
        return ""
    if found.next is None:
        return "Nobody is here just now."
    calendar = hours_store.load(session)
    back = hours_store.in_words(calendar, found.next, at)
    return f"Nobody is here just now: we are back {back} ({calendar.zone.key})."
