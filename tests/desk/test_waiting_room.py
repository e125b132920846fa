"""What the background loop says to whom, and when, on both databases; moments are passed, nobody waits for them."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.desk.waiting import Wait
from bot.desk.waiting_room import Told, WaitingRoom, worth_saying
from bot.events import QUEUE, Listener, MemoryHub
from tests.desk.queueing import AT, ask, claim, claimed, codes, ledger, minutes, notices, of, on_duty


class Watch:
    """A waiting room, and a clock that a test moves."""

    def __init__(self, db):
        self.room = WaitingRoom(db, MemoryHub())
        self.at, self.s = AT, 1000.0

    async def pass_(self, many, jump=timedelta()):
        """Look after so many minutes; by `jump` the wall clock is changed meanwhile."""
        self.at, self.s = self.at + minutes(many) + jump, self.s + 60 * many
        await self.room.look(self.at, self.s)

    async def watch(self, many):
        """Look every half minute for so many minutes."""
        for _ in range(int(2 * many)):
            await self.pass_(0.5)


@pytest.fixture
def watch(db):
    return Watch(db)


def wait(low, high, position=3):
    return Wait(position, low * 60.0, low, high)


@pytest.mark.parametrize(
    ("after_s", "now", "said"),
    [
        (30, wait(4, 9), False),
        (30, wait(5, 9), False),
        (5, wait(12, 20), False),
        (30, wait(12, 20), True),
        (61, wait(5, 9), True),
        (30, wait(4, 9, position=2), True),
        (5, wait(4, 9, position=2), False),
        (1, Wait(3, reason="nobody_on_duty"), True),
    ],
)
def test_what_changes_is_said_without_flicker(after_s, now, said):
    assert worth_saying(Told(1, wait(4, 9), 100.0), now, 100.0 + after_s) is said


async def test_who_can_be_reached_is_told_and_that_is_a_promise(db, watch):
    mia = await db.write(on_duty)
    await db.write(claimed, await db.write(ask, AT - minutes(9)), mia, AT - minutes(3))
    here, elsewhere = await db.write(ask, AT), await db.write(ask, AT)
    listener = Listener()
    with watch.room.line(here, listener):
        await watch.pass_(0)
        told = watch.room.told(here)
        assert told.position == 1 and told.high_min
        assert await listener.wait(0) and listener.take_stored() == [], "woken, with nothing to look for"
    assert watch.room.told(elsewhere) is None
    assert await db.read(ledger, here) == [(AT, AT + minutes(told.high_min), None)]
    assert await db.read(ledger, elsewhere) == []


async def test_the_position_moves_on_and_ends_when_an_agent_joins(db, watch):
    mia = await db.write(on_duty, "mia", 2)
    first, second = await db.write(ask, AT - minutes(1)), await db.write(ask, AT)
    with watch.room.line(second, Listener()):
        await watch.pass_(0)
        assert watch.room.told(second).position == 2
        await db.write(claim, first, mia)
        await watch.pass_(0.5)
        assert watch.room.told(second).position == 1
        await db.write(claim, second, mia)
        await watch.pass_(0.5)
        assert watch.room.told(second) is None


async def test_nobody_on_duty_is_said_and_so_is_that_somebody_came(db, watch):
    chat = await db.write(ask, AT)
    with watch.room.line(chat, Listener()):
        await watch.pass_(0)
        assert watch.room.told(chat).reason == "nobody_on_duty"
        await db.write(on_duty)
        await watch.pass_(0.1)
        assert watch.room.told(chat).high_min == 2
    assert len(await db.read(ledger, chat)) == 1


async def test_a_broken_promise_is_noticed_while_nobody_does_anything(db, watch):
    mia = await db.write(on_duty)
    await db.write(claimed, await db.write(ask, AT - minutes(9)), mia, AT)
    chat = await db.write(ask, AT)
    with watch.room.line(chat, Listener()):
        await watch.pass_(0)
        high = watch.room.told(chat).high_min
        await watch.watch(high + 1)
        assert await db.read(codes, chat) == ["handoff_requested", "wait_apology"]
        new = (await db.read(notices, chat))[-1].extra["wait"]
        assert new["position"] == 1 and new["key"] in ("between", "up_to")
        await watch.watch(240)
    assert (await db.read(codes, chat)).count("wait_apology") == 2


async def test_two_processes_say_the_same_once(db):
    mia = await db.write(on_duty)
    await db.write(claimed, await db.write(ask, AT - minutes(9)), mia, AT)
    chat = await db.write(ask, AT)
    one, two = Watch(db), Watch(db)
    with one.room.line(chat, Listener()), two.room.line(chat, Listener()):
        for _ in range(120):
            await one.pass_(2)
            await two.pass_(2)
    assert (await db.read(codes, chat)).count("wait_apology") == 2


async def test_who_closes_the_page_leaves_after_minutes_and_finds_the_old_place_when_back(db, watch):
    mia = await db.write(on_duty)
    await db.write(claimed, await db.write(ask, AT - minutes(9)), mia, AT)
    chat, behind = await db.write(ask, AT - minutes(1)), await db.write(ask, AT)
    with watch.room.line(behind, Listener()):
        with watch.room.line(chat, Listener()):
            await watch.watch(10)
        made = await db.read(ledger, chat)
        await watch.watch(4)
        assert (await db.read(of, chat)).left_at is None
        assert len(await db.read(ledger, chat)) == len(made), "nobody is shown anything any more"
        await watch.watch(3)
        assert (await db.read(of, chat)).left_at is not None
        assert watch.room.told(behind).position == 1
        with watch.room.line(chat, Listener()):
            await watch.watch(1)
            assert (await db.read(of, chat)).left_at is None
            assert (watch.room.told(chat).position, watch.room.told(behind).position) == (1, 2)


async def test_who_is_there_without_a_word_is_written_down_once_a_minute(db, watch):
    chat = await db.write(ask, AT)
    seen = []
    with watch.room.line(chat, Listener()):
        for _ in range(6):
            await watch.pass_(0.5)
            seen.append((await db.read(of, chat)).seen_at)
    assert len(set(seen)) == 3
    assert AT + minutes(3) - seen[-1] <= minutes(1)


async def test_after_a_start_nobody_has_left_before_they_could_be_back(db, watch):
    chat = await db.write(ask, AT - minutes(60))
    await watch.watch(5)
    assert (await db.read(of, chat)).left_at is None
    await watch.watch(1)
    assert (await db.read(of, chat)).left_at is not None


@pytest.mark.parametrize("jump", [minutes(90), -minutes(90)])
async def test_a_clock_that_is_changed_breaks_no_promise_and_sends_nobody_away(db, watch, jump):
    mia = await db.write(on_duty)
    await db.write(claimed, await db.write(ask, AT - minutes(9)), mia, AT)
    chat = await db.write(ask, AT)
    with watch.room.line(chat, Listener()):
        await watch.watch(1)
        await watch.pass_(0.5, jump)
        await watch.watch(1)
        assert watch.room.told(chat).high_min
    assert await db.read(codes, chat) == ["handoff_requested"]
    kept = [kept for _, _, kept in await db.read(ledger, chat)]
    assert kept == [None] * len(kept) and len(kept) >= 2
    await watch.watch(4)
    assert (await db.read(of, chat)).left_at is None


async def test_a_storage_that_fails_for_a_while_does_not_end_the_telling(db):
    hub = MemoryHub()
    room, chat = WaitingRoom(db, hub), await db.write(ask, AT)
    await db.write(rename, "handoffs", "elsewhere")
    with room.line(chat, Listener()):
        await room.start()
        await asyncio.sleep(0.3)
        await db.write(rename, "elsewhere", "handoffs")
        for _ in range(200):
            await hub.publish({QUEUE: None})
            await asyncio.sleep(0.05)
            if room.told(chat):
                break
        assert room.told(chat).reason == "nobody_on_duty"
    await room.stop()


def rename(session, table, to):
    session.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))
