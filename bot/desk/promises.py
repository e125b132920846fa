"""The ledger: every range that a waiting customer was shown is a promise, and what became of it.

A promise is kept when the chat was claimed by the end of its range. One that is about to break moves the chat up a
little; one that breaks moves it to the front, and brings an apology with a new range, which is a new promise.
Functions that take a session run inside the caller's transaction; several processes may do the same at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.desk.forecast import Waiting
from bot.desk.models import Handoff, Promise
from bot.desk.waiting import Wait, in_english, phrase
from bot.events import QUEUE, announce

# A promise is about to break in the last fifth of it, or in its last minute where that is more (of a very short one
# in the second half).
PRESSING_SHARE, PRESSING = 0.2, timedelta(minutes=1)
# How far a chat is moved up then: past those who asked a little earlier, not past the urgent ones.
MOVED_UP = timedelta(minutes=2)
# Whose promise broke goes before all whose have not, in the order in which they broke.
TO_THE_FRONT = timedelta(days=1)
# Never one message too many.
MOST_APOLOGIES = 2
# A promise made later than this from now was made by a clock that has been set back since.
CLOCKS_DIFFER = timedelta(minutes=1)
# How many are looked at in one go.
AT_ONCE = 500


@dataclass(frozen=True)
class Made:
    """A range as it was shown to one customer."""

    waiting: Waiting
    wait: Wait


@dataclass(frozen=True)
class Broken:
    """A chat with a promise that is past, and still nobody has claimed it."""

    handoff_id: int
    conversation_id: str
    spell: int
    # When the first of its promises broke.
    due_at: datetime

    @property
    def moved_to(self) -> datetime:
        return self.due_at - TO_THE_FRONT


@dataclass
class Verdicts:
    """What is to be done about the promises that are open."""

    # Promise to kept, or None where it can't be said.
    settled: dict[int, bool | None] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    # Hand-offs, by id, with the chat and the spell, whose promise is about to break.
    pressing: dict[int, tuple[str, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.settled or self.broken or self.pressing)


def make(session: Session, made: Sequence[Made], at: datetime) -> None:
    """Enter what customers are about to be shown. What is no range promises nothing."""
    rows = [_row(each.waiting.handoff_id, each.waiting.spell, each.wait, at) for each in made if each.wait.high_min]
    if rows:
        session.execute(insert(Promise), rows)


def _row(handoff_id: int, spell: int, wait: Wait, at: datetime) -> dict[str, Any]:
    assert wait.low_min is not None and wait.high_min is not None
    length = timedelta(minutes=wait.high_min)
    return {
        "handoff_id": handoff_id,
        "spell": spell,
        "made_at": at,
        "position": wait.position,
        "low_min": wait.low_min,
        "high_min": wait.high_min,
        "due_at": at + length,
        "pressing_at": at + length - max(length * PRESSING_SHARE, min(PRESSING, length / 2)),
        "pressed": False,
        "apologised": False,
    }


def verdicts(session: Session, at: datetime) -> Verdicts:
    """Look at the open promises; nothing is changed."""
    rows = session.execute(
        select(
            Promise.id,
            Promise.handoff_id,
            Promise.spell,
            Promise.made_at,
            Promise.due_at,
            Promise.pressing_at,
            Promise.pressed,
            Handoff.claimed_at,
            Handoff.ended_at,
            Handoff.left_at,
            Handoff.by_email_at,
            conversations.Conversation.id.label("conversation_id"),
            conversations.Conversation.owner,
            conversations.Conversation.owner_version,
        )
        .join(Handoff, Handoff.id == Promise.handoff_id)
        .join(conversations.Conversation, conversations.Conversation.id == Handoff.conversation_id)
        .where(
            Promise.settled_at.is_(None),
            or_(
                Promise.due_at <= at,
                and_(Promise.pressing_at <= at, Promise.pressed.is_(False)),
                Promise.made_at > at + CLOCKS_DIFFER,
                Handoff.claimed_at.is_not(None),
                Handoff.left_at.is_not(None),
                Handoff.by_email_at.is_not(None),
                conversations.Conversation.owner_version != Promise.spell,
            ),
        )
        .order_by(Promise.due_at, Promise.id)
        .limit(AT_ONCE)
    ).all()
    found = Verdicts()
    for row in rows:
        _judge(row, at, found)
    for each in found.broken:
        # At the front there is no further up.
        found.pressing.pop(each.handoff_id, None)
    return found


def _judge(row: Row[Any], at: datetime, found: Verdicts) -> None:
    waits = row.owner == conversations.QUEUE and row.owner_version == row.spell
    if row.made_at > at + CLOCKS_DIFFER or row.by_email_at is not None:
        found.settled[row.id] = None
    elif not waits and row.claimed_at is not None:
        found.settled[row.id] = row.claimed_at <= row.due_at
    elif not waits and row.ended_at is None:
        # Claimed and given back since we last looked: in time if it still is in time.
        found.settled[row.id] = True if at <= row.due_at else None
    elif not waits or row.left_at is not None:
        found.settled[row.id] = None
    elif row.due_at <= at:
        if row.handoff_id not in {each.handoff_id for each in found.broken}:
            found.broken.append(Broken(row.handoff_id, row.conversation_id, row.spell, row.due_at))
    elif not row.pressed and row.pressing_at <= at:
        found.pressing[row.handoff_id] = (row.conversation_id, row.spell)


def settle(session: Session, settled: dict[int, bool | None], at: datetime) -> None:
    """Who is first writes; a verdict stands."""
    for kept in (True, False, None):
        which = [each for each, verdict in settled.items() if verdict is kept]
        if which:
            _settled(session, at, kept, Promise.id.in_(which))


def void(session: Session, at: datetime) -> None:
    """The clock was changed: what was promised before can't be told kept from broken."""
    _settled(session, at, None)


