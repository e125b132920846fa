"""The database as the service uses it: functions that take a session, run in worker threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import DateTime, MetaData, TypeDecorator
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from bot.errors import Unavailable
from bot.events import Hub, take_announced
from kb_index.database import create_database_engine

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

# How often a transaction that the database itself gave up (a deadlock, a dropped connection) is run again.
ATTEMPTS = 3
RETRY_AFTER_S = 2


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC on both databases; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def now() -> datetime:
    return datetime.now(UTC)


class Database:
    """Runs `work(session, ...)` as one transaction and wakes the listeners after its commit."""

    def __init__(self, url: str, hub: Hub, threads: int = 8) -> None:
        self.engine = create_database_engine(url, pool_size=threads)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(writes=True)
        self._hub = hub
        self._closed = False
        # SQLite has one writer anyway: queueing here is fair, queueing in the busy handler is not.
        self._writers = ThreadPoolExecutor(1 if self.is_sqlite else threads, "db-write")
        self._readers = ThreadPoolExecutor(threads, "db-read")

    async def write(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Raises what `work` raises (and then changes nothing), or `Unavailable`."""
        result, topics = await self._in_thread(self._writers, self._transact, work, args, kwargs)
        if topics:
            await self._hub.publish(topics)
        return result

    async def read(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._in_thread(self._readers, self._look, work, args, kwargs)

    async def _in_thread(self, threads: ThreadPoolExecutor, run: Callable[..., Any], *arguments: Any) -> Any:
        if self._closed:
            raise Unavailable("The service is stopping. Please try again.", retry_after_s=RETRY_AFTER_S)
        return await asyncio.get_running_loop().run_in_executor(threads, run, *arguments)

    def close(self) -> None:
        # Sockets that are still open at the end get an answer instead of a broken pool.
        self._closed = True
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()

    def _transact(self, work: Callable[..., R], args: Any, kwargs: Any) -> tuple[R, set[str]]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with Session(self._writing, expire_on_commit=False) as session, session.begin():
                    result = work(session, *args, **kwargs)
                    session.flush()
                    topics = take_announced(session)
                return result, topics
            except IntegrityError:
                raise
            except (DBAPIError, PoolTimeout) as problem:
                if attempt == ATTEMPTS or not _passing(problem):
                    raise _unavailable(problem) from problem
        raise AssertionError("unreachable")

    def _look(self, work: Callable[..., R], args: Any, kwargs: Any) -> R:
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                return work(session, *args, **kwargs)
        except (DBAPIError, PoolTimeout) as problem:
            raise _unavailable(problem) from problem


def _passing(problem: Exception) -> bool:
    """Whether running the transaction again can help: it never reached its commit."""
    return isinstance(problem, OperationalError) and not isinstance(problem.orig, MemoryError)


def _unavailable(problem: Exception) -> Exception:
    if not isinstance(problem, (OperationalError, PoolTimeout)) and not getattr(
        problem, "connection_invalidated", False
    ):
        return problem
    log.error("database_unavailable", error=str(problem)[:300])
    return Unavailable("Our storage does not answer just now. Please try again.", retry_after_s=RETRY_AFTER_S)
