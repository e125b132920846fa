"""Who is at the desk, and what becomes of chats whose agent is not. Each function runs inside the caller's transaction.

An agent says available, away, lunch or gone; that stands until they say something else. Being seen is their desk asking
for news. Who has not been seen for a while is gone whatever they said, and with the next sign of life as before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from bot.accounts.services import AGENT, Account
from bot.conversations import services as conversations
from bot.db import now
from bot.desk import priority
from bot.desk.models import Agent, Handoff
from bot.desk.rules import rules
from bot.desk.services import back_to_queue
from bot.desk.staffing import agent_row
from bot.errors import Invalid
from bot.events import QUEUE, announce

AVAILABLE = "available"
AWAY = "away"
LUNCH = "lunch"
GONE = "gone"
STATES = {AVAILABLE: "Available", AWAY: "Away", LUNCH: "At lunch", GONE: "Gone"}
# A desk tells of itself every 20 s, but a browser wakes a page in the background only once a minute.
UNSEEN = timedelta(seconds=75)
SEEN_EVERY = timedelta(seconds=20)
# Further ahead than clocks of two machines differ: such a time was written before a clock was set back.
AHEAD = timedelta(seconds=10)
# How many chats one sweep gives back.
SWEEP = 100
_M = conversations.Message
_LAST_WORD = (
    select(_M.author)
    .where(_M.conversation_id == Handoff.conversation_id, _M.author != "system")
    .order_by(_M.sequence.desc())
    .limit(1)
    .correlate(Handoff)
    .scalar_subquery()
)
# The last word, notices apart, is not an agent's.
_CUSTOMER_WAITS = func.coalesce(_LAST_WORD, "") != "agent"


@dataclass(frozen=True)
class OnDuty:
    account_id: str
    # How many chats at a time.
    capacity: int


def on_duty(session: Session, at: datetime | None = None) -> Sequence[OnDuty]:
    """The agents who are available, and whose desk was heard of lately."""
    seen = (at or now()) - UNSEEN
    here = select(Agent).where(Agent.state == AVAILABLE, Agent.seen_at > seen).order_by(Agent.account_id)
    usual = rules(session).capacity
    return [OnDuty(agent.account_id, agent.capacity or usual) for agent in session.scalars(here)]


def said_by(session: Session, account_id: str) -> str:
    """What an agent said of themselves last."""
    agent = session.get(Agent, account_id)
    return agent.state if agent else GONE


def state_of(session: Session, account_id: str, at: datetime | None = None) -> str:
    """What an agent's state is to others: what they said, or gone when they were not seen."""
    agent = session.get(Agent, account_id)
    return effective(agent, at or now()) if agent else GONE


def effective(agent: Agent, at: datetime) -> str:
    return agent.state if agent.seen_at is not None and agent.seen_at > at - UNSEEN else GONE


def touch(session: Session, account: Account, at: datetime | None = None) -> str:
    """Their desk was heard of; what they said last. On their very first visit an agent is available."""
    at = at or now()
    agent = session.get(Agent, account.id)
    if agent is None or agent.seen_at is None:
        agent = agent_row(session, account.id, at)
        if agent.seen_at is None:
            # An operator only looks, until they say so or take a chat.
            agent.state = AVAILABLE if account.role == AGENT else GONE
            agent.state_since = agent.seen_at = at
            announce(session, QUEUE)
        return agent.state
    if agent.seen_at <= at - UNSEEN:
        announce(session, QUEUE)
    # Guarded, so that two tabs write once; a time ahead is from before the clock was set back.
    stale = or_(Agent.seen_at <= at - SEEN_EVERY, Agent.seen_at > at + AHEAD)
    session.execute(
        update(Agent).where(Agent.account_id == account.id, stale).values(seen_at=at),
        execution_options={"synchronize_session": False},
    )
    return agent.state


def set_state(session: Session, account_id: str, state: str, at: datetime | None = None) -> None:
    """What an agent says of themselves. Raises Invalid."""
    if state not in STATES:
        raise Invalid(f"There is no such state: it is one of {', '.join(STATES)}.")
    at = at or now()
    agent = agent_row(session, account_id, at)
    agent.seen_at = at
    if agent.state != state:
        agent.state, agent.state_since = state, at
        announce(session, QUEUE)


def give_back(session: Session, at: datetime | None = None) -> int:
    """Chats whose customers wait for an agent who is not there go to the front of the queue; how many went.

    Safe when several processes do it at once: each hand-off is locked, and looked at again under the lock.
    """
    at = at or now()
    _mend_clocks(session, at)
    return sum(_give_back(session, handoff_id, at) for handoff_id in session.scalars(_left(session, at)).all())


