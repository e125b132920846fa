"""What the database says about the queue, and who counts as waiting, on both databases."""

from bot.conversations import services as conversations
from bot.desk import forecast, services
from bot.desk.waiting import in_english
from tests.desk.queueing import AT, ask, change, claimed, minutes, of, on_duty, served


async def chats(db, at=AT):
    return [each.conversation_id for each in (await db.read(forecast.standing, at)).waiting]


async def test_the_order_is_the_desks_and_who_waits_by_email_is_not_in_it(db):
    calm = await db.write(ask, AT - minutes(5))
    angry = await db.write(ask, AT - minutes(1), "frustrated")
    by_email = await db.write(ask, AT - minutes(20))
    assert await chats(db) == [by_email, angry, calm]
    assert await chats(db) == [entry.conversation.id for entry in await db.read(services.queue)]
    await db.write(change, by_email, by_email_at=AT)
    assert await chats(db) == [angry, calm]


async def test_places_are_those_of_agents_on_duty_less_the_chats_they_have(db):
    mia = await db.write(on_duty, "mia", 3)
    jonas = await db.write(on_duty, "jonas", 2)
    gone = await db.write(on_duty, "gone", 5)
    for agent, ago in ((mia, 4), (jonas, 2), (jonas, 30), (gone, 9)):
        await db.write(claimed, await db.write(ask, AT - minutes(40)), agent, AT - minutes(ago))
    await db.write(on_duty, "jonas", 1)
    await db.write(on_duty, "gone", 5, "lunch")
    found = await db.read(forecast.standing, AT)
    assert found.free == 2, "Mia has two left, Jonas has more chats than places, and one is at lunch"
    assert sorted(found.chats_s) == [120.0, 240.0], "the end of Jonas's older chat frees no place"


async def test_without_anybody_on_duty_nothing_is_promised(db):
    await db.write(ask, AT - minutes(1))
    state = await db.read(forecast.standing, AT)
    (wait,) = forecast.waits(state, await db.read(forecast.rates, AT))
    assert wait.reason == "nobody_on_duty" and wait.position == 1


async def test_everybody_who_waits_gets_an_estimate_from_how_long_chats_took(db):
    mia = await db.write(on_duty)
    for number in range(12):
        begun = AT - minutes(60 - 4 * number)
        await db.write(served, mia, begun, begun, begun + minutes(4))
    await db.write(claimed, await db.write(ask, AT - minutes(2)), mia, AT - minutes(1))
    for _ in range(3):
        await db.write(ask, AT)
    state = await db.read(forecast.standing, AT)
    first, second, third = forecast.waits(state, await db.read(forecast.rates, AT, state.chats_s))
    assert [wait.position for wait in (first, second, third)] == [1, 2, 3]
    assert 2 * 60 < first.expected_s < 7 * 60
    assert 3 * 60 < second.expected_s - first.expected_s < 6 * 60
    assert first.high_min <= second.high_min <= third.high_min


async def test_where_agents_take_their_time_a_free_place_is_not_said_to_be_less_than_a_minute(db):
    mia = await db.write(on_duty, "mia", 2)
    for number in range(40):
        asked = AT - minutes(400 - 9 * number)
        await db.write(served, mia, asked, asked + minutes(3.5), asked + minutes(7))
    await db.write(ask, AT)
    state = await db.read(forecast.standing, AT)
    assert state.free == 2
    (wait,) = forecast.waits(state, await db.read(forecast.rates, AT))
    assert in_english(wait) == "You are number 1 in the queue. It will take less than 4 minutes."
    later = forecast.standing
    (wait,) = forecast.waits(await db.read(later, AT + minutes(6)), await db.read(forecast.rates, AT), idle_s=360)
    assert wait.high_min == 6, "longer than ever before: as long again"


async def test_where_chats_are_taken_at_once_it_is(db):
    mia = await db.write(on_duty, "mia", 2)
    for number in range(40):
        asked = AT - minutes(400 - 9 * number)
        await db.write(served, mia, asked, asked + minutes(0.1), asked + minutes(7))
    await db.write(ask, AT)
    (wait,) = forecast.waits(await db.read(forecast.standing, AT), await db.read(forecast.rates, AT))
    assert in_english(wait) == "You are next: less than a minute."


