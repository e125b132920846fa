"""The database as the service uses it: functions that take a session, run in worker threads."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection, DateTime, Engine, MetaData, TypeDecorator
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from bot.errors import Unavailable
from bot.events import Announced, Hub, take_announced
from kb_index.database import create_database_engine

log = structlog.get_logger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

# How often a transaction that the database itself gave up (a deadlock, a dropped connection) is run again.
ATTEMPTS = 3
RETRY_AFTER_S = 2
# How often SQLite's log is moved into the database: some hundred messages of a busy shop.
TIDY_S = 5.0
# How many transactions share one commit on SQLite when they queue: enough to keep the disk from being what
# all wait for, few enough that nobody waits long for the others' work.
SQLITE_BATCH = 16

_Outcome = tuple[Any, Exception | None]


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
    """Runs `work(session, ...)` as one transaction and wakes the listeners after its commit.

    `info` is what each session carries as its `info`: what the settings say, for functions that have only a session.
    """

    def __init__(self, url: str, hub: Hub, threads: int = 8, info: Mapping[str, Any] | None = None) -> None:
        self.engine = create_database_engine(url, pool_size=threads)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(writes=True)
        self._hub = hub
        self._info = dict(info or {})
        self._tidying: asyncio.Task[None] | None = None
        self._waiting: deque[_Job] = deque()
        self._batch = SQLITE_BATCH if self.is_sqlite else 1
        self._closed = False
        # SQLite has one writer anyway: queueing here is fair, queueing in the busy handler is not.
        self._writers = ThreadPoolExecutor(1 if self.is_sqlite else threads, "db-write")
        self._readers = ThreadPoolExecutor(threads, "db-read")

    async def start(self) -> None:
        """Begin what goes on beside the transactions, until `close`."""
        if self.is_sqlite:
            self._tidying = asyncio.create_task(self._tidy())

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            try:
                await asyncio.get_running_loop().run_in_executor(self._readers, self._move_log)
            except (DBAPIError, PoolTimeout, sqlite3.Error) as problem:
                log.warning("log_not_moved", error=str(problem)[:300])

    def _move_log(self) -> None:
        # In no transaction, which would be in its own way. Passive: it waits for nobody and nobody for it; what is
        # still being read is left for the next time.
        connection = self.engine.raw_connection()
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            connection.close()

    async def write(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Raises what `work` raises (and then changes nothing), or `Unavailable`."""
        if self._closed:
            raise _stopping()
        job = _Job(work, args, kwargs)
        self._waiting.append(job)
        self._writers.submit(self._write_next)
        result, announced = await asyncio.wrap_future(job.outcome)
        if announced:
            await self._hub.publish(announced)
        return result

    async def read(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        if self._closed:
            raise _stopping()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, work, args, kwargs)

    def close(self) -> None:
        # Sockets that are still open at the end get an answer instead of a broken pool.
        self._closed = True
        if self._tidying:
            self._tidying.cancel()
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()

    def _session(self, bind: Engine | Connection, **options: Any) -> Session:
        return Session(bind, expire_on_commit=False, info=self._info, **options)

    def _write_next(self) -> None:
        """Run what waits: on SQLite all of it, up to a batch, under one commit; the disk is what writers wait for."""
        jobs: list[_Job] = []
        while len(jobs) < self._batch:
            try:
                job = self._waiting.popleft()
            except IndexError:
                break
            if job.outcome.set_running_or_notify_cancel():
                jobs.append(job)
        if len(jobs) > 1:
            try:
                outcomes = self._transact_together(jobs)
            except Exception:
                # One failed, which is rare, and nothing was committed: each gets a transaction of its own, with its own
                # tries and errors.
                outcomes = [self._outcome(job) for job in jobs]
        else:
            outcomes = [self._outcome(job) for job in jobs]
        for job, (done, problem) in zip(jobs, outcomes, strict=True):
            if problem is None:
                job.outcome.set_result(done)
            else:
                job.outcome.set_exception(problem)

    def _outcome(self, job: "_Job") -> "_Outcome":
        try:
            return self._transact(job.work, job.args, job.kwargs), None
        except Exception as problem:
            return None, problem

    def _transact_together(self, jobs: "list[_Job]") -> "list[_Outcome]":
        """One transaction for all. Raises what the first job that fails raises, and then nothing is changed."""
        outcomes: list[_Outcome] = []
        with self._writing.connect() as connection, connection.begin():
            for job in jobs:
                # A savepoint for each would let the others stand, and cost each of them a fifth of its time.
                with self._session(connection, join_transaction_mode="rollback_only") as session, session.begin():
                    done = _done(session, job.work, job.args, job.kwargs)
                outcomes.append((done, None))
        return outcomes

    def _transact(self, work: Callable[..., R], args: Any, kwargs: Any) -> tuple[R, Announced]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._session(self._writing) as session, session.begin():
                    done = _done(session, work, args, kwargs)
                return done
            except IntegrityError:
                raise
            except (DBAPIError, PoolTimeout) as problem:
                if attempt == ATTEMPTS or not _passing(problem):
                    raise _unavailable(problem) from problem
        raise AssertionError("unreachable")

    def _look(self, work: Callable[..., R], args: Any, kwargs: Any) -> R:
        try:
            with self._session(self.engine) as session:
                return work(session, *args, **kwargs)
        except (DBAPIError, PoolTimeout) as problem:
            raise _unavailable(problem) from problem


class _Job:
    """One piece of work that waits for a writer."""

    def __init__(self, work: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.work, self.args, self.kwargs = work, args, kwargs
        self.outcome: Future[tuple[Any, Announced]] = Future()


def _done(session: Session, work: Callable[..., R], args: Any, kwargs: Any) -> tuple[R, Announced]:
    """Run a transaction's work up to its commit; its result, and who is to be woken after that."""
    result = work(session, *args, **kwargs)
    session.flush()
    return result, take_announced(session)


def _stopping() -> Unavailable:
    return Unavailable("The service is stopping. Please try again.", retry_after_s=RETRY_AFTER_S)


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
