"""`scripts/bench promises`: what becomes of the promises in simulated hours on the real desk.

Database, waiting room, hand-offs and claims are real; only the clock and the people are simulated. Customers come at
random, wait with a line open, and some give up; agents take the next chat some time after they have room, or at once.
Whatever is counted is read from the ledger.
"""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.accounts.services import AGENT, ensure_account
from bot.conversations import customers
from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import services
from bot.desk.claims import claim_next
from bot.desk.models import Agent, Handoff, Promise
from bot.desk.waiting_room import WaitingRoom
from bot.errors import Conflict
from bot.events import Listener, MemoryHub
from kb_index.schema import migrate

# Later than whatever the real clock says.
OPENING = datetime(2126, 11, 23, 8, 0, tzinfo=UTC)
STEP_S = 5.0
MEAN_S, SIGMA = 480.0, 0.8
# The desks of the agents are heard of all the while, however long the simulation takes.
AHEAD = timedelta(days=1)
# An agent finds out that the customer has gone.
NOBODY_THERE_S = 60.0


@dataclass(frozen=True)
class Desk:
    """`pickup_s` is how long an agent takes on average until they take a chat that they have room for."""

    name: str
    agents: int
    places: int
    load: float
    patience_s: float
    pickup_s: float


DESKS = (
    Desk("at once", 4, 2, 1.0, 1800.0, 0.0),
    Desk("agents take chats", 4, 2, 0.9, 1800.0, 60.0),
    Desk("few, slow agents", 2, 2, 0.85, 1800.0, 150.0),
    Desk("overload", 4, 2, 1.3, 1200.0, 30.0),
)


@dataclass
class Run:
    """One desk from its opening on."""

    desk: Desk
    db: Database
    seed: int
    s: float = 0.0
    lines: dict[str, float] = field(default_factory=dict)
    chats: dict[str, tuple[tuple[str, str], float]] = field(default_factory=dict)
    reaching: list[tuple[float, int]] = field(default_factory=list)
    looks_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng([self.seed, *self.desk.name.encode()])
        self.room = WaitingRoom(self.db, MemoryHub())
        self.open: dict[str, object] = {}

    @property
    def at(self) -> datetime:
        return OPENING + timedelta(seconds=self.s)

    async def hours(self, many: float) -> None:
        self.agents = await self.db.write(_staff, self.desk)
        rate = self.desk.load * self.desk.agents * self.desk.places / (MEAN_S + self.desk.pickup_s)
        coming = self.chance.exponential(1 / rate)
        while self.s < many * 3600:
            self.s += STEP_S
            while coming < self.s:
                await self._come(coming)
                coming += self.chance.exponential(1 / rate)
            await self._leave()
            await self._end()
            await self._take()
            begun = time.perf_counter()
            await self.room.look(self.at, self.s)
            self.looks_s.append(time.perf_counter() - begun)
        for line in self.open.values():
            line.__exit__(None, None, None)

    async def _come(self, s: float) -> None:
        chat = await self.db.write(_ask, OPENING + timedelta(seconds=s))
        self.lines[chat] = s + self.chance.exponential(self.desk.patience_s)
        self.open[chat] = self.room.line(chat, Listener())
        self.open[chat].__enter__()

    def _close(self, chat: str) -> None:
        self.lines.pop(chat, None)
        if chat in self.open:
            self.open.pop(chat).__exit__(None, None, None)

    async def _leave(self) -> None:
        for chat in [chat for chat, until in self.lines.items() if until < self.s]:
            self._close(chat)

    async def _end(self) -> None:
        for chat in [chat for chat, (_, until) in self.chats.items() if until < self.s]:
            agent, until = self.chats.pop(chat)
            await self.db.write(_resolve, chat, agent, OPENING + timedelta(seconds=until))
            self._close(chat)

    async def _take(self) -> None:
        """Who has room reaches for the next chat, if there is one more than others reach for."""
        waiting = await self.db.read(_waiting)
        for number in range(len(self.agents)):
            held = sum(agent == self.agents[number] for agent, _ in self.chats.values())
            held += sum(who == number for _, who in self.reaching)
            for _ in range(min(self.desk.places - held, waiting - len(self.reaching))):
                self.reaching.append((self.s + self.chance.exponential(self.desk.pickup_s), number))
        for each in [each for each in self.reaching if each[0] <= self.s]:
            self.reaching.remove(each)
            try:
                chat = await self.db.write(_claim, self.agents[each[1]], self.at)
            except Conflict:
                continue
            length = self.chance.lognormal(np.log(MEAN_S) - SIGMA**2 / 2, SIGMA)
            there = chat in self.lines
            # Who is with an agent stays.
            self.lines.pop(chat, None)
            self.chats[chat] = (self.agents[each[1]], self.s + (length if there else NOBODY_THERE_S))


