"""Engines for SQLite and PostgreSQL with the durability that the service promises."""

import sqlite3
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

# How long a writer waits for another one before SQLite reports "database is locked".
BUSY_TIMEOUT_MS = 15_000
# SQLite moves its log into the database within the commit that makes the log this long (pages of 4 kB), and whoever
# commits waits for it. The service does it beside its commits (bot/db.py), so this is for whoever else writes.
LOG_PAGES = 8_000


def create_database_engine(url: str, pool_size: int = 10) -> Engine:
    """Make the engine for `url` (`sqlite:///PATH` or `postgresql://...`); nothing is connected yet.

    SQLite runs in WAL with `synchronous=FULL`: a commit that returned is on disk. Transactions that
    write start with `BEGIN IMMEDIATE` when opened with `execution_options(writes=True)`, so two writers
    queue instead of failing half-way.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True)


def _sqlite(url) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record) -> None:
        # The driver's own transaction handling commits at surprising moments; we begin ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
