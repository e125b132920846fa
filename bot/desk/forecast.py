"""What the database says about the queue, for `bot.desk.waiting`: who waits, where places are, and the recent past.

Who waits is live as long as they are there: within the last minutes a line of theirs (a socket or a poll) was open, or
something was written.
Who is away for longer has left: nobody else's place counts them, and their chat is put back by some hours, where
agents find it when it is quieter, or answer it in its turn then. Coming back, they have their old place again.
Each function runs inside the caller's transaction and takes its moment from the caller.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.desk import presence
from bot.desk.models import Handoff
from bot.desk.waiting import Queue, Wait, estimates
from bot.desk.waiting_history import MOST_RECORDS, Rates, Served, Waited, learn
from bot.desk.waiting_pickups import Chat, pickups
from bot.events import QUEUE, announce

# How long a customer may be out of reach and still counts as waiting: a dead spot, a reload, another app on the phone.
AWAY = timedelta(minutes=5)
# The chat of who has left comes after all who are there, but not for ever: nobody is forgotten.
PUT_BACK = timedelta(hours=4)
# How exact `seen_at` is: one statement a minute and process, for all its customers who wait.
SEEN_EVERY = timedelta(minutes=1)
# More are not looked at: who stands further back is told that there are very many.
MOST_WAITING = 2000
# How many come back or leave in one transaction.
AT_ONCE = 100


_CHATS = select(Handoff.agent_id, Handoff.requested_at, Handoff.claimed_at, Handoff.ended_at, Handoff.left_at).where(
    Handoff.claimed_at.is_not(None), Handoff.agent_id.is_not(None), Handoff.by_email_at.is_(None)
)


@dataclass(frozen=True)
class Waiting:
    """One who waits. `spell` is which stay in the queue it is: the conversation's owner_version all through it."""

    handoff_id: int
    conversation_id: str
    spell: int
    requested_at: datetime
    due_at: datetime
    seen_at: datetime | None = None
    left_at: datetime | None = None
    # When something was written last, to them or by them.
    written_at: datetime | None = None

    @property
    def heard_at(self) -> datetime:
        return max(self.seen_at or self.requested_at, self.written_at or self.requested_at)

    def seen_is_old(self, at: datetime) -> bool:
        """Whether it is time to write down that they are there; a moment to come is from a clock that was set back."""
        return self.seen_at is None or not at - SEEN_EVERY < self.seen_at <= at + SEEN_EVERY


@dataclass(frozen=True)
class Standing:
    """The queue at one moment: who waits live, the next first, and who has left; `chats_s` and `free` as in `Queue`."""

    at: datetime
    waiting: tuple[Waiting, ...]
    left: tuple[Waiting, ...]
    chats_s: tuple[float, ...]
    free: int

    def moved(self, due_at: dict[int, datetime]) -> "Standing":
        """The same queue with these hand-offs due earlier."""
        waiting = [
            replace(each, due_at=min(each.due_at, due_at.get(each.handoff_id, each.due_at))) for each in self.waiting
        ]
        return replace(self, waiting=tuple(sorted(waiting, key=lambda each: (each.due_at, each.handoff_id))))


def standing(session: Session, at: datetime) -> Standing:
    """Who waits, and how busy the agents on duty are."""
    rows = session.execute(
        select(
            Handoff.id,
            Handoff.conversation_id,
            conversations.Conversation.owner_version,
            Handoff.requested_at,
            Handoff.due_at,
            Handoff.seen_at,
            Handoff.left_at,
            conversations.Conversation.updated_at,
        )
        .join(conversations.Conversation, conversations.Conversation.id == Handoff.conversation_id)
        .where(*_waits(), conversations.Conversation.owner == conversations.QUEUE)
        .order_by(Handoff.due_at, Handoff.id)
        .limit(MOST_WAITING)
    ).all()
    everybody = [Waiting(*row) for row in rows]
    chats, free = _places(session, at)
    return Standing(
        at=at,
        waiting=tuple(each for each in everybody if each.left_at is None),
        left=tuple(each for each in everybody if each.left_at is not None),
        chats_s=chats,
        free=free,
    )


def _waits() -> tuple[ColumnElement[bool], ...]:
    """Nobody has claimed it, and it is not answered by e-mail."""
    return Handoff.ended_at.is_(None), Handoff.claimed_at.is_(None), Handoff.by_email_at.is_(None)


def _places(session: Session, at: datetime) -> tuple[tuple[float, ...], int]:
    """How long the chats whose end frees a place have been going, and the places that are free."""
    on_duty = {agent.account_id: max(agent.capacity, 0) for agent in presence.on_duty(session)}
    if not on_duty:
        return (), 0
    going: defaultdict[str, list[float]] = defaultdict(list)
    rows = session.execute(
        select(Handoff.agent_id, Handoff.claimed_at)
        .where(Handoff.agent_id.in_(on_duty), Handoff.ended_at.is_(None), Handoff.claimed_at.is_not(None))
        .order_by(Handoff.claimed_at.desc())
    )
    for agent_id, claimed_at in rows:
        going[agent_id].append(_seconds(claimed_at, at))
    # Of who has more chats than places the oldest ones are in nobody's way: their end frees none.
    chats = [each for agent_id, capacity in on_duty.items() for each in going[agent_id][:capacity]]
    free = sum(max(0, capacity - len(going[agent_id])) for agent_id, capacity in on_duty.items())
    return tuple(chats), free


