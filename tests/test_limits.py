"""Rate limits, in memory and in a real Redis."""

import asyncio
import shutil
import socket
import subprocess
import time

import pytest
from redis import Redis
from redis.exceptions import RedisError

from bot.errors import RateLimited
from bot.limits import WINDOW_S, Limiter, _wait_s


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    program = shutil.which("redis-server")
    assert program, "install redis-server"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    _wait_until_it_answers(url)
    yield url
    process.terminate()
    process.wait(timeout=10)


def _wait_until_it_answers(url):
    until = time.monotonic() + 10
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except RedisError:
                assert time.monotonic() < until, "redis-server did not start"
                time.sleep(0.05)


@pytest.fixture(params=["memory", "redis"])
async def limiter(request, monkeypatch):
    # A busy machine may take longer than service would wait for it: then nobody is turned away, and nothing counted.
    monkeypatch.setattr("bot.limits.REDIS_TIMEOUT_S", 30.0)
    limiter = Limiter(request.getfixturevalue("redis_url") if request.param == "redis" else "")
    yield limiter
    await limiter.stop()


async def test_as_many_as_allowed_pass_and_the_next_is_told_how_long_to_wait(limiter):
    for _ in range(5):
        await limiter.check("anna", 5)
    with pytest.raises(RateLimited) as refused:
        await limiter.check("anna", 5)
    assert 1 <= refused.value.retry_after_s <= 2 * WINDOW_S
    assert str(refused.value.retry_after_s) in refused.value.message
    await limiter.check("bert", 5)


async def test_side_by_side_no_more_than_allowed_pass(limiter):
    results = await asyncio.gather(*(limiter.check("flood", 10) for _ in range(50)), return_exceptions=True)
    assert sum(result is None for result in results) == 10
    assert all(result is None or isinstance(result, RateLimited) for result in results)


async def test_a_redis_that_is_gone_turns_nobody_away():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    limiter = Limiter(f"redis://127.0.0.1:{port}/0")
    for _ in range(3):
        await limiter.check("anna", 1)
    await limiter.stop()


@pytest.mark.parametrize(
    ("limit", "before", "before_left", "current", "current_left"),
    [
        (5, 5, 30.0, 3, 90.0),
        (5, 0, 0.0, 5, 100.0),
        (30, 30, 59.0, 1, 119.0),
        (1, 1, 60.0, 0, 120.0),
        (1, 0, 0, 1, 61.0),
    ],
)
def test_after_the_wait_that_was_told_one_more_fits_and_not_much_earlier(
    limit, before, before_left, current, current_left
):
    def counted(after):
        if after < current_left - WINDOW_S:
            return before * max(0.0, before_left - after) / WINDOW_S + current
        left = WINDOW_S - (after - (current_left - WINDOW_S))
        return current * left / WINDOW_S

    wait = _wait_s(limit, before, before_left, current, current_left)
    assert int(counted(wait)) + 1 <= limit
    assert wait <= 1 or int(counted(wait - 2)) + 1 > limit
