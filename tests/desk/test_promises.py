"""Every range that was shown is a promise, and what becomes of it, on both databases."""

import asyncio
import json
import subprocess
import sys

import pytest

from bot.desk import forecast, promises, services
from bot.desk.promises import Made
from bot.desk.waiting import Wait
from kb_index.settings import ROOT
from tests.desk.queueing import AT, ask, change, claim, claimed, codes, ledger, minutes, notices, of, on_duty

LATER = Wait(1, 240.0, 2, 6)


async def promise(db, chat, high=9, at=AT, low=4):
    state = await db.read(forecast.standing, at)
    waiting = next(each for each in state.waiting if each.conversation_id == chat)
    await db.write(promises.make, [Made(waiting, Wait(2, low * 60.0, low, high))], at)


async def keep(db, at, wait=LATER):
    """What the waiting room does with the ledger."""
    found = await db.read(promises.verdicts, at)
    await db.write(promises.settle, found.settled, at)
    for chat, spell in found.pressing.values():
        await db.write(promises.press, chat, spell)
    for broken in found.broken:
        await db.write(promises.break_, broken, wait, at)
    return found


@pytest.fixture
async def chat(db):
    return await db.write(ask, AT - minutes(1))


async def test_a_promise_is_kept_when_the_chat_was_claimed_in_time(db, chat):
    await promise(db, chat)
    assert not await keep(db, AT + minutes(1))
    await db.write(claimed, chat, await db.write(on_duty), AT + minutes(9))
    await keep(db, AT + minutes(20))
    assert await db.read(ledger, chat) == [(AT, AT + minutes(9), True)]


async def test_a_later_and_longer_promise_does_not_erase_an_earlier_one(db, chat):
    await promise(db, chat, high=3, low=1)
    await promise(db, chat, high=30, at=AT + minutes(2))
    await db.write(claimed, chat, await db.write(on_duty), AT + minutes(10))
    await keep(db, AT + minutes(11))
    assert [kept for _, _, kept in await db.read(ledger, chat)] == [False, True]


async def test_what_is_no_range_promises_nothing(db, chat):
    state = await db.read(forecast.standing, AT)
    await db.write(promises.make, [Made(state.waiting[0], Wait(1, reason="nobody_on_duty"))], AT)
    assert await db.read(ledger, chat) == []


async def test_a_broken_promise_brings_the_chat_to_the_front_and_an_apology_with_a_new_promise(db, chat):
    urgent = await db.write(ask, AT - minutes(1), "frustrated")
    await promise(db, chat, high=3)
    await keep(db, AT + minutes(4))
    assert [entry.conversation.id for entry in await db.read(services.queue)] == [chat, urgent]
    assert await db.read(codes, chat) == ["handoff_requested", "wait_apology"]
    apology = (await db.read(notices, chat))[-1]
    assert apology.extra["wait"] == {"key": "between", "position": 1, "low": 2, "high": 6}
    assert "2 to 6 minutes" in apology.text
    assert await db.read(ledger, chat) == [
        (AT, AT + minutes(3), False),
        (AT + minutes(4), AT + minutes(10), None),
    ]


async def test_two_processes_that_find_it_broken_apologise_once(db, chat):
    await promise(db, chat, high=3)
    (broken,) = (await db.read(promises.verdicts, AT + minutes(4))).broken
    tries = [db.write(promises.break_, broken, LATER, AT + minutes(4)) for _ in range(6)]
    assert sorted(await asyncio.gather(*tries)) == [False] * 5 + [True]
    assert (await db.read(codes, chat)).count("wait_apology") == 1


async def test_of_a_claim_and_a_breaking_promise_at_once_no_apology_comes_after_the_agent(db):
    mia = await db.write(on_duty, "mia", 10)
    for _ in range(10):
        chat = await db.write(ask, AT - minutes(1))
        await promise(db, chat, high=3)
        (broken,) = (await db.read(promises.verdicts, AT + minutes(4))).broken
        await asyncio.gather(db.write(claim, chat, mia), db.write(promises.break_, broken, LATER, AT + minutes(4)))
        said = await db.read(codes, chat)
        assert said in (
            ["handoff_requested", "agent_joined"],
            ["handoff_requested", "wait_apology", "agent_joined"],
        )
        await db.write(promises.void, AT)


