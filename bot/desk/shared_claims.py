"""Agents who ask for a chat while a claim is under way share the next transaction: twenty cost little more than one."""

import asyncio
from collections.abc import Sequence

from bot.db import Database
from bot.desk.claims import Ask, Claimed, take

# How many agents share one transaction: enough for a busy team, few enough that nobody waits long for the others.
TOGETHER = 20


class Claims:
    """Agents of one web process who ask at once share a transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[tuple[Ask, asyncio.Future[Claimed]]] = []
        self._working: asyncio.Task[None] | None = None

    async def next(self, agent: tuple[str, str], capacity: int | None = None) -> Claimed:
        """As `claim_next`. Raises Conflict, or Unavailable."""
        given: asyncio.Future[Claimed] = asyncio.get_running_loop().create_future()
        self._waiting.append((Ask(agent, capacity), given))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await given

    async def _work(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            # Who has gone meanwhile gets no chat.
            asked = [(ask, given) for ask, given in asked if not given.done()]
            if not asked:
                continue
            try:
                outcomes: Sequence[Claimed | Exception] = await self._db.write(take, [ask for ask, _ in asked])
            except asyncio.CancelledError:
                for _, given in [*asked, *self._waiting]:
                    given.cancel()
                raise
            except Exception as problem:
                outcomes = [problem] * len(asked)
            for (_, given), outcome in zip(asked, outcomes, strict=True):
                if given.done():
                    continue
                if isinstance(outcome, Claimed):
                    given.set_result(outcome)
                else:
                    given.set_exception(outcome)
