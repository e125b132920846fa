"""Agents who come, go and are gone, and what becomes of their chats; on both databases, with the moments given."""

import asyncio
from datetime import timedelta

import pytest

from bot.accounts.services import AGENT, OPERATOR, ensure_account
from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import assignment, board, claims, presence, services, staffing
from bot.desk.assignment import SETTLE_S, ClockWatch
from bot.desk.rules import PUSH, Rules
from bot.errors import Conflict, Invalid
from bot.events import MemoryHub
from tests.desk.test_queue import ask

START = now()


def after(**passed):
    return START + timedelta(**passed)


def arrive(session, name, at=START, role=AGENT, state=None):
    account = ensure_account(session, f"{name}@example.com", name.title(), role, "a long enough password")
    presence.touch(session, account, at)
    if state:
        presence.set_state(session, account.id, state, at)
    return account


def take(session, chat, account, at=START):
    claims.claim(session, chat, (account.id, account.name))
    session.expire_all()
    services.newest_handoff(session, chat).claimed_at = at


def say(session, chat, author, text="Well?"):
    conversation = conversations.get(session, chat, for_update=True)
    conversations.add_message(session, conversation, author=author, text=text)


async def duty(db, at=START):
    return [each.account_id for each in await db.read(presence.on_duty, at)]


async def missed(db, account):
    return [entry.conversation.id for entry in (await db.read(board.board, account.id)).missed]


async def told(db, chat):
    return [m.extra["notice"] for m in await db.read(services.transcript, chat) if m.kind == "notice"]


async def test_the_first_visit_makes_an_agent_available_and_an_operator_a_looker_on(db):
    mia, sam = await db.write(arrive, "mia"), await db.write(arrive, "sam", role=OPERATOR)
    assert await duty(db) == [mia.id]
    assert await db.read(presence.state_of, sam.id, START) == presence.GONE
    await db.write(presence.set_state, sam.id, presence.AVAILABLE, START)
    assert set(await duty(db)) == {mia.id, sam.id}


async def test_who_was_described_before_the_first_visit_is_available_with_it(db):
    mia = await db.write(ensure_account, "mia@example.com", "Mia", AGENT, "a long enough password")
    given = {"team_id": None, "skills": (), "languages": (), "capacity": 3}
    await db.write(staffing.set_member, mia.id, mia, **given)
    assert await duty(db) == []
    await db.write(presence.touch, mia, START)
    assert await db.read(presence.on_duty, START) == [presence.OnDuty(mia.id, 3)]


async def test_who_is_not_seen_is_gone_and_back_as_they_were_with_the_next_sign_of_life(db):
    mia, jonas = await db.write(arrive, "mia"), await db.write(arrive, "jonas", state=presence.AWAY)
    later = after(seconds=80)
    assert await duty(db, later) == []
    assert await db.read(presence.state_of, mia.id, later) == presence.GONE
    for account in (mia, jonas):
        await db.write(presence.touch, account, later)
    assert await duty(db, later) == [mia.id]
    assert await db.read(presence.state_of, jonas.id, later) == presence.AWAY


async def test_only_available_agents_are_on_duty_and_only_known_states_can_be_said(db):
    mia = await db.write(arrive, "mia")
    for state in (presence.AWAY, presence.LUNCH, presence.GONE):
        await db.write(presence.set_state, mia.id, state, START)
        assert await duty(db) == []
    with pytest.raises(Invalid):
        await db.write(presence.set_state, mia.id, "asleep", START)


async def test_being_seen_is_written_down_every_twenty_seconds_at_most(db):
    mia = await db.write(arrive, "mia")

    def seen(session):
        return session.get(staffing.Agent, mia.id).seen_at

    await db.write(presence.touch, mia, after(seconds=10))
    assert await db.read(seen) == START
    await db.write(presence.touch, mia, after(seconds=25))
    assert await db.read(seen) == after(seconds=25)


@pytest.mark.parametrize(
    ("state", "kept", "lost"), [(presence.LUNCH, None, 1), (presence.AWAY, 590, 601), (presence.GONE, 110, 121)]
)
async def test_after_the_grace_a_waiting_customer_goes_to_the_front_and_both_sides_are_told(db, state, kept, lost):
    mia = await db.write(arrive, "mia")
    jonas = await db.write(arrive, "jonas")
    chat = await db.write(ask, "First")
    others = [await db.write(ask, reason="frustrated") for _ in range(2)]
    await db.write(take, chat, mia)
    await db.write(presence.set_state, mia.id, state, START)
    if kept is not None:
        await db.write(presence.touch, mia, after(seconds=kept))
        assert await db.write(presence.give_back, after(seconds=kept)) == 0
    for moment in (after(seconds=lost), after(seconds=lost + 1)):
        await db.write(presence.give_back, moment)
    assert await told(db, chat) == ["handoff_requested", "agent_joined", "agent_away"]
    assert [entry.conversation.id for entry in await db.read(services.queue)] == [chat, *others]
    assert await missed(db, mia) == [chat]
    assert (await db.write(claims.claim_next, (jonas.id, jonas.name))).id == chat
    # Taken by a colleague, it is still to be told; seen, it is not told again.
    assert await missed(db, mia) == [chat]
    await db.write(presence.saw_missed, mia.id)
    assert await missed(db, mia) == []


