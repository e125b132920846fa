"""What the desk does by itself: giving chats to agents (push), and taking them back from agents who are not there."""

import asyncio
import math
import time
from collections.abc import Set
from datetime import datetime

import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from bot import tasks
from bot.accounts import services as accounts
from bot.accounts.services import Account
from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import claims, presence
from bot.desk.models import Agent, Handoff
from bot.desk.rules import PUSH, rules
from bot.errors import Unavailable
from bot.events import QUEUE, Hub

log = structlog.get_logger(__name__)

# Between two looks for agents who have gone.
SWEEP_S = 5.0
# A wall clock that has moved so much more or less than the other one has been set.
JUMP_S = 10.0
# Who did not look for so long could not see anybody either.
LATE_S = 30.0
# Until every desk has been heard of again.
SETTLE_S = presence.UNSEEN.total_seconds() + presence.SEEN_EVERY.total_seconds()
# How many chats one round gives out.
ROUND = 100


def push(session: Session, at: datetime | None = None) -> int:
    """Give waiting chats to agents on duty: the least loaded for their size first, then who got none for longest.

    Returns how many; nothing where the settings say that agents take chats themselves.
    """
    if rules(session).assignment != PUSH:
        return 0
    at = at or now()
    given, done = 0, set[str]()
    while given < ROUND and (asks := _asks(session, at, ROUND - given, done)):
        outcomes = claims.take(session, asks, pushed=True)
        taken = []
        for ask, outcome in zip(asks, outcomes, strict=True):
            if isinstance(outcome, claims.Claimed):
                taken.append(ask.agent[0])
            else:
                # Nothing more for them in this round; others may be able to take what waits.
                done.add(ask.agent[0])
        given += len(taken)
        session.execute(
            update(Agent).where(Agent.account_id.in_(set(taken))).values(given_at=at),
            execution_options={"synchronize_session": False},
        )
        session.expire_all()
    return given


def _asks(session: Session, at: datetime, most: int, done: Set[str]) -> list[claims.Ask]:
    """For whom to ask for a chat, in which order, as if each got one; not for who is `done`."""
    waiting = session.scalar(
        select(func.count()).select_from(Handoff).where(Handoff.ended_at.is_(None), Handoff.claimed_at.is_(None))
    )
    if not waiting:
        return []
    duty = [each for each in presence.on_duty(session, at) if each.account_id not in done]
    held = claims.held(session, {each.account_id: each.capacity for each in duty})
    names = accounts.names(session, {each.account_id for each in duty})
    since = {account_id: given_at for account_id, given_at in session.execute(select(Agent.account_id, Agent.given_at))}
    places = [
        ((chats + place) / each.capacity, since[each.account_id] or datetime.min.replace(tzinfo=at.tzinfo), each)
        for each in duty
        for chats in (held[each.account_id],)
        for place in range(each.capacity - chats)
    ]
    places.sort(key=lambda one: (one[0], one[1], one[2].account_id))
    return [
        claims.Ask((each.account_id, names.get(each.account_id, "")), each.capacity)
        for _, _, each in places[: min(waiting, most)]
    ]


def take_back_unopened(session: Session, at: datetime | None = None) -> int:
    """Chats that were given to an agent who does not look go to the front of the queue; how many went.

    The agent is away then, until they say otherwise: or the same chat would come back to them for ever.
    """
    at = at or now()
    late = _unopened(session, at).with_for_update(skip_locked=True).execution_options(populate_existing=True)
    agents = set()
    handoffs = list(session.scalars(late))
    for handoff in handoffs:
        agents.add(handoff.agent_id)
        conversation = conversations.get(session, handoff.conversation_id, for_update=True)
        presence.lose(session, conversation, handoff, at)
    session.execute(
        update(Agent)
        .where(Agent.account_id.in_(agents), Agent.state == presence.AVAILABLE)
        .values(state=presence.AWAY, state_since=at),
        execution_options={"synchronize_session": False},
    )
    return len(handoffs)


def _unopened(session: Session, at: datetime) -> Select[tuple[Handoff]]:
    late = at - rules(session).push_timeout
    return (
        select(Handoff)
        .where(Handoff.ended_at.is_(None), Handoff.pushed_at <= late)
        .order_by(Handoff.pushed_at)
        .limit(ROUND)
    )


def to_take_back(session: Session, at: datetime | None = None) -> bool:
    """Whether a sweep has anything to do; a look holds nobody up who writes."""
    at = at or now()
    return presence.to_give_back(session, at) or session.scalar(_unopened(session, at).limit(1)) is not None


class ClockWatch:
    """Whether what the clock says of others can be believed: not while desks had no chance to be heard of."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._settled_at = 0.0

    def steady(self, wall: float, monotonic: float) -> bool:
        """Called at every round with both clocks, in seconds."""
        if self._last is None:
            strange = True
        else:
            passed, ran = wall - self._last[0], monotonic - self._last[1]
            strange = abs(passed - ran) > JUMP_S or ran > LATE_S
        if strange:
            self._settled_at = monotonic + SETTLE_S
        self._last = (wall, monotonic)
        return monotonic >= self._settled_at


class Attendance:
    """Writes down that agents' desks are heard of, no oftener than needed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._written: dict[str, float] = {}

    async def seen(self, account: Account) -> None:
        """A desk must work while this cannot be stored: the next request tells it again."""
        told = time.monotonic()
        if told - self._written.get(account.id, -math.inf) < presence.SEEN_EVERY.total_seconds():
            return
        self._written[account.id] = told
        try:
            await self._db.write(presence.touch, account)
        except Unavailable:
            self._written.pop(account.id, None)


class Dispatcher:
    """Runs in every web process; two that do the same at once do it once."""

    def __init__(self, db: Database, hub: Hub, *, push: bool) -> None:
        self._db = db
        self._hub = hub
        self._push = push
        self._watch = ClockWatch()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await tasks.end(self._running)

    async def _run(self) -> None:
        swept = 0.0
        while True:
            # Listening starts before looking: a place that becomes free in between wakes us.
            with self._hub.listen(*([QUEUE] if self._push else [])) as listener:
                try:
                    if time.monotonic() - swept >= SWEEP_S:
                        swept = time.monotonic()
                        await self._sweep()
                    if self._push:
                        await self._db.write(push)
                except Unavailable:
                    log.warning("queue_not_swept")
                except Exception:
                    # Agents and customers need the next round more than this one needs to be right.
                    log.exception("queue_sweep_failed")
                await listener.wait(SWEEP_S)

    async def _sweep(self) -> None:
        if not self._watch.steady(time.time(), time.monotonic()):
            return
        if not await self._db.read(to_take_back):
            return
        back = await self._db.write(presence.give_back) + await self._db.write(take_back_unopened)
        if back:
            log.info("chats_given_back", chats=back)