def to_give_back(session: Session, at: datetime | None = None) -> bool:
    """Whether `give_back` has anything to do, which is seldom: a look holds nobody up who writes."""
    at = at or now()
    looks = (_left(session, at), _agents_ahead(at), _handoffs_ahead(at))
    return any(session.execute(look.limit(1)).first() is not None for look in looks)


def saw_missed(session: Session, agent_id: str) -> None:
    for handoff in session.scalars(select(Handoff).where(Handoff.lost_by == agent_id).with_for_update()):
        handoff.lost_by = None
    announce(session, QUEUE)


def _absent(session: Session, at: datetime) -> ColumnElement[bool]:
    """Whether the agent of a hand-off has been away for longer than the grace."""
    grace = dict(rules(session).grace)
    said = [
        and_(
            Agent.state == state,
            Agent.state_since <= at - grace[state],
            # A chat that was taken meanwhile has the grace from then on.
            Handoff.claimed_at <= at - grace[state],
        )
        for state in (AWAY, LUNCH, GONE)
    ]
    silent = and_(
        or_(Agent.account_id.is_(None), Agent.seen_at.is_(None), Agent.seen_at <= at - grace[GONE] - UNSEEN),
        Handoff.claimed_at <= at - grace[GONE] - UNSEEN,
    )
    return or_(silent, *said)


def _give_back(session: Session, handoff_id: int, at: datetime) -> bool:
    locked = (
        select(Handoff)
        .where(Handoff.id == handoff_id, Handoff.ended_at.is_(None), Handoff.claimed_at.is_not(None))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    handoff = session.scalar(locked)
    if handoff is None:
        return False
    conversation = conversations.get(session, handoff.conversation_id, for_update=True)
    # Between the look and the lock an answer may have come, or the agent.
    still = select(Handoff.id).outerjoin(Agent, Agent.account_id == Handoff.agent_id)
    if session.scalar(still.where(Handoff.id == handoff_id, _absent(session, at), _CUSTOMER_WAITS)) is None:
        return False
    lose(session, conversation, handoff, at)
    return True


def lose(
    session: Session, conversation: conversations.Conversation, handoff: Handoff, at: datetime | None = None
) -> None:
    """To the front of the queue, and both sides are told. Both rows must be locked by the caller.

    Who is answered by e-mail waits in no chat: theirs keeps its place.
    """
    name = conversation.agent_name or "Your agent"
    handoff.lost_by = handoff.agent_id
    handoff.queued_at = at or now()
    if handoff.by_email_at is None:
        handoff.due_at = priority.at_the_front(handoff.requested_at)
    back_to_queue(session, conversation, handoff)
    if handoff.by_email_at is not None:
        left = f"{name} had to leave. A colleague takes over."
        conversations.notice(session, conversation, "agent_left", left, name=name)
        return
    conversations.notice(
        session,
        conversation,
        "agent_away",
        f"{name} had to leave. You are first in the queue now: the next free colleague takes over.",
        name=name,
    )


def _left(session: Session, at: datetime) -> Select[Any]:
    """Hand-offs whose customers wait for an agent who is not there."""
    return (
        select(Handoff.id)
        .outerjoin(Agent, Agent.account_id == Handoff.agent_id)
        .where(Handoff.ended_at.is_(None), Handoff.claimed_at.is_not(None), _absent(session, at), _CUSTOMER_WAITS)
        .order_by(Handoff.claimed_at, Handoff.id)
        .limit(SWEEP)
    )


def _agents_ahead(at: datetime) -> Select[Any]:
    return select(Agent).where(or_(Agent.seen_at > at + AHEAD, Agent.state_since > at + AHEAD))


def _handoffs_ahead(at: datetime) -> Select[Any]:
    ahead = or_(Handoff.claimed_at > at + AHEAD, Handoff.queued_at > at + AHEAD)
    return select(Handoff).where(Handoff.ended_at.is_(None), ahead)


def _mend_clocks(session: Session, at: datetime) -> None:
    """What lies in the future was written before a clock was set back: it counts as now, and runs from now on."""

    def locked(ahead: Select[Any]) -> Select[Any]:
        return ahead.with_for_update(skip_locked=True).execution_options(populate_existing=True)

    for agent in session.scalars(locked(_agents_ahead(at))):
        agent.seen_at = min(agent.seen_at, at) if agent.seen_at else None
        agent.state_since = min(agent.state_since, at)
    for handoff in session.scalars(locked(_handoffs_ahead(at))):
        handoff.claimed_at = min(handoff.claimed_at, at) if handoff.claimed_at else None
        handoff.queued_at = min(handoff.queued_at, at)