async def test_who_comes_back_can_take_the_chat_again(db):
    mia, chat = await db.write(arrive, "mia"), await db.write(ask)
    await db.write(take, chat, mia)
    assert await db.write(presence.give_back, after(seconds=200)) == 1
    await db.write(claims.claim, chat, (mia.id, mia.name))
    assert await missed(db, mia) == []


async def test_a_chat_whose_customer_was_answered_stays_with_its_agent_until_they_write_again(db):
    mia, chat = await db.write(arrive, "mia"), await db.write(ask)
    await db.write(take, chat, mia)
    await db.write(say, chat, "agent", "I look into it.")
    assert await db.write(presence.give_back, after(hours=1)) == 0
    await db.write(say, chat, "customer")
    assert await db.write(presence.give_back, after(hours=1)) == 1


async def test_agents_who_are_there_keep_their_chats_and_who_took_one_meanwhile_has_the_grace_from_then_on(db):
    mia, chat, other = await db.write(arrive, "mia"), await db.write(ask), await db.write(ask)
    await db.write(take, chat, mia)
    for minute in range(1, 30):
        await db.write(presence.touch, mia, after(minutes=minute))
        assert await db.write(presence.give_back, after(minutes=minute, seconds=30)) == 0
    await db.write(presence.set_state, mia.id, presence.AWAY, after(minutes=30))
    await db.write(take, other, mia, after(minutes=45))
    assert await db.write(presence.give_back, after(minutes=46)) == 1
    assert (await db.read(conversations.get, other)).agent_id == mia.id


async def test_hundreds_of_agents_are_counted_and_swept(db):
    mia = await db.write(arrive, "mia")
    chats = [await db.write(ask) for _ in range(3)]
    for chat in chats:
        await db.write(take, chat, mia)
    many = {f"agent{number}": 5 for number in range(700)} | {mia.id: 2}
    counted = await db.read(claims.held, many)
    assert (len(counted), counted[mia.id], counted["agent699"]) == (701, 2, 0)


async def test_a_chat_of_an_account_that_never_came_to_the_desk_is_not_stuck(db):
    chat = await db.write(ask)

    def by_program(session):
        claims.claim(session, chat, ("nobody", "Nobody"))

    await db.write(by_program)
    assert await db.write(presence.give_back, now() + timedelta(minutes=10)) == 1


async def test_two_processes_that_sweep_at_once_give_a_chat_back_once(db_url):
    databases = [Database(db_url, MemoryHub()) for _ in range(3)]
    try:
        mia = await databases[0].write(arrive, "mia")
        chats = [await databases[0].write(ask) for _ in range(10)]
        for chat in chats:
            await databases[0].write(take, chat, mia)
        counts = await asyncio.gather(*(db.write(presence.give_back, after(minutes=9)) for db in databases * 2))
        assert sum(counts) == 10
        for chat in chats:
            assert (await told(databases[0], chat)).count("agent_away") == 1
    finally:
        for database in databases:
            database.close()


async def test_a_clock_that_was_set_back_keeps_everybody_and_runs_from_now_on(db):
    mia, chat = await db.write(arrive, "mia"), await db.write(ask)
    await db.write(take, chat, mia)
    earlier = after(hours=-5)
    # All that was written down lies five hours ahead.
    assert await duty(db, earlier) == [mia.id]
    assert await db.write(presence.give_back, earlier) == 0
    assert await duty(db, earlier + timedelta(seconds=60)) == [mia.id]
    assert await duty(db, earlier + timedelta(seconds=90)) == []
    assert await db.write(presence.give_back, earlier + timedelta(seconds=200)) == 1


def test_after_a_jump_a_stop_or_a_start_nobody_is_taken_for_gone_until_all_could_be_heard_of():
    watch = ClockWatch()
    wall, monotonic = 1000.0, 50.0

    def rounds(seconds):
        nonlocal wall, monotonic
        seen = []
        for _ in range(int(seconds / 5)):
            wall, monotonic = wall + 5, monotonic + 5
            seen.append(watch.steady(wall, monotonic))
        return seen

    assert not watch.steady(wall, monotonic)
    assert rounds(SETTLE_S + 5) == [False] * int(SETTLE_S / 5 - 1) + [True] * 2
    for jump in (3600.0, -3600.0):
        wall += jump
        assert not any(rounds(SETTLE_S))
        assert all(rounds(60))
    # Both clocks ran on, and nobody looked.
    wall, monotonic = wall + 60, monotonic + 60
    assert not any(rounds(SETTLE_S))
    assert all(rounds(60))


@pytest.fixture
def pushing(db_url):
    database = Database(db_url, MemoryHub(), info=Rules(assignment=PUSH).as_info())
    yield database
    database.close()


