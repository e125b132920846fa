"""Everybody who waits for a person: who is still there, what each is told, and when that is said anew.

One in each web process. It knows the lines (sockets and polls) that are open here, and keeps in memory what their
customers were told last; all else is in the database, so any number of processes may do the same.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot import tasks
from bot.db import Database, now
from bot.desk import forecast, promises
from bot.desk.forecast import Standing, Waiting
from bot.desk.promises import Made, Verdicts
from bot.desk.waiting import Wait
from bot.desk.waiting_history import Rates
from bot.errors import SwitchboardError
from bot.events import QUEUE, Hub, Listener

log = structlog.get_logger(__name__)

# How often to look without being woken, and how often at most.
LOOK_S, NOT_BEFORE_S = 10.0, 1.0
LEARN_S = 30.0
LEDGER_S = 5.0
# Between two polls, or while a socket is opened again, a customer is still there.
LINGER_S = 30.0
# A clock that was moved by more than this between two looks was changed.
JUMP_S = 30.0
# What is said anew: at once where the place changes, a range that is off by much after a while, any after a minute.
SOON_S, CALM_S = 10.0, 60.0
MUCH_MIN, MUCH_SHARE = 2, 0.25


@dataclass(frozen=True)
class Told:
    """What a customer was told, in which stay in the queue, and when by the steady clock."""

    spell: int
    wait: Wait
    at_s: float


def worth_saying(told: Told | None, wait: Wait, at_s: float) -> bool:
    """Whether a customer who was told that should be told this: no flicker between 4 to 9 and 5 to 9."""
    if told is None:
        return True
    before = told.wait
    if (before.low_min, before.high_min, before.reason, before.position) == (
        wait.low_min,
        wait.high_min,
        wait.reason,
        wait.position,
    ):
        return False
    age = at_s - told.at_s
    if before.reason != wait.reason:
        return True
    if age < SOON_S:
        return False
    if before.position != wait.position or before.high_min is None or wait.high_min is None or age >= CALM_S:
        return True
    off = max(abs(before.high_min - wait.high_min), abs((before.low_min or 0) - (wait.low_min or 0)))
    return off >= max(MUCH_MIN, MUCH_SHARE * before.high_min)


class WaitingRoom:
    def __init__(self, db: Database, hub: Hub) -> None:
        self._db = db
        self._hub = hub
        # Woken when the queue has changed, or somebody is to be told for the first time.
        self._listener = Listener()
        self._task: asyncio.Task[None] | None = None
        self._lines: defaultdict[str, set[Listener]] = defaultdict(set)
        # Chats whose last line was closed, and which look saw it first.
        self._closed: dict[str, float] = {}
        self._told: dict[str, Told] = {}
        # Chats that wait or whose customer has left, as of the last look.
        self._known: frozenset[str] = frozenset()
        self._rates: Rates | None = None
        self._learnt_s = self._judged_s = float("-inf")
        # Since when there has been a free place, and since when we have been looking without a gap.
        self._free_since_s: float | None = None
        self._looking_since_s: float | None = None
        self._clock: tuple[datetime, float] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await tasks.end(self._task)

    @contextlib.contextmanager
    def line(self, conversation_id: str, listener: Listener) -> Iterator[None]:
        """While a customer can be reached; `listener` is woken when they are to be told something else."""
        self._lines[conversation_id].add(listener)
        if conversation_id in self._known and conversation_id not in self._told:
            self._listener.wake()
        try:
            yield
        finally:
            self._lines[conversation_id].discard(listener)
            if not self._lines[conversation_id]:
                del self._lines[conversation_id]
                self._closed[conversation_id] = float("inf")

    def told(self, conversation_id: str) -> Wait | None:
        """What this customer is told now; None when they do not wait, or it is not known yet."""
        told = self._told.get(conversation_id)
        return told.wait if told else None

    def forget(self, conversation_id: str) -> None:
        """This customer does not wait any more, as we shall see at the next look."""
        self._told.pop(conversation_id, None)

    async def _run(self) -> None:
        with self._hub.listen(QUEUE) as self._listener:
            while True:
                begun = time.monotonic()
                try:
                    await self.look()
                except SwitchboardError as problem:
                    self._looking_since_s = None
                    log.warning("queue_not_looked_at", error=problem.message)
                except Exception:
                    # Whatever it is, those who come after it are not to wait in silence.
                    self._looking_since_s = None
                    log.exception("queue_not_looked_at")
                await self._listener.wait(LOOK_S)
                await asyncio.sleep(max(0.0, begun + NOT_BEFORE_S - time.monotonic()))

    async def look(self, at: datetime | None = None, at_s: float | None = None) -> None:
        """See who waits, keep the ledger, and tell whom it concerns; `at_s` is the steady clock at the moment `at`.

        Raises Unavailable."""
        at, at_s = at or now(), time.monotonic() if at_s is None else at_s
        await self._check_clock(at, at_s)
        state = await self._db.read(forecast.standing, at)
        if await self._note_who_is_there(state, at, at_s):
            state = await self._db.read(forecast.standing, at)
        self._known = frozenset(each.conversation_id for each in (*state.waiting, *state.left))
        self._free_since_s = (self._free_since_s or at_s) if state.free else None
        rates = await self._learn(state, at, at_s) if state.waiting else None
        if at_s - self._judged_s >= LEDGER_S:
            self._judged_s = at_s
            if await self._keep_ledger(state, rates, at):
                state = await self._db.read(forecast.standing, at)
        waits = forecast.waits(state, rates, self._idle_s(at_s)) if rates else []
        await self._tell(state, waits, at, at_s)

    async def _check_clock(self, at: datetime, at_s: float) -> None:
        before = self._clock
        if self._looking_since_s is None:
            self._looking_since_s = at_s
        if before and abs((at - before[0]).total_seconds() - (at_s - before[1])) > JUMP_S:
            log.warning("clock_changed", before=before[0].isoformat(), now=at.isoformat())
            self._looking_since_s = at_s
            self._told.clear()
            await self._db.write(promises.void, at)
        self._clock = at, at_s

    async def _note_who_is_there(self, state: Standing, at: datetime, at_s: float) -> bool:
        """Whether somebody has left or come back."""
        self._closed = {each: min(when, at_s) for each, when in self._closed.items() if when > at_s - LINGER_S}
        here = self._lines.keys() | self._closed.keys()
        stale = [each.handoff_id for each in state.waiting if each.conversation_id in here and each.seen_is_old(at)]
        if stale:
            await self._db.write(forecast.seen, stale, at)
        changed = False
        if back := forecast.returned(state, here):
            changed = bool(await self._db.write(forecast.come_back, back, at))
        # After a start, a failure or a change of the clock nobody is taken to have left before they could be back.
        since = at_s if self._looking_since_s is None else self._looking_since_s
        gone = forecast.gone(state, here) if at_s - since > forecast.AWAY.total_seconds() else []
        if gone:
            changed = bool(await self._db.write(forecast.leave, gone, at)) or changed
        return changed

    async def _learn(self, state: Standing, at: datetime, at_s: float) -> Rates:
        if self._rates is None or at_s - self._learnt_s >= LEARN_S:
            self._rates = await self._db.read(forecast.rates, at, state.chats_s)
            self._learnt_s = at_s
        return self._rates

    def _idle_s(self, at_s: float) -> float:
        return at_s - self._free_since_s if self._free_since_s is not None else 0.0

    async def _keep_ledger(self, state: Standing, rates: Rates | None, at: datetime) -> bool:
        """Whether the order of the queue has changed."""
        found: Verdicts = await self._db.read(promises.verdicts, at)
        if found.settled:
            await self._db.write(promises.settle, found.settled, at)
        work = [self._db.write(promises.press, *each) for each in found.pressing.values()]
        if found.broken and rates:
            # The new estimate is that of the new place.
            after = state.moved({each.handoff_id: each.moved_to for each in found.broken})
            pairs = zip(after.waiting, forecast.waits(after, rates), strict=True)
            waits = {waiting.handoff_id: wait for waiting, wait in pairs}
            work += [
                self._db.write(promises.break_, broken, waits[broken.handoff_id], at)
                for broken in found.broken
                if broken.handoff_id in waits
            ]
        return any(await asyncio.gather(*work))

    async def _tell(self, state: Standing, waits: list[Wait], at: datetime, at_s: float) -> None:
        """Enter what is promised, and only then show it."""
        before, told, new = self._told, {}, []
        for waiting, wait in zip(state.waiting, waits, strict=True):
            chat = waiting.conversation_id
            known = before.get(chat)
            if known and known.spell != waiting.spell:
                known = None
            if chat in self._lines and worth_saying(known, wait, at_s):
                new.append(Made(waiting, wait))
                known = Told(waiting.spell, wait, at_s)
            if known and (chat in self._lines or chat in self._closed):
                told[chat] = known
        if new:
            await self._db.write(promises.make, new, at)
        self._told = told
        for each in new:
            self._wake_lines(each.waiting)

    def _wake_lines(self, waiting: Waiting) -> None:
        for listener in tuple(self._lines.get(waiting.conversation_id, ())):
            # Nothing was stored: the line need not look for it.
            listener.wake(())
