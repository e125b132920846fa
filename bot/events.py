"""Wake-ups: after a commit, whoever listens to a topic looks at what is new after its own cursor.

A lost wake-up loses nothing: the next one, or the heartbeat, finds the same. Within one process it may bring
what was just stored, for who has all before it and so need not look.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from bot import tasks

log = structlog.get_logger(__name__)

QUEUE = "queue"
_CHANNEL = "switchboard:wake"
_TOPICS = "topics"
# Before a lost Redis connection is tried again.
RECONNECT_S = 1.0


def conversation_topic(conversation_id: str) -> str:
    return f"conversation:{conversation_id}"


def typing_topic(conversation_id: str, author: str) -> str:
    """A wake-up on this topic says that `author` (agent or customer) is typing right now."""
    return f"typing:{author}:{conversation_id}"


# What a transaction stored, by topic; None where a listener has to look for itself.
Announced = Mapping[str, Sequence[Any] | None]


def announce(session: Session, *topics: str) -> None:
    """Wake the listeners of `topics` once this session's transaction has committed, never before."""
    session.info.setdefault(_TOPICS, {}).update(dict.fromkeys(topics))


def announce_stored(session: Session, topic: str, stored: Sequence[Any]) -> None:
    """As `announce`, where `stored` is all that this transaction changes for the listeners of `topic`."""
    announced = session.info.setdefault(_TOPICS, {})
    announced[topic] = stored if topic not in announced else None


def take_announced(session: Session) -> Announced:
    return session.info.pop(_TOPICS, {})


class Listener:
    """Waits for wake-ups; several while nobody waits count as one."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._stored: list[Any] | None = []

    def wake(self, stored: Sequence[Any] | None = None) -> None:
        if stored is None or self._stored is None:
            self._stored = None
        else:
            self._stored.extend(stored)
        self._woken.set()

    async def wait(self, timeout: float | None = None) -> bool:
        """True when woken, False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def take_stored(self) -> list[Any] | None:
        """What the wake-ups since the last call brought, in no order; None when one of them says to look."""
        stored, self._stored = self._stored, []
        return stored


class Hub(Protocol):
    """`ending` says that the service stops, so that nobody waits any longer."""

    ending: bool

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def end(self) -> None: ...
    async def publish(self, announced: Announced) -> None: ...
    def listen(self, *topics: str) -> contextlib.AbstractContextManager[Listener]: ...


class MemoryHub:
    """For one web process."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self.ending = False

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def publish(self, announced: Announced) -> None:
        for topic, stored in announced.items():
            for listener in tuple(self._listeners.get(topic, ())):
                listener.wake(stored)

    def end(self) -> None:
        """Wake all who listen, for the last time."""
        self.ending = True
        self.wake_all()

    def wake_all(self) -> None:
        for listeners in tuple(self._listeners.values()):
            for listener in tuple(listeners):
                listener.wake()

    @contextlib.contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        listener = Listener()
        for topic in topics:
            self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            for topic in topics:
                self._listeners[topic].discard(listener)
                if not self._listeners[topic]:
                    del self._listeners[topic]


class RedisHub(MemoryHub):
    """For many web processes: every wake-up goes through Redis, each process wakes its own listeners."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._redis = Redis.from_url(url)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._relay())

    async def stop(self) -> None:
        await tasks.end(self._task)
        await self._redis.aclose()

    async def publish(self, announced: Announced) -> None:
        # Nobody is spared the look: another process may have changed whose conversation it is.
        wanted = sorted(announced)
        await super().publish(dict.fromkeys(wanted))
        try:
            for topic in wanted:
                await self._redis.publish(_CHANNEL, topic)
        except RedisError as problem:
            # What is stored is stored; listeners elsewhere find it at their heartbeat.
            log.warning("wake_up_not_sent", error=str(problem))

    async def _relay(self) -> None:
        while True:
            try:
                async for topic in self._subscribed():
                    await MemoryHub.publish(self, {topic: None})
            except RedisError as problem:
                log.warning("wake_ups_interrupted", error=str(problem))
                await asyncio.sleep(RECONNECT_S)

    async def _subscribed(self) -> AsyncIterator[str]:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(_CHANNEL)
            # What was published while nobody was subscribed is looked for now.
            self.wake_all()
            async for message in pubsub.listen():
                if message["type"] == "message":
                    yield message["data"].decode()


def create_hub(redis_url: str) -> Hub:
    return RedisHub(redis_url) if redis_url else MemoryHub()