async def test_promises_from_before_an_apology_bring_no_other_one(db, chat):
    for high in (3, 5, 7):
        await promise(db, chat, high=high, low=1)
    for after in (4, 6, 8):
        await keep(db, AT + minutes(after))
    assert (await db.read(codes, chat)).count("wait_apology") == 1
    assert [kept for _, _, kept in await db.read(ledger, chat)] == [False, False, False, None]


async def test_at_most_two_apologies_however_often_it_takes_longer(db, chat):
    await promise(db, chat, high=3)
    for hour in range(1, 8):
        await keep(db, AT + minutes(60 * hour))
        await promise(db, chat, high=3, at=AT + minutes(60 * hour))
    assert (await db.read(codes, chat)).count("wait_apology") == 2
    assert all(kept is False for _, _, kept in (await db.read(ledger, chat))[:-1])


async def test_whose_promise_broke_first_stays_before_whose_broke_later(db):
    early, late = await db.write(ask, AT - minutes(1)), await db.write(ask, AT - minutes(30))
    await promise(db, early, high=3)
    await promise(db, late, high=5)
    await keep(db, AT + minutes(4))
    await keep(db, AT + minutes(6))
    assert [entry.conversation.id for entry in await db.read(services.queue)] == [early, late]


async def test_a_promise_about_to_break_moves_the_chat_up_a_little_and_once(db, chat):
    just_before, long_before = await db.write(ask, AT - minutes(2)), await db.write(ask, AT - minutes(30))
    await promise(db, chat, high=10)
    for after in (7.9, 8.1, 8.2):
        await keep(db, AT + minutes(after))
        await promise(db, chat, high=3, low=1, at=AT + minutes(after))
    order = [entry.conversation.id for entry in await db.read(services.queue)]
    assert order == [long_before, chat, just_before]
    handoff = await db.read(of, chat)
    assert handoff.requested_at - handoff.due_at == promises.MOVED_UP
    assert await db.read(codes, chat) == ["handoff_requested"], "which is nobody's business but ours"


@pytest.mark.parametrize("value", ["left_at", "by_email_at"])
async def test_who_has_left_or_chose_email_gets_no_apology(db, chat, value):
    await promise(db, chat, high=3)
    await db.write(change, chat, **{value: AT + minutes(2)})
    await keep(db, AT + minutes(4))
    assert await db.read(codes, chat) == ["handoff_requested"]
    assert await db.read(ledger, chat) == [(AT, AT + minutes(3), None)]


async def test_a_chat_that_is_handed_back_waits_anew_and_the_old_promise_was_kept(db, chat):
    mia = await db.write(on_duty)
    await promise(db, chat, high=3)
    await db.write(claimed, chat, mia, AT + minutes(1))
    await db.write(services.hand_back, chat, mia)
    await keep(db, AT + minutes(2))
    assert await db.read(ledger, chat) == [(AT, AT + minutes(3), True)]
    await promise(db, chat, high=3, at=AT + minutes(2))
    await keep(db, AT + minutes(6))
    assert (await db.read(codes, chat))[-1] == "wait_apology"


async def test_a_changed_clock_breaks_no_promise(db, chat):
    await promise(db, chat, high=3, at=AT + minutes(600))
    await keep(db, AT)
    assert await db.read(ledger, chat) == [(AT + minutes(600), AT + minutes(603), None)]
    assert not await keep(db, AT + minutes(700)), "what was settled once stays settled"
    assert await db.read(codes, chat) == ["handoff_requested"]


async def test_the_ledger_says_how_many_promises_were_kept(db, chat):
    other = await db.write(ask, AT - minutes(1))
    await promise(db, chat, high=3)
    await promise(db, other, high=9)
    await db.write(claimed, other, await db.write(on_duty), AT + minutes(1))
    await keep(db, AT + minutes(4))
    assert await db.read(promises.kept, AT, AT + minutes(60)) == promises.Kept(kept=1, broken=1, unknown=0)


def test_the_benchmark_runs_and_most_promises_are_kept():
    command = [sys.executable, "-m", "benchmarks.promises", "--seeds", "1", "--hours", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for desk, found in json.loads(done.stdout.splitlines()[-1]).items():
        assert found["kept"] > 0.7 and found["first_in_range"] > 0.6, (desk, found)
