"""Hand-offs that are answered by e-mail: with people like any other, but nobody waits for them in the chat."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bot.desk import hours_store, priority
from bot.desk.models import Handoff
from bot.events import QUEUE, announce

# Reasons of hand-offs that begin with an e-mail, or with one that came back.
REASON = "by_email"
RETURNED = "mail_returned"


def mark(session: Session, conversation_id: str, address: str, at: datetime) -> None:
    """The open hand-off is answered by e-mail to `address` from now on.

    It is due when four opening hours have passed: after all who wait in the chat now, before those who come later than
    that, so that it is neither in anybody's way nor forgotten. Its age counts on from when the person was asked for.
    Without an open hand-off nothing happens.
    """
    handoff = _open(session, conversation_id)
    if handoff is None:
        return
    if handoff.by_email_at is None:
        handoff.by_email_at = at
        handoff.due_at = max(handoff.due_at, hours_store.due_by_email(session, at))
    handoff.by_email_to = address
    announce(session, QUEUE)


def unmark(session: Session, conversation_id: str) -> None:
    """The mail does not arrive: back among those who wait in the chat, as urgent as when they first asked."""
    handoff = _open(session, conversation_id)
    if handoff is not None and handoff.by_email_at is not None:
        handoff.by_email_at = handoff.by_email_to = None
        handoff.due_at = priority.due_at(handoff.requested_at, handoff.reason)
        announce(session, QUEUE)


def marked() -> Select[tuple[str]]:
    """The conversations that are with people and answered by e-mail."""
    return select(Handoff.conversation_id).where(Handoff.ended_at.is_(None), Handoff.by_email_at.is_not(None))


def _open(session: Session, conversation_id: str) -> Handoff | None:
    return session.scalar(select(Handoff).where(Handoff.conversation_id == conversation_id, Handoff.ended_at.is_(None)))