def _staff(session: Session, desk: Desk) -> list[tuple[str, str]]:
    found = []
    for number in range(desk.agents):
        account = ensure_account(session, f"a{number}@example.com", f"Agent {number}", AGENT, "a long enough password")
        session.flush()
        session.add(Agent(account_id=account.id, capacity=desk.places, state="available", seen_at=now() + AHEAD))
        found.append((account.id, account.name))
    return found


def _ask(session: Session, at: datetime) -> str:
    customer = customers.new_visitor(session, "en")
    conversation = conversations.current_of(session, customer.id)
    handoff = services.hand_over(session, conversation, "asked_for_person", [])
    session.flush()
    handoff.requested_at = handoff.due_at = at
    return conversation.id


def _claim(session: Session, agent: tuple[str, str], at: datetime) -> str:
    chat = claim_next(session, agent).id
    handoff = services.newest_handoff(session, chat)
    assert handoff is not None
    handoff.claimed_at = at
    return chat


def _resolve(session: Session, chat: str, agent: tuple[str, str], at: datetime) -> None:
    services.resolve(session, chat, agent)
    handoff = services.newest_handoff(session, chat)
    assert handoff is not None
    handoff.ended_at = at


def _waiting(session: Session) -> int:
    return session.scalar(
        select(func.count()).select_from(Handoff).where(Handoff.ended_at.is_(None), Handoff.claimed_at.is_(None))
    )


def _count(session: Session) -> dict[str, float]:
    """What the ledger says, and how the first word to each customer came out."""
    kept = dict(session.execute(select(Promise.kept, func.count()).group_by(Promise.kept)).all())
    judged = kept.get(True, 0) + kept.get(False, 0)
    first = select(func.min(Promise.id)).group_by(Promise.handoff_id)
    rows = session.execute(
        select(Promise, Handoff).join(Handoff).where(Promise.id.in_(first), Handoff.claimed_at.is_not(None))
    ).all()
    rows = [(promise, handoff) for promise, handoff in rows if handoff.left_at is None]
    if not judged or not rows:
        raise SystemExit("Nobody was told anything that came due: simulate more hours.")
    waited = [(handoff.claimed_at - promise.made_at).total_seconds() / 60 for promise, handoff in rows]
    within = [promise.low_min <= each <= promise.high_min for (promise, _), each in zip(rows, waited, strict=True)]
    apologies = session.scalar(select(func.count()).select_from(Promise).where(Promise.apologised))
    told = session.scalar(select(func.count(func.distinct(Promise.handoff_id))))
    return {
        "customers": told,
        "mean_wait_min": float(np.mean(waited)),
        "promises": judged,
        "kept": kept.get(True, 0) / judged,
        "first_kept": float(
            np.mean([each <= promise.high_min for (promise, _), each in zip(rows, waited, strict=True)])
        ),
        "first_in_range": float(np.mean(within)),
        "range_min": float(np.mean([promise.high_min - promise.low_min for promise, _ in rows])),
        "apologies_per_100": 100 * apologies / told,
    }


async def _run(desk: Desk, seed: int, hours: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'desk.db'}"
        await asyncio.to_thread(migrate, url)
        db = Database(url, MemoryHub())
        run = Run(desk, db, seed)
        await run.hours(hours)
        found = await db.read(_count)
        db.close()
    return {**found, "look_ms": float(np.median(run.looks_s) * 1000)}


def main() -> None:
    """Run all of it and print a table and JSON."""
    parser = argparse.ArgumentParser(prog="scripts/bench promises", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds (2)")
    parser.add_argument("--hours", type=float, default=6.0, help="how many hours from an empty history on (6)")
    parser.add_argument("--seed", type=int, default=300, help="the first seed (300)")
    options = parser.parse_args()
    runs = [(desk, options.seed + number) for desk in DESKS for number in range(options.seeds)]
    results: dict[str, list[dict[str, float]]] = {}
    for desk, seed in track(runs, "simulating", console=Console(stderr=True)):
        results.setdefault(desk.name, []).append(asyncio.run(_run(desk, seed, options.hours)))
    rows = {
        name: {key: float(np.mean([each[key] for each in found])) for key in found[0]}
        for name, found in results.items()
    }
    table = Table("desk", *(key.replace("_", " ") for key in next(iter(rows.values()))))
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.3g}" for value in row.values()))
    Console(width=160).print(table)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