def waits(state: Standing, rates: Rates, idle_s: float = 0.0) -> list[Wait]:
    """What each of `state.waiting` has still to wait, in that order."""
    ahead = [_seconds(each.requested_at, state.at) for each in state.waiting]
    return estimates(Queue(ahead, state.chats_s, state.free, idle_s), rates)[: len(ahead)]


def rates(session: Session, at: datetime, in_progress_s: Sequence[float] = ()) -> Rates:
    """What the newest 1,500 chats and waits say. A chat's length is taken from one claim to the next: with the time
    that a place stood free although its customer waited."""
    ended = session.execute(
        _CHATS.where(Handoff.ended_at.is_not(None)).order_by(Handoff.ended_at.desc()).limit(MOST_RECORDS)
    ).all()[::-1]
    going = session.execute(_CHATS.where(Handoff.ended_at.is_(None)).limit(MOST_RECORDS)).all()
    chats = [
        Chat(
            agent_id=row.agent_id,
            requested_at=row.requested_at.timestamp(),
            claimed_at=row.claimed_at.timestamp(),
            ended_at=row.ended_at.timestamp() if row.ended_at else None,
            passed_over=row.left_at is not None,
        )
        for row in (*ended, *going)
    ]
    capacity = {agent.account_id: agent.capacity for agent in presence.on_duty(session)}
    waited_s = pickups(chats, capacity)
    served = [
        Served(chat.ended_at, max(chat.ended_at - chat.claimed_at, 0.0) + waited_s.get(number, 0.0))
        for number, chat in enumerate(chats)
        if chat.ended_at is not None
    ]
    newest = [waited_s[number] for number in sorted(waited_s, key=lambda number: chats[number].claimed_at)]
    return learn(served, _waited(session), in_progress_s=in_progress_s, pickups_s=newest, now=at.timestamp())


def _waited(session: Session) -> list[Waited]:
    """The newest waits that are over. Who left did so when they were last heard of, or chose e-mail."""
    over = (Handoff.claimed_at, Handoff.ended_at, Handoff.left_at, Handoff.by_email_at)
    rows = session.execute(
        select(Handoff.requested_at, Handoff.seen_at, *over)
        .where(or_(*(column.is_not(None) for column in over)))
        .order_by(Handoff.id.desc())
        .limit(MOST_RECORDS)
    )
    found = []
    for row in rows:
        left_at = row.by_email_at or (row.left_at and (row.seen_at or row.left_at))
        ended_at = left_at or row.claimed_at or row.ended_at
        left = left_at is not None or row.claimed_at is None
        found.append(Waited(ended_at.timestamp(), _seconds(row.requested_at, ended_at), left))
    return sorted(found, key=lambda each: each.ended_at)


def _seconds(since: datetime, until: datetime) -> float:
    return max((until - since).total_seconds(), 0.0)


def seen(session: Session, handoff_ids: Collection[int], at: datetime) -> None:
    """These customers are there. Several processes may say so; the latest moment stays, unless it is still to come."""
    earlier = or_(Handoff.seen_at.is_(None), Handoff.seen_at < at, Handoff.seen_at > at + SEEN_EVERY)
    session.execute(
        update(Handoff)
        .where(Handoff.id.in_(handoff_ids), Handoff.claimed_at.is_(None), Handoff.ended_at.is_(None), earlier)
        .values(seen_at=at)
    )


def gone(state: Standing, here: Collection[str]) -> list[int]:
    """The hand-offs of customers who count as waiting and have not been heard of for too long."""
    return [
        each.handoff_id
        for each in state.waiting
        if each.conversation_id not in here and each.heard_at < state.at - AWAY
    ]


def returned(state: Standing, here: Collection[str]) -> list[int]:
    """The hand-offs of customers who had left and are there again, here or in another process."""
    return [
        each.handoff_id
        for each in state.left
        if each.conversation_id in here or (each.left_at is not None and each.heard_at > each.left_at)
    ]


def leave(session: Session, handoff_ids: Iterable[int], at: datetime) -> int:
    """They have left: their chats are put back. How many really had, and had not been seen to before."""
    found = _locked(session, handoff_ids, Handoff.left_at.is_(None))
    found = [each for each in found if (each.seen_at or each.requested_at) < at - AWAY]
    for handoff in found:
        handoff.left_at, handoff.place_at = at, handoff.due_at
        handoff.due_at = max(handoff.due_at, at) + PUT_BACK
    if found:
        announce(session, QUEUE)
    return len(found)


def come_back(session: Session, handoff_ids: Iterable[int], at: datetime) -> int:
    """They are there again, and have their old place."""
    found = _locked(session, handoff_ids, Handoff.left_at.is_not(None))
    for handoff in found:
        handoff.due_at = min(handoff.due_at, handoff.place_at or handoff.due_at)
        handoff.left_at = handoff.place_at = None
        handoff.seen_at = at
    if found:
        announce(session, QUEUE)
    return len(found)


def _locked(session: Session, handoff_ids: Iterable[int], which: ColumnElement[bool]) -> Sequence[Handoff]:
    wanted = sorted(handoff_ids)[:AT_ONCE]
    # What is being claimed this very moment is passed over: it waits no more.
    return session.scalars(
        select(Handoff)
        .where(Handoff.id.in_(wanted), *_waits(), which)
        .order_by(Handoff.id)
        .with_for_update(skip_locked=True)
    ).all()
