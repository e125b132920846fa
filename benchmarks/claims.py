"""`scripts/bench claims`: agents who take chats at once, beside a bare loop that only marks the row.

Both sides work on the same table with its indexes, filled alike, with commits that wait for the disk, from one Python
process. The bare loop is twenty threads with a connection each, and one statement a chat that marks the hand-off (on
PostgreSQL with `SKIP LOCKED`, on SQLite under its one writer). Ours also gives the conversation to the agent, tells the
customer, announces both and leaves no agent above their limit. "At most eight" counts that limit in earnest: who has
eight chats is relieved by the next agent. Every chat has to be taken once. The last line is JSON.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from bot.db import Database
from bot.desk.models import Handoff
from bot.desk.services import queue
from bot.desk.shared_claims import Claims
from bot.errors import Conflict
from bot.events import MemoryHub
from kb_index.schema import migrate
from tests.crowd import fill
from tests.postgres import temporary_cluster

NEXT = "SELECT id FROM handoffs WHERE ended_at IS NULL AND claimed_at IS NULL ORDER BY due_at, id LIMIT 1"
BARE = f"UPDATE handoffs SET agent_id = %s, claimed_at = now() WHERE id = ({NEXT} FOR UPDATE SKIP LOCKED) RETURNING id"
BARE_SQLITE = f"UPDATE handoffs SET agent_id = ?, claimed_at = datetime() WHERE id = ({NEXT}) RETURNING id"
# As in bot/settings.py.
LIMIT = 8


def main() -> int:
    options = _options()
    progress = Console(stderr=True, highlight=False)
    results: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(temporary_cluster(durable=True))
        for name, place in (("sqlite", f"sqlite:///{folder}"), ("postgresql", cluster)):
            with progress.status(f"{name} …"):
                results[name] = _measure(place, options)
    _show(results, options, Console(stderr=options.json, highlight=False))
    print(json.dumps({"chats": options.chats, "agents": options.agents} | results))
    return int(any(each["twice"] or each["lost"] for each in results.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench claims", description=__doc__)
    parser.add_argument("--chats", type=int, default=10_000, help="that wait (10,000)")
    parser.add_argument("--agents", type=int, default=20, help="who take them at once (20)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are reported (3)")
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    options = parser.parse_args()
    if min(options.chats, options.agents, options.rounds) < 1:
        parser.error("at least one chat, one agent and one round")
    return options


def _measure(place: str, options: argparse.Namespace) -> dict[str, float]:
    bare, ours, limited, wrong = [], [], [], Counter[str]()
    # In turns, so that a machine that slows down slows all of them.
    for number in range(options.rounds):
        with _filled(place, f"bare{number}", options.chats) as url:
            bare.append(_bare(url, options))
        for rates, limit in ((ours, None), (limited, LIMIT)):
            with _filled(place, f"ours{number}_{limit or 0}", options.chats) as url:
                rate, faults = asyncio.run(_ours(url, options, limit))
            rates.append(rate)
            wrong += faults
    middle = options.rounds // 2
    per_s = {name: sorted(rates)[middle] for name, rates in (("bare", bare), ("claims", ours), ("limited", limited))}
    return {
        "claims_per_s": round(per_s["claims"], 1),
        "limited_per_s": round(per_s["limited"], 1),
        "bare_per_s": round(per_s["bare"], 1),
        "of_bare": round(per_s["claims"] / per_s["bare"], 3),
        "limited_of_bare": round(per_s["limited"] / per_s["bare"], 3),
        "twice": wrong["twice"],
        "lost": wrong["lost"],
    }


@contextmanager
def _filled(place: str, name: str, chats: int) -> Iterator[str]:
    """A database of its own with `chats` that wait."""
    if place.startswith("sqlite"):
        url = f"{place}/{name}.db"
    else:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = make_url(place).set(database=name).render_as_string(hide_password=False)
    migrate(url)
    database = Database(url, MemoryHub())
    try:
        asyncio.run(database.write(fill, chats))
    finally:
        database.close()
    yield url


async def _ours(url: str, options: argparse.Namespace, limit: int | None) -> tuple[float, Counter[str]]:
    database = Database(url, MemoryHub(), threads=options.agents)
    await database.start()
    claims, taken = Claims(database), []
    try:
        started = time.perf_counter()
        await asyncio.gather(*(_take(claims, number, limit, taken) for number in range(options.agents)))
        seconds = time.perf_counter() - started
        left = len(await database.read(queue, Handoff.claimed_at.is_(None)))
    finally:
        database.close()
    faults = {"twice": len(taken) - len(set(taken)), "lost": left + options.chats - len(set(taken))}
    return len(taken) / seconds, Counter(faults)


async def _take(claims: Claims, number: int, limit: int | None, taken: list[str]) -> None:
    shift = 0
    while True:
        try:
            taken.append((await claims.next((f"agent{number}.{shift}", f"Agent {number}"), limit)).id)
        except Conflict as refused:
            if "at a time" not in refused.message:
                return
            shift += 1


def _bare(url: str, options: argparse.Namespace) -> float:
    take = _take_bare_sqlite if url.startswith("sqlite") else _take_bare
    started = time.perf_counter()
    with ThreadPoolExecutor(options.agents) as agents:
        count = sum(agents.map(take, [url] * options.agents, range(options.agents)))
    seconds = time.perf_counter() - started
    assert count == options.chats, f"the bare loop took {count} of {options.chats}"
    return count / seconds


def _take_bare(url: str, number: int) -> int:
    count = 0
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(BARE, (f"agent{number}",)).fetchone():
            count += 1
    return count


def _take_bare_sqlite(url: str, number: int) -> int:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=60)
    # The file is in WAL mode already.
    connection.execute("PRAGMA synchronous=FULL")
    count = 0
    while connection.execute(BARE_SQLITE, (f"agent{number}",)).fetchall():
        count += 1
    connection.close()
    return count


def _show(results: dict[str, dict[str, float]], options: argparse.Namespace, out: Console) -> None:
    title = f"{options.agents} agents take {options.chats:,} chats, medians of {options.rounds}"
    heads = ("chats/s", "of bare", "at most eight, chats/s", "of bare", "bare loop/s", "taken twice", "lost")
    keys = ("claims_per_s", "of_bare", "limited_per_s", "limited_of_bare", "bare_per_s", "twice", "lost")
    table = Table("database", *heads, title=title)
    for name, row in results.items():
        table.add_row(name, *(f"{row[key]:,}" for key in keys))
    out.print(table)


if __name__ == "__main__":
    sys.exit(main())