async def test_who_has_left_is_put_back_behind_who_is_there_and_not_lost(db):
    left, there = await db.write(ask, AT - minutes(20)), await db.write(ask, AT - minutes(2))
    state = await db.read(forecast.standing, AT)
    gone = forecast.gone(state, here={there})
    assert await db.write(forecast.leave, gone, AT) == 1
    assert await db.write(forecast.leave, gone, AT) == 0, "another process says the same"
    assert await chats(db) == [there]
    desk = [entry.conversation.id for entry in await db.read(services.queue)]
    assert desk == [there, left], "agents still find it, after those who are there"
    late = await db.write(ask, AT + minutes(300))
    desk = [entry.conversation.id for entry in await db.read(services.queue)]
    assert desk.index(left) < desk.index(late), "after some hours its turn has come"


async def test_who_comes_back_has_their_old_place(db):
    first, second = await db.write(ask, AT - minutes(20)), await db.write(ask, AT - minutes(2))
    handoff = await db.read(of, first)
    await db.write(forecast.leave, [handoff.id], AT)
    state = await db.read(forecast.standing, AT + minutes(1))
    back = forecast.returned(state, here={first})
    assert await db.write(forecast.come_back, back, AT + minutes(1)) == 1
    assert await db.write(forecast.come_back, back, AT + minutes(1)) == 0
    assert await chats(db) == [first, second]
    assert (await db.read(of, first)).due_at == handoff.due_at


async def test_somebody_who_was_heard_of_lately_in_another_process_has_not_left(db):
    chat = await db.write(ask, AT - minutes(30))
    handoff = await db.read(of, chat)
    await db.write(forecast.seen, [handoff.id], AT - minutes(1))
    await db.write(forecast.seen, [handoff.id], AT - minutes(1.5))
    assert (await db.read(of, chat)).seen_at == AT - minutes(1), "the latest moment stays"
    assert forecast.gone(await db.read(forecast.standing, AT), here=set()) == []
    assert await db.write(forecast.leave, [handoff.id], AT) == 0, "heard of since the look"


async def test_who_is_seen_by_a_clock_that_was_set_back_is_there_by_that_clock(db):
    chat = await db.write(ask, AT - minutes(300))
    handoff = await db.read(of, chat)
    await db.write(forecast.seen, [handoff.id], AT)
    await db.write(forecast.seen, [handoff.id], AT - minutes(90))
    assert (await db.read(of, chat)).seen_at == AT - minutes(90)


async def test_who_wrote_lately_has_not_left_although_no_line_is_open(db):
    chat = await db.write(ask, AT - minutes(30))
    await db.write(written, chat, AT - minutes(2))
    assert forecast.gone(await db.read(forecast.standing, AT), here=set()) == []
    assert len(forecast.gone(await db.read(forecast.standing, AT + minutes(4)), here=set())) == 1


def written(session, chat, at):
    conversations.get(session, chat).updated_at = at


async def test_a_chat_that_was_claimed_meanwhile_neither_leaves_nor_comes_back(db):
    mia = await db.write(on_duty)
    chat = await db.write(ask, AT - minutes(30))
    handoff = await db.read(of, chat)
    await db.write(claimed, chat, mia, AT)
    assert await db.write(forecast.leave, [handoff.id], AT) == 0
    assert (await db.read(of, chat)).left_at is None


async def test_who_left_is_learned_from_as_having_left_when_last_heard_of(db):
    stayed, left = await db.write(ask, AT - minutes(90)), await db.write(ask, AT - minutes(60))
    mailed = await db.write(ask, AT - minutes(50))
    mia = await db.write(on_duty)
    await db.write(claimed, stayed, mia, AT - minutes(80))
    await db.write(change, left, seen_at=AT - minutes(57), left_at=AT - minutes(52))
    await db.write(change, mailed, by_email_at=AT - minutes(46))
    found = await db.read(forecast._waited)
    assert [(wait.waited_s, wait.left) for wait in found] == [(600.0, False), (180.0, True), (240.0, True)]


async def test_a_night_without_agents_says_nothing_about_how_fast_they_take_chats(db):
    mia = await db.write(on_duty)
    before = await db.read(forecast.rates, AT)
    await db.write(served, mia, AT - minutes(600), AT - minutes(10), AT - minutes(5))
    assert (await db.read(forecast.rates, AT)).pickups_s == before.pickups_s
