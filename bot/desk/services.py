"""Handing over, claiming, handing back, resolving. Each function runs inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.conversations.text import language_of
from bot.db import now
from bot.desk import by_email, closed, priority
from bot.desk.models import Handoff, Team
from bot.desk.rules import rules
from bot.desk.staffing import offered
from bot.desk.summary import summarise
from bot.errors import Conflict
from bot.events import QUEUE, announce
from kb_index.tables import kb_articles

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
# A complaint of so long ago still weighs on the next conversation.
COMPLAINT_LASTS = timedelta(days=14)
QUEUE_PAGE = 200
# What the customer is told: code and English text.
_HANDED_OVER = (
    "handoff_requested",
    "I have asked a person to take over. They see our whole conversation, so you don't have to repeat anything. "
    "You can keep writing while you wait.",
)
_UNAVAILABLE = (
    "bot_unavailable",
    "Our assistant is not available just now, so I have asked a person to take over. "
    "You can keep writing; nothing gets lost.",
)
# How long the agent who resolved a chat can take it straight back.
REOPEN_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class QueueEntry:
    """A line of the desk: an open hand-off, its chat and customer."""

    handoff: Handoff
    conversation: conversations.Conversation
    customer: conversations.Customer
    team: str | None = None

    @property
    def wanted(self) -> list[str]:
        """Who should have it, in words: team, topic, language."""
        language = self.handoff.language
        return [each for each in (self.team, self.handoff.skill, language and language.upper()) if each]

    @property
    def reason(self) -> str:
        return REASONS.get(self.handoff.reason, self.handoff.reason)

    def waiting_s(self, at: datetime) -> int:
        return int(((self.handoff.claimed_at or at) - self.handoff.requested_at).total_seconds())


def hand_over(
    session: Session,
    conversation: conversations.Conversation,
    reason: str,
    reasons: list[str],
    language: str | None = None,
) -> Handoff:
    """Owner, queue entry with reason and summary, and the notice to the customer: one transaction.

    The conversation's row must be locked by the caller. A chat that is with people already stays there. `language` is
    what the customer was found to write in, where that was looked at.
    """
    waiting = _open_handoff(session, conversation.id)
    if waiting is not None:
        return waiting
    messages = conversations.messages_after(session, conversation.id, conversation.bot_since_sequence)
    summary = summarise(messages)
    customer = conversations.customer_of(session, conversation)
    asked_at = now()
    topic = _topic(session, messages)
    handoff = Handoff(
        conversation_id=conversation.id,
        requested_at=asked_at,
        queued_at=asked_at,
        due_at=priority.due_at(
            asked_at,
            reason,
            plan=customer.plan,
            complaint=_complains(session, customer.id, Handoff.ended_at.is_(None)),
            plans=rules(session).priority_plans,
            topic=topic,
            topics=rules(session).urgent_topics,
            trouble=conversations.in_trouble(conversation, asked_at),
        ),
        reason=reason,
        reasons=reasons or [REASONS.get(reason, reason) + "."],
        summary=summary.text,
        tried=list(summary.tried),
        **_wanted(session, topic, language or customer.locale),
    )
    session.add(handoff)
    conversations.change_owner(session, conversation, conversations.QUEUE)
    _tell(session, conversation, reason, asked_at)
    announce(session, QUEUE)
    return handoff


def _tell(session: Session, conversation: conversations.Conversation, reason: str, at: datetime) -> None:
    if reason == by_email.REASON:
        # Has been told by who switched to e-mail.
        return
    if reason == "engine_unavailable":
        conversations.notice(session, conversation, *_UNAVAILABLE)
    if not closed.tell(session, conversation, at) and reason != "engine_unavailable":
        conversations.notice(session, conversation, *_HANDED_OVER)


def _topic(session: Session, messages: Sequence[conversations.Message]) -> str | None:
    """The category of the article that was shown last."""
    shown = [message.extra["article"]["id"] for message in messages if message.extra and message.extra.get("article")]
    return session.scalar(select(kb_articles.c.category).where(kb_articles.c.id == shown[-1])) if shown else None


def _wanted(session: Session, topic: str | None, locale: str) -> dict[str, str | None]:
    """The skill and the language that somebody should have, where some agent names them; else anybody will do."""
    skills, languages = offered(session)
    language = language_of(locale)
    known = language in languages and language != rules(session).article_language
    return {"skill": topic if topic in skills else None, "language": language if known else None}


def hand_back(session: Session, conversation_id: str, agent: tuple[str, str]) -> None:
    """Back to the queue, in its old place: the customer has waited since they first asked."""
    conversation, handoff = mine(session, conversation_id, agent)
    back_to_queue(session, conversation, handoff)
    conversations.notice(
        session,
        conversation,
        "agent_left",
        f"{agent[1]} has passed the chat on. The next free colleague takes over.",
        name=agent[1],
    )


def resolve(session: Session, conversation_id: str, agent: tuple[str, str]) -> None:
    """Done: the bot owns the chat again, with a fresh start. Once more by the same agent changes nothing."""
    try:
        conversation, handoff = mine(session, conversation_id, agent)
    except Conflict:
        last = newest_handoff(session, conversation_id)
        if last is not None and last.ended_at is not None and last.agent_id == agent[0]:
            return
        raise
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
        select(Handoff, conversations.Conversation, conversations.Customer, Team.name)
        .join(conversations.Conversation, conversations.Conversation.id == Handoff.conversation_id)
        .join(conversations.Customer, conversations.Customer.id == conversations.Conversation.customer_id)
        .outerjoin(Team, Team.id == Handoff.team_id)
        .where(Handoff.ended_at.is_(None), *which)
        .order_by(Handoff.claimed_at.is_not(None), Handoff.due_at, Handoff.id)
        .limit(QUEUE_PAGE)
    ).all()
    return [QueueEntry(*row) for row in rows]


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
    return _complains(session, customer_id.scalar_subquery(), Handoff.requested_at > now() - COMPLAINT_LASTS)


def _complains(session: Session, customer_id: Any, when: ColumnElement[bool]) -> bool:
    """Whether a customer has a hand-off for a complaint; `customer_id` is one, or a query for it."""
    found = (
        select(Handoff.id)
        .join(conversations.Conversation, conversations.Conversation.id == Handoff.conversation_id)
        .where(conversations.Conversation.customer_id == customer_id, Handoff.reason == "complaint", when)
    )
    return session.scalar(found.limit(1)) is not None


def _open_handoff(session: Session, conversation_id: str) -> Handoff | None:
    return session.scalar(_open(conversation_id))


def _open(conversation_id: str) -> Select[tuple[Handoff]]:
    return select(Handoff).where(Handoff.conversation_id == conversation_id, Handoff.ended_at.is_(None))


def check_mine(session: Session, conversation_id: str, agent: tuple[str, str]) -> None:
    """Raises Conflict when the chat is not this agent's."""
    conversation = conversations.get(session, conversation_id)
    if conversation.owner != conversations.AGENT or conversation.agent_id != agent[0]:
        raise Conflict("This chat is not yours any more.")


def back_to_queue(session: Session, conversation: conversations.Conversation, handoff: Handoff) -> None:
    """Both rows must be locked by the caller, who tells the customer why."""
    handoff.claimed_at = handoff.agent_id = handoff.pushed_at = None
    conversations.change_owner(session, conversation, conversations.QUEUE)
    announce(session, QUEUE)


def mine(session: Session, conversation_id: str, agent: tuple[str, str]) -> tuple[conversations.Conversation, Handoff]:
    """The chat and its open hand-off, both locked. Raises Conflict when it is not this agent's."""
    # The hand-off first, as in a claim: one order of locks, no deadlock.
    handoff = session.scalar(_open(conversation_id).with_for_update())
    conversation = conversations.get(session, conversation_id, for_update=True)
    if conversation.owner != conversations.AGENT or conversation.agent_id != agent[0] or handoff is None:
        raise Conflict("This chat is not yours any more.")
    return conversation, handoff
