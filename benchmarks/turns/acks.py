"""Messages between two people: how long until they are acknowledged, beside raw commits to the same disk."""

import asyncio
import random
import sqlite3
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.turns.our_side import OurSide
from benchmarks.turns.questions import questions
from benchmarks.turns.thin_customer import ThinCustomer
from bot.conversations import services as conversations
from bot.db import Database
from bot.desk import claims
from bot.desk import services as desk
from bot.events import MemoryHub

# Chats at once: one, as a raw commit is alone too; and a few, which queue for the one writer and share its commits.
CHATS = (1, 4)
# Between two messages of one customer, on average: far faster than people type, far from the limit.
PAUSE_S = 0.2
# Chat and raw commits take turns, so that both meet the same disk and neither waits for the other. Both come
# at the same pace: twenty commits in one go took about half as long each (0.35 ms against 0.7 ms at the median).
SLICE_S = 1.0
AGENT = ("benchmark", "Benchmark Agent")


@dataclass
class Acknowledged:
    """Milliseconds each, in the order measured."""

    acks_ms: list[float] = field(default_factory=list)
    commits_ms: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        acks, commits = (statistics.quantiles(each, n=100) for each in (self.acks_ms, self.commits_ms))
        return {
            "ack_p50_ms": acks[49],
            "ack_p99_ms": acks[98],
            "commit_p50_ms": commits[49],
            "commit_p99_ms": commits[98],
            "p99_over_commit_median": acks[98] / commits[49],
            "p99_over_commit_p99": acks[98] / commits[98],
            "messages": len(self.acks_ms),
            "commits": len(self.commits_ms),
        }


def measure(side: OurSide, seconds: float, chats: int, into: Acknowledged) -> None:
    """So many conversations that an agent holds, for `seconds` of chat; the side has to be running."""
    texts = [line.text for line in questions()]
    raw = RawCommits(side.place.folder / "raw.db")
    people = [ThinCustomer(side.socket_url) for _ in range(chats)]
    try:
        asyncio.run(_give_to_agent(side.place.database_url, [person.conversation for person in people]))
        _chat(people, texts, 1.0)
        for _ in range(max(1, round(seconds / SLICE_S))):
            into.acks_ms += _chat(people, texts, SLICE_S)
            into.commits_ms += _commit(raw, texts, SLICE_S, chats)
    finally:
        for person in people:
            person.leave()
        raw.close()


def _chat(people: list[ThinCustomer], texts: list[str], seconds: float) -> list[float]:
    until = time.monotonic() + seconds

    def talk(person: ThinCustomer) -> list[float]:
        took = []
        while time.monotonic() < until:
            time.sleep(random.expovariate(1 / PAUSE_S))
            took.append(person.say(random.choice(texts)))
        return took

    with ThreadPoolExecutor(len(people)) as threads:
        return [each for took in threads.map(talk, people) for each in took]


def _commit(raw: "RawCommits", texts: list[str], seconds: float, chats: int) -> list[float]:
    until = time.monotonic() + seconds
    took = []
    while time.monotonic() < until:
        time.sleep(random.expovariate(chats / PAUSE_S))
        took.append(raw.commit(random.choice(texts)))
    return took


async def _give_to_agent(url: str, wanted: list[str]) -> None:
    database = Database(url, MemoryHub(), threads=1)
    try:
        for conversation_id in wanted:
            await database.write(_claim, conversation_id)
    finally:
        database.close()


def _claim(session, conversation_id: str) -> None:
    conversation = conversations.get(session, conversation_id, for_update=True)
    desk.hand_over(session, conversation, "asked_for_person", [])
    claims.claim(session, conversation_id, AGENT)


class RawCommits:
    """One row like a message, inserted and committed durably with nothing around it but SQLite."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE IF NOT EXISTS raw (conversation_id TEXT, sequence INTEGER, author TEXT, client_id TEXT, "
            "kind TEXT, text TEXT, created_at TEXT, PRIMARY KEY (conversation_id, sequence), "
            "UNIQUE (conversation_id, client_id))",
        ):
            self._connection.execute(statement)
        self._sequence = 0
        self._conversation = uuid.uuid4().hex

    def commit(self, text: str) -> float:
        """Milliseconds from BEGIN to the end of COMMIT."""
        self._sequence += 1
        row = (self._conversation, self._sequence, "customer", uuid.uuid4().hex, "text", text, "2026-11-01 10:00:00")
        started = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO raw VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        self._connection.execute("COMMIT")
        return (time.perf_counter() - started) * 1000

    def close(self) -> None:
        self._connection.close()
