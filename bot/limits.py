"""How often something may happen, over all web processes where there is a Redis."""

import asyncio
import math

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from bot.errors import RateLimited

log = structlog.get_logger(__name__)

WINDOW_S = 60
# A Redis that answers slower than this helps nobody who waits for an acknowledgement.
REDIS_TIMEOUT_S = 1.0
# The library's memory storage looks at all its keys whenever it counts one: many small ones look at few.
MEMORY_SHARDS = 64


class Limiter:
    """Counts by key over a sliding minute; in memory, or in Redis for `redis_url`. Nothing is connected yet."""

    def __init__(self, redis_url: str = "") -> None:
        self._connections: ConnectionPool | None = None
        if redis_url:
            self._connections = ConnectionPool.from_url(
                redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
            )
            self._storages = [
                RedisStorage(
                    f"async+{redis_url}",
                    implementation="redispy",
                    key_prefix="switchboard",
                    connection_pool=self._connections,
                )
            ]
        else:
            self._storages = [MemoryStorage() for _ in range(MEMORY_SHARDS)]
        self._windows = [SlidingWindowCounterRateLimiter(storage) for storage in self._storages]

    async def stop(self) -> None:
        if self._connections:
            await self._connections.aclose()

    async def check(self, key: str, per_minute: int) -> None:
        """Count one for `key`. Raises RateLimited, counting nothing, when that is more than `per_minute`."""
        limit = RateLimitItemPerMinute(per_minute)
        shard = hash(key) % len(self._windows)
        try:
            if await self._windows[shard].hit(limit, key):
                return
            window = await self._storages[shard].get_sliding_window(limit.key_for(key), WINDOW_S)
        except (RedisError, OSError, asyncio.TimeoutError) as problem:
            # Turning customers away because the counter is down would be the greater harm.
            log.warning("rate_limit_not_counted", error=str(problem))
            return
        wait = _wait_s(per_minute, *window)
        seconds = "1 second" if wait == 1 else f"{wait} seconds"
        raise RateLimited(f"That was too much at once. Please wait {seconds}.", retry_after_s=wait)


def _wait_s(limit: int, before: int, before_left_s: float, current: int, current_left_s: float) -> int:
    """Whole seconds until one more fits.

    What counts is `current` and the part of the minute `before` it that the sliding minute still covers.
    """
    if current < limit:
        wait = before_left_s - WINDOW_S * (limit - current) / max(before, 1)
    else:
        wait = (current_left_s - WINDOW_S) + WINDOW_S * (1 - limit / current)
    return max(1, math.floor(wait) + 1)