def _settled(session: Session, at: datetime, kept: bool | None, *which: Any) -> int:
    done = session.execute(
        update(Promise)
        .where(Promise.settled_at.is_(None), *which)
        .values(settled_at=at, kept=kept)
        .execution_options(synchronize_session=False)
    )
    return done.rowcount


def press(session: Session, conversation_id: str, spell: int) -> bool:
    """Move a chat up a little, once a spell."""
    handoff = _waiting(session, conversation_id, spell)
    if handoff is None:
        return False
    before = _has(session, handoff.id, Promise.spell == spell, Promise.pressed)
    session.execute(
        update(Promise)
        .where(Promise.handoff_id == handoff.id, Promise.spell == spell, Promise.settled_at.is_(None))
        .values(pressed=True)
    )
    if not before:
        handoff.due_at -= MOVED_UP
        announce(session, QUEUE)
    return not before


def break_(session: Session, broken: Broken, wait: Wait, at: datetime) -> bool:
    """Settle what is past, move the chat to the front, and apologise with `wait`, the estimate there.

    False, with nothing changed, when another process was first or the chat waits no more. One that has broken what was
    promised before its last apology brings no other, and neither does the third.
    """
    handoff = _waiting(session, broken.conversation_id, broken.spell)
    if handoff is None or handoff.id != broken.handoff_id or handoff.left_at is not None:
        return False
    past = session.scalars(
        select(Promise)
        .where(Promise.handoff_id == handoff.id, Promise.settled_at.is_(None), Promise.due_at <= at)
        .order_by(Promise.due_at, Promise.id)
    ).all()
    if not past:
        return False
    for promise in past:
        promise.settled_at, promise.kept = at, False
    apologies, last = session.execute(
        select(func.count(), func.max(Promise.settled_at)).where(
            Promise.handoff_id == handoff.id, Promise.apologised, Promise.id.not_in([each.id for each in past])
        )
    ).one()
    sorry = [promise for promise in past if last is None or promise.made_at >= last]
    if sorry and apologies < MOST_APOLOGIES:
        sorry[0].apologised = True
        handoff.due_at = min(handoff.due_at, broken.moved_to)
        _apologise(session, handoff, broken.spell, wait, at)
        announce(session, QUEUE)
    return True


def _apologise(session: Session, handoff: Handoff, spell: int, wait: Wait, at: datetime) -> None:
    conversation = conversations.get(session, handoff.conversation_id)
    key, numbers = phrase(wait)
    conversations.notice(
        session,
        conversation,
        "wait_apology",
        f"I am sorry: this takes longer than I said, so you have been moved up. {in_english(wait)}",
        wait={"key": key, **numbers},
    )
    if wait.high_min:
        session.execute(insert(Promise), [_row(handoff.id, spell, wait, at)])


def _waiting(session: Session, conversation_id: str, spell: int) -> Handoff | None:
    """The hand-off of a chat that is still in this spell; both rows are locked, in the order in which a claim does."""
    handoff = session.scalar(
        select(Handoff)
        .where(
            Handoff.conversation_id == conversation_id,
            Handoff.ended_at.is_(None),
            Handoff.claimed_at.is_(None),
            Handoff.by_email_at.is_(None),
        )
        .with_for_update()
    )
    conversation = conversations.get(session, conversation_id, for_update=True)
    waits = conversation.owner == conversations.QUEUE and conversation.owner_version == spell
    return handoff if waits else None


def _has(session: Session, handoff_id: int, *which: Any) -> bool:
    return session.scalar(select(Promise.id).where(Promise.handoff_id == handoff_id, *which).limit(1)) is not None


@dataclass(frozen=True)
class Kept:
    """How promises that were due in a stretch of time came out."""

    kept: int
    broken: int
    unknown: int


def kept(session: Session, since: datetime, until: datetime) -> Kept:
    """The promises that were settled in that time."""
    rows: Iterable[Row[Any]] = session.execute(
        select(Promise.kept, func.count())
        .where(Promise.settled_at >= since, Promise.settled_at < until)
        .group_by(Promise.kept)
    )
    count = {row[0]: row[1] for row in rows}
    return Kept(count.get(True, 0), count.get(False, 0), count.get(None, 0))
