"""Wake-ups over one process, and over several with a real Redis."""

import asyncio
import shutil
import socket
import subprocess
import time

import pytest

from bot.events import MemoryHub, RedisHub


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    program = shutil.which("redis-server")
    assert program, "install the Debian package redis-server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.wait(timeout=10)


async def test_a_wake_up_reaches_the_listeners_of_its_topic_only():
    hub = MemoryHub()
    with hub.listen("a") as mine, hub.listen("b") as other:
        await hub.publish({"a": None})
        assert await mine.wait(0.5)
        assert not await other.wait(0.02)


async def test_several_wake_ups_before_a_look_count_as_one():
    hub = MemoryHub()
    with hub.listen("a") as listener:
        for _ in range(3):
            await hub.publish({"a": None})
        assert await listener.wait(0.5)
        assert not await listener.wait(0.02)


async def test_what_was_stored_comes_along_until_one_wake_up_says_to_look():
    hub = MemoryHub()
    with hub.listen("a") as listener:
        await hub.publish({"a": [1]})
        await hub.publish({"a": [2, 3]})
        assert await listener.wait(0.5)
        assert listener.take_stored() == [1, 2, 3]
        await hub.publish({"a": [4]})
        await hub.publish({"a": None})
        await hub.publish({"a": [5]})
        assert await listener.wait(0.5)
        assert listener.take_stored() is None
        assert listener.take_stored() == []


async def test_with_several_processes_everybody_looks(redis_url):
    hub = RedisHub(redis_url)
    with hub.listen("a") as listener:
        await hub.publish({"a": [1]})
        assert await listener.wait(0.5)
        assert listener.take_stored() is None
    await hub.stop()


async def test_nothing_is_kept_for_those_who_left():
    hub = MemoryHub()
    with hub.listen("a"):
        pass
    await hub.publish({"a": None})
    assert not hub._listeners


async def test_a_wake_up_crosses_processes_through_redis(redis_url):
    here, there = RedisHub(redis_url), RedisHub(redis_url)
    await here.start()
    await there.start()
    with there.listen("conversation:1") as listener:
        # Subscribing wakes everybody once, for what was published before it.
        await listener.wait(5)
        arrived = False
        for _ in range(50):
            await here.publish({"conversation:1": None})
            arrived = await listener.wait(0.1)
            if arrived:
                break
        assert arrived
    await here.stop()
    await there.stop()


async def test_without_redis_the_own_process_is_still_woken():
    hub = RedisHub("redis://127.0.0.1:9")
    with hub.listen("a") as listener:
        await hub.publish({"a": None})
        assert await listener.wait(0.5)
    await hub.stop()


async def test_a_hub_that_stops_ends_its_task(redis_url):
    hub = RedisHub(redis_url)
    await hub.start()
    await asyncio.sleep(0.05)
    await hub.stop()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
