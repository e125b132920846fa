"""`scripts/bench claims`: agents who take chats at once, beside a bare loop that only marks a row.

Every chat has to be taken once. The last line is JSON.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from bot.conversations import customers
from bot.conversations import services as conversations
from bot.db import Database
from bot.desk import services as desk
from bot.errors import Conflict
from bot.events import MemoryHub
from kb_index.schema import migrate
from tests.postgres import temporary_cluster

BARE_NEXT = (
    "UPDATE bare SET agent = %s WHERE id = "
    "(SELECT id FROM bare WHERE agent IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
)
BARE_NEXT_SQLITE = "UPDATE bare SET agent = ? WHERE id = (SELECT min(id) FROM bare WHERE agent IS NULL) RETURNING id"
BARE_TABLE = "CREATE TABLE bare (id INTEGER PRIMARY KEY, agent TEXT)"
BARE_INDEX = "CREATE INDEX bare_free ON bare (id) WHERE agent IS NULL"
# Chats that a transaction makes while the queue is filled.
BATCH = 200


def main() -> int:
    options = _options()
    progress = Console(stderr=True, highlight=False)
    results = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sqlite = f"sqlite:///{folder / 'queue.db'}"
        cluster = stack.enter_context(temporary_cluster())
        for name, url in (
            ("sqlite", sqlite),
            ("postgresql", cluster.replace("postgresql://", "postgresql+psycopg://")),
        ):
            ours = asyncio.run(_ours(url, options, progress))
            with progress.status(f"{name}: a bare loop …"):
                bare = _bare_sqlite(folder, options) if name == "sqlite" else _bare_postgresql(cluster, options)
            results[name] = ours | {"bare_per_s": round(bare, 1), "of_bare": round(ours["claims_per_s"] / bare, 3)}
    _show(results, options, Console(stderr=options.json, highlight=False))
    print(json.dumps({"chats": options.chats, "agents": options.agents} | results))
    return int(any(each["twice"] or each["lost"] for each in results.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench claims", description=__doc__)
    parser.add_argument("--chats", type=int, default=10_000, help="that wait (10,000)")
    parser.add_argument("--agents", type=int, default=20, help="who take them at once (20)")
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    options = parser.parse_args()
    if min(options.chats, options.agents) < 1:
        parser.error("at least one chat and one agent")
    return options


async def _ours(url: str, options: argparse.Namespace, progress: Console) -> dict:
    migrate(url)
    database = Database(url, MemoryHub(), threads=options.agents)
    await database.start()
    taken: list[str] = []
    try:
        with progress.status("Filling the queue …"):
            for first in range(0, options.chats, BATCH):
                await database.write(_wait, min(BATCH, options.chats - first))
        with progress.status(f"{options.agents} agents take {options.chats:,} chats …"):
            started = time.perf_counter()
            await asyncio.gather(*(_take(database, number, taken) for number in range(options.agents)))
            seconds = time.perf_counter() - started
        left = len(await database.read(desk.queue, desk.Handoff.claimed_at.is_(None)))
    finally:
        database.close()
    return {
        "claims_per_s": round(len(taken) / seconds, 1),
        "twice": sum(times - 1 for times in Counter(taken).values()),
        "lost": left + options.chats - len(set(taken)),
    }


def _wait(session, count: int) -> None:
    for _ in range(count):
        conversation = conversations.current_of(session, customers.new_visitor(session, "en").id)
        conversations.add_message(session, conversation, author="customer", text="Hello?", client_id="c1")
        desk.hand_over(session, conversation, "asked_for_person", [])


async def _take(database: Database, number: int, taken: list[str]) -> None:
    while True:
        try:
            chat = await database.write(desk.claim_next, (f"agent{number}", f"Agent {number}"))
        except Conflict:
            return
        taken.append(chat.id)


def _bare_postgresql(url: str, options: argparse.Namespace) -> float:
    with psycopg.connect(url) as connection:
        connection.execute(BARE_TABLE)
        connection.execute("INSERT INTO bare (id) SELECT generate_series(1, %s)", (options.chats,))
        connection.execute(BARE_INDEX)

    def take(number: int) -> int:
        count = 0
        with psycopg.connect(url, autocommit=True) as connection:
            while connection.execute(BARE_NEXT, (f"agent{number}",)).fetchone():
                count += 1
        return count

    started = time.perf_counter()
    with ThreadPoolExecutor(options.agents) as agents:
        count = sum(agents.map(take, range(options.agents)))
    return count / (time.perf_counter() - started)


def _bare_sqlite(folder: Path, options: argparse.Namespace) -> float:
    """One connection: SQLite has one writer, and who waits for it only loses time."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", BARE_TABLE, BARE_INDEX, "BEGIN"):
        connection.execute(statement)
    connection.executemany("INSERT INTO bare (id) VALUES (?)", ((number,) for number in range(options.chats)))
    connection.execute("COMMIT")
    started = time.perf_counter()
    while connection.execute(BARE_NEXT_SQLITE, ("agent",)).fetchall():
        pass
    seconds = time.perf_counter() - started
    connection.close()
    return options.chats / seconds


def _show(results: dict, options: argparse.Namespace, out: Console) -> None:
    title = f"{options.agents} agents take {options.chats:,} chats"
    table = Table("database", "chats/s", "bare loop/s", "of it", "taken twice", "lost", title=title)
    for name, row in results.items():
        table.add_row(name, *(f"{row[key]:,}" for key in ("claims_per_s", "bare_per_s", "of_bare", "twice", "lost")))
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
