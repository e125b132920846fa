"""Handing over, claiming, handing back, resolving. Each function runs inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bot.accounts import services as accounts
from bot.conversations import services as conversations
from bot.db import now
from bot.desk import by_email, closed
from bot.desk.models import Handoff
from bot.desk.summary import summarise
from bot.errors import Conflict
from bot.events import QUEUE, announce

REASONS = {
    "asked_for_person": "Asked for a person",
    "frustrated": "Frustrated",
    "unresolved": "Not resolved by the assistant",
    "complaint": "Complaint",
    "engine_unavailable": "Assistant unavailable",
    "other_language": "Other language",
    by_email.REASON: "Asked for e-mail",
    by_email.RETURNED: "E-mail not delivered",
}
# What is urgent is due as if it had been asked for so much earlier. Later ones never overtake those that have waited
# longer than the difference, so nobody starves.
HEAD_START = {
    "frustrated": timedelta(minutes=10),
    "complaint": timedelta(minutes=10),
    "unresolved": timedelta(minutes=3),
}
# A complaint of so long ago still weighs on the next conversation.
COMPLAINT_LASTS = timedelta(days=14)
QUEUE_PAGE = 200
# How often the next chat is looked for when the one that was seen first has just gone to somebody else.
TRIES = 5
# How long the agent who resolved a chat can take it straight back.
REOPEN_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class QueueEntry:
    """A line of the desk: an open hand-off, its chat and customer."""

    handoff: Handoff
    conversation: conversations.Conversation
    customer: conversations.Customer

    @property
    def reason(self) -> str:
        return REASONS.get(self.handoff.reason, self.handoff.reason)

    def waiting_s(self, at: datetime) -> int:
        return int(((self.handoff.claimed_at or at) - self.handoff.requested_at).total_seconds())


def hand_over(session: Session, conversation: conversations.Conversation, reason: str, reasons: list[str]) -> Handoff:
    """Owner, queue entry with reason and summary, and the notice to the customer: one transaction.

    The conversation's row must be locked by the caller. A chat that is with people already stays there.
    """
    waiting = _open_handoff(session, conversation.id)
    if waiting is not None:
        return waiting
    messages = conversations.messages_after(session, conversation.id, conversation.bot_since_sequence)
    summary = summarise(messages)
    asked_at = now()
    handoff = Handoff(
        conversation_id=conversation.id,
        requested_at=asked_at,
        due_at=asked_at - HEAD_START.get(reason, timedelta()),
        reason=reason,
        reasons=reasons or [REASONS.get(reason, reason) + "."],
        summary=summary.text,
        tried=list(summary.tried),
    )
    session.add(handoff)
    conversations.change_owner(session, conversation, conversations.QUEUE)
    if reason == "engine_unavailable":
        conversations.notice(
            session,
            conversation,
            "bot_unavailable",
            "Our assistant is not available just now, so I have asked a person to take over. "
            "You can keep writing; nothing gets lost.",
        )
        closed.tell(session, conversation, asked_at)
    if reason not in ("engine_unavailable", by_email.REASON) and not closed.tell(session, conversation, asked_at):
        conversations.notice(
            session,
            conversation,
            "handoff_requested",
            "I have asked a person to take over. They see our whole conversation, so you don't have to repeat "
            "anything. You can keep writing while you wait.",
        )
    announce(session, QUEUE)
    return handoff


def claim(
    session: Session, conversation_id: str, agent: tuple[str, str], capacity: int | None = None
) -> conversations.Conversation:
    """Make the waiting chat this agent's.

    Raises Conflict when somebody else was first, when it waits no more, or when the agent has `capacity` chats.
    """
    conversation = conversations.get(session, conversation_id, for_update=True)
    if conversation.owner == conversations.AGENT and conversation.agent_id == agent[0]:
        return conversation
    handoff = _open_handoff(session, conversation_id)
    if conversation.owner == conversations.AGENT:
        raise Conflict(f"{conversation.agent_name} has claimed this chat already.")
    if conversation.owner != conversations.QUEUE or handoff is None:
        raise Conflict("This chat is not waiting for a person any more.")
    _check_capacity(session, agent, capacity)
    return _give(session, conversation, handoff, agent)


def claim_next(session: Session, agent: tuple[str, str], capacity: int | None = None) -> conversations.Conversation:
    """Make the waiting chat that is due first this agent's; of agents who ask at once each gets another one.

    Raises Conflict when nobody waits, or when the agent has `capacity` chats.
    """
    _check_capacity(session, agent, capacity)
    waits = (Handoff.ended_at.is_(None), Handoff.claimed_at.is_(None))
    first = (
        select(conversations.Conversation, Handoff)
        .join(Handoff, Handoff.conversation_id == conversations.Conversation.id)
        .where(*waits, conversations.Conversation.owner == conversations.QUEUE)
        .order_by(Handoff.due_at, Handoff.id)
        .limit(1)
        # The conversation's row, as in `claim`: one order of locks, no deadlock.
        .with_for_update(of=conversations.Conversation, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    for _ in range(TRIES):
        found = session.execute(first).one_or_none()
        if found is not None:
            return _give(session, found[0], found[1], agent)
        # PostgreSQL drops a row that changed while it was being locked, and with it the only one that was asked for.
        if not session.scalar(select(Handoff.id).where(*waits).limit(1)):
            break
    raise Conflict("Nobody is waiting just now.")


def _give(
    session: Session, conversation: conversations.Conversation, handoff: Handoff, agent: tuple[str, str]
) -> conversations.Conversation:
    handoff.claimed_at = now()
    handoff.agent_id = agent[0]
    conversations.change_owner(session, conversation, conversations.AGENT, agent)
    conversations.notice(session, conversation, "agent_joined", f"{agent[1]} has joined the chat.", name=agent[1])
    announce(session, QUEUE)
    return conversation


def _check_capacity(session: Session, agent: tuple[str, str], capacity: int | None) -> None:
    if capacity is None:
        return
    # Counted and claimed under one lock, or two tabs of one agent could both find room for the last one.
    accounts.hold(session, agent[0])
    held = session.scalar(
        select(func.count()).select_from(Handoff).where(Handoff.agent_id == agent[0], Handoff.ended_at.is_(None))
    )
    if held >= capacity:
        raise Conflict(f"You have {held} chats, and {capacity} at a time are allowed. Resolve one or pass it on first.")


def hand_back(session: Session, conversation_id: str, agent: tuple[str, str]) -> None:
    """Back to the queue, in its old place: the customer has waited since they first asked."""
    conversation, handoff = _mine(session, conversation_id, agent)
    handoff.claimed_at = None
    handoff.agent_id = None
    conversations.change_owner(session, conversation, conversations.QUEUE)
    conversations.notice(
        session,
        conversation,
        "agent_left",
        f"{agent[1]} has passed the chat on. The next free colleague takes over.",
        name=agent[1],
    )
    announce(session, QUEUE)


def resolve(session: Session, conversation_id: str, agent: tuple[str, str]) -> None:
    """Done: the bot owns the chat again, with a fresh start."""
    conversation, handoff = _mine(session, conversation_id, agent)
    handoff.ended_at = now()
    handoff.outcome = "resolved"
    conversations.notice(
        session,
        conversation,
        "resolved",
        f"{agent[1]} has closed this request. If there is anything else, just write: the assistant answers first.",
        name=agent[1],
    )
    conversations.change_owner(session, conversation, conversations.BOT)
    announce(session, QUEUE)


def reopen(session: Session, conversation_id: str, agent: tuple[str, str]) -> conversations.Conversation:
    """Undo this agent's `resolve`, for a while: the chat is theirs again, whatever the bot was about to say.

    Raises Conflict when it is too late, or the chat is with people again.
    """
    conversation = conversations.get(session, conversation_id, for_update=True)
    handoff = newest_handoff(session, conversation_id)
    if handoff is None or not can_reopen(handoff, agent[0]) or conversation.owner != conversations.BOT:
        raise Conflict("This chat can't be reopened any more.")
    handoff.ended_at = None
    handoff.outcome = None
    conversations.change_owner(session, conversation, conversations.AGENT, agent)
    conversations.notice(session, conversation, "agent_joined", f"{agent[1]} is back in the chat.", name=agent[1])
    announce(session, QUEUE)
    return conversation


def can_reopen(handoff: Handoff, agent_id: str) -> bool:
    return handoff.agent_id == agent_id and handoff.ended_at is not None and handoff.ended_at > now() - REOPEN_WITHIN


def queue(session: Session, *which: ColumnElement[bool]) -> list[QueueEntry]:
    """The open hand-offs, or `which` of them: those that wait first, what is due first on top."""
    rows = session.execute(
        select(Handoff, conversations.Conversation, conversations.Customer)
        .join(conversations.Conversation, conversations.Conversation.id == Handoff.conversation_id)
        .join(conversations.Customer, conversations.Customer.id == conversations.Conversation.customer_id)
        .where(Handoff.ended_at.is_(None), *which)
        .order_by(Handoff.claimed_at.is_not(None), Handoff.due_at, Handoff.id)
        .limit(QUEUE_PAGE)
    ).all()
    return [QueueEntry(handoff, conversation, customer) for handoff, conversation, customer in rows]


def entry(session: Session, conversation_id: str) -> QueueEntry:
    """The open hand-off of a chat. Raises Conflict when it is not with people."""
    conversation = conversations.get(session, conversation_id)
    handoff = _open_handoff(session, conversation_id)
    if handoff is None:
        raise Conflict("This chat is not with people any more.")
    return QueueEntry(handoff, conversation, conversations.customer_of(session, conversation))


def transcript(session: Session, conversation_id: str, after: int = 0) -> list[conversations.Message]:
    """The newest messages after number `after`, in order."""
    return conversations.messages_after(session, conversation_id, after)


def newest_handoff(session: Session, conversation_id: str) -> Handoff | None:
    """The hand-off that is open, or else the last one."""
    return session.scalar(
        select(Handoff).where(Handoff.conversation_id == conversation_id).order_by(Handoff.id.desc()).limit(1)
    )


def complained_lately(session: Session, conversation_id: str) -> bool:
    """Whether this customer complained within `COMPLAINT_LASTS`, in this conversation or another one."""
    customer_id = select(conversations.Conversation.customer_id).where(conversations.Conversation.id == conversation_id)
    return bool(
        session.scalar(
            select(Handoff.id)
            .join(conversations.Conversation, conversations.Conversation.id == Handoff.conversation_id)
            .where(
                conversations.Conversation.customer_id == customer_id.scalar_subquery(),
                Handoff.reason == "complaint",
                Handoff.requested_at > now() - COMPLAINT_LASTS,
            )
            .limit(1)
        )
    )


def _open_handoff(session: Session, conversation_id: str) -> Handoff | None:
    return session.scalar(select(Handoff).where(Handoff.conversation_id == conversation_id, Handoff.ended_at.is_(None)))


def check_mine(session: Session, conversation_id: str, agent: tuple[str, str]) -> None:
    """Raises Conflict when the chat is not this agent's."""
    conversation = conversations.get(session, conversation_id)
    if conversation.owner != conversations.AGENT or conversation.agent_id != agent[0]:
        raise Conflict("This chat is not yours any more.")


def _mine(session: Session, conversation_id: str, agent: tuple[str, str]) -> tuple[conversations.Conversation, Handoff]:
    conversation = conversations.get(session, conversation_id, for_update=True)
    handoff = _open_handoff(session, conversation_id)
    if conversation.owner != conversations.AGENT or conversation.agent_id != agent[0] or handoff is None:
        raise Conflict("This chat is not yours any more.")
    return conversation, handoff