async def test_push_gives_to_the_least_loaded_for_their_size_and_then_to_who_got_none_for_longest(pushing):
    boss = await pushing.write(ensure_account, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    small, large = await pushing.write(arrive, "small"), await pushing.write(arrive, "large")
    for account, capacity in ((small, 2), (large, 4)):
        given = {"team_id": None, "skills": (), "languages": (), "capacity": capacity}
        await pushing.write(staffing.set_member, account.id, boss, **given)
    for _ in range(3):
        await pushing.write(ask)
    assert await pushing.write(assignment.push, START) == 3
    whose = [entry.conversation.agent_id for entry in await pushing.read(services.queue)]
    assert sorted(whose) == sorted([small.id, large.id, large.id])
    for _ in range(9):
        await pushing.write(ask)
    assert await pushing.write(assignment.push, START) == 3
    assert await pushing.write(assignment.push, START) == 0
    waiting = [entry for entry in await pushing.read(services.queue) if entry.handoff.claimed_at is None]
    assert len(waiting) == 6
    # A place becomes free: it is filled at once.
    done = next(e for e in await pushing.read(services.queue) if e.conversation.agent_id == small.id)
    await pushing.write(services.resolve, done.conversation.id, (small.id, small.name))
    assert await pushing.write(assignment.push, START) == 1


async def test_push_respects_languages_and_leaves_agents_alone_who_are_not_there(pushing):
    boss = await pushing.write(ensure_account, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    anna, mia = await pushing.write(arrive, "anna"), await pushing.write(arrive, "mia")
    await pushing.write(arrive, "lu", state=presence.LUNCH)
    given = {"team_id": None, "skills": (), "languages": ("de",), "capacity": 1}
    await pushing.write(staffing.set_member, anna.id, boss, **given)
    german = [await pushing.write(ask, locale="de") for _ in range(2)]
    english = await pushing.write(ask)
    assert await pushing.write(assignment.push, START) == 2
    whose = {e.conversation.id: e.conversation.agent_id for e in await pushing.read(services.queue)}
    assert whose == {german[0]: anna.id, german[1]: None, english: mia.id}


async def test_push_goes_on_to_who_can_take_a_chat_when_the_least_loaded_cannot(pushing):
    boss = await pushing.write(ensure_account, "boss@example.com", "Boss", OPERATOR, "a long enough password")
    anna, mia = await pushing.write(arrive, "anna"), await pushing.write(arrive, "mia")
    given = {"team_id": None, "skills": (), "languages": ("de",), "capacity": 2}
    await pushing.write(staffing.set_member, anna.id, boss, **given)
    busy = await pushing.write(ask, locale="de")
    await pushing.write(take, busy, anna)
    german = await pushing.write(ask, locale="de")
    assert await pushing.write(assignment.push, START) == 1
    assert (await pushing.read(conversations.get, german)).agent_id == anna.id
    assert await pushing.read(claims.held, {mia.id: 9}) == {mia.id: 0}


async def test_a_pushed_chat_that_nobody_opens_goes_to_the_next_and_its_agent_is_away(pushing):
    mia, chat = await pushing.write(arrive, "mia"), await pushing.write(ask)
    assert await pushing.write(assignment.push, START) == 1
    moment = now() + timedelta(seconds=61)
    jonas = await pushing.write(arrive, "jonas", moment)
    assert await pushing.write(assignment.take_back_unopened, moment - timedelta(seconds=10)) == 0
    assert await pushing.write(assignment.take_back_unopened, moment) == 1
    assert await pushing.write(assignment.take_back_unopened, moment) == 0
    assert await pushing.read(presence.state_of, mia.id, START) == presence.AWAY
    assert await pushing.write(assignment.push, moment) == 1
    assert (await pushing.read(conversations.get, chat)).agent_id == jonas.id
    await pushing.write(claims.opened, chat, jonas.id)
    assert await pushing.write(assignment.take_back_unopened, moment + timedelta(minutes=9)) == 0


async def test_two_processes_that_push_at_once_give_each_chat_once_and_nobody_too_many(db_url):
    info = Rules(assignment=PUSH, capacity=4).as_info()
    databases = [Database(db_url, MemoryHub(), info=info) for _ in range(3)]
    try:
        agents = [await databases[0].write(arrive, name) for name in ("a", "b", "c")]
        for _ in range(20):
            await databases[0].write(ask)
        counts = await asyncio.gather(*(db.write(assignment.push, START) for db in databases * 2))
        assert sum(counts) == 12
        held = await databases[0].read(claims.held, {agent.id: 9 for agent in agents})
        assert set(held.values()) == {4}
    finally:
        for database in databases:
            database.close()


async def test_in_pull_nothing_is_given_without_being_asked_for(db):
    await db.write(arrive, "mia")
    await db.write(ask)
    assert await db.write(assignment.push, START) == 0
    with pytest.raises(Conflict):
        await db.write(services.resolve, (await db.read(services.queue))[0].conversation.id, ("x", "X"))
