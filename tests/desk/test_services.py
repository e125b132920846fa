"""Handing over, claiming, handing back, resolving and reopening, on both databases."""

import asyncio
from datetime import timedelta

import pytest

from bot.accounts.services import AGENT, ensure_account
from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.conversations.records import Reply
from bot.db import Database, now
from bot.desk import board, claims, services
from bot.errors import Conflict, NotFound
from bot.events import QUEUE, MemoryHub

MIA = ("mia", "Mia Novak")
JONAS = ("jonas", "Jonas Weber")


def ask(session, *texts, reason="asked_for_person"):
    """A customer who says `texts` and is handed over; the conversation's id."""
    customer = customers.new_visitor(session, "en")
    conversation = conversations.current_of(session, customer.id)
    for number, text in enumerate(texts or ("Hello?",)):
        conversations.add_message(session, conversation, author="customer", text=text, client_id=f"c{number}")
    services.hand_over(session, conversation, reason, [])
    return conversation.id


async def notices(db, chat):
    messages = await db.read(services.transcript, chat)
    return [message.extra["notice"] for message in messages if message.kind == "notice"]


async def owner(db, chat):
    conversation = await db.read(conversations.get, chat)
    return conversation.owner, conversation.agent_id


async def test_handing_over_is_owner_queue_entry_and_notice_in_one(db):
    chat = await db.write(ask, "Where is my refund?")
    (entry,) = await db.read(services.queue)
    assert await owner(db, chat) == ("queue", None)
    assert entry.conversation.id == chat
    assert entry.reason == "Asked for a person"
    assert "Where is my refund?" in entry.handoff.summary
    assert await notices(db, chat) == ["handoff_requested"]


async def test_handing_over_a_waiting_chat_again_changes_nothing(db):
    chat = await db.write(ask)

    def again(session):
        conversation = conversations.get(session, chat, for_update=True)
        return services.hand_over(session, conversation, "frustrated", []).reason

    assert await db.write(again) == "asked_for_person"
    assert len(await db.read(services.queue)) == 1
    assert await notices(db, chat) == ["handoff_requested"]


async def test_of_agents_who_claim_at_once_exactly_one_has_the_chat(db):
    chat = await db.write(ask)
    agents = [(f"agent{number}", f"Agent {number}") for number in range(8)]
    results = await asyncio.gather(*(db.write(claims.claim, chat, agent) for agent in agents), return_exceptions=True)
    winners = [agent for agent, result in zip(agents, results, strict=True) if not isinstance(result, Exception)]
    assert len(winners) == 1
    assert all(isinstance(result, Conflict) for result in results if isinstance(result, Exception))
    assert await owner(db, chat) == ("agent", winners[0][0])
    assert await notices(db, chat) == ["handoff_requested", "agent_joined"]


async def test_the_next_chat_is_the_urgent_one_and_nobody_starves(db):
    long = await db.write(ask)
    await db.write(_waited, long, timedelta(minutes=15))
    calm, angry = await db.write(ask), await db.write(ask, reason="frustrated")
    assert [entry.conversation.id for entry in await db.read(services.queue)] == [long, angry, calm]
    taken = [(await db.write(claims.claim_next, MIA)).id for _ in range(3)]
    assert taken == [long, angry, calm]
    with pytest.raises(Conflict, match="Nobody is waiting"):
        await db.write(claims.claim_next, MIA)


def _waited(session, chat, ago):
    handoff = services.newest_handoff(session, chat)
    handoff.requested_at, handoff.due_at = handoff.requested_at - ago, handoff.due_at - ago


async def test_of_twenty_agents_who_take_chats_at_once_none_gets_anothers_and_none_is_left(db):
    chats = [await db.write(ask) for _ in range(100)]
    taken = []

    async def work(agent):
        while True:
            try:
                taken.append((await db.write(claims.claim_next, agent)).id)
            except Conflict:
                return

    await asyncio.gather(*(work((f"agent{number}", f"Agent {number}")) for number in range(20)))
    assert sorted(taken) == sorted(chats)
    for chat in chats:
        assert (await notices(db, chat)).count("agent_joined") == 1


async def test_an_agent_gets_no_more_chats_than_allowed_by_either_way(db):
    first, second, third = [await db.write(ask) for _ in range(3)]
    await db.write(claims.claim_next, MIA, 2)
    await db.write(claims.claim, second, MIA, 2)
    for way in ((claims.claim_next, MIA, 2), (claims.claim, third, MIA, 2)):
        with pytest.raises(Conflict, match="You have 2 chats"):
            await db.write(*way)
    assert (await db.write(claims.claim, second, MIA, 2)).id == second  # hers already
    await db.write(services.resolve, first, MIA)
    assert (await db.write(claims.claim_next, MIA, 2)).id == third


async def test_two_tabs_of_one_agent_cannot_both_take_the_last_place(db):
    account = await db.write(ensure_account, "mia@example.com", "Mia Novak", AGENT, "a long enough password")
    mia = (account.id, account.name)
    for _ in range(6):
        await db.write(ask)
    tries = [db.write(claims.claim_next, mia, 3) for _ in range(6)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in outcomes) == 3


async def test_claiming_twice_is_claiming_once(db):
    chat = await db.write(ask)
    await db.write(claims.claim, chat, MIA)
    await db.write(claims.claim, chat, MIA)
    assert await notices(db, chat) == ["handoff_requested", "agent_joined"]
    with pytest.raises(Conflict, match="Mia Novak has claimed"):
        await db.write(claims.claim, chat, JONAS)


async def test_only_the_agent_who_has_a_chat_may_write_hand_back_or_resolve(db):
    chat = await db.write(ask)
    for work in (services.hand_back, services.resolve):
        with pytest.raises(Conflict):
            await db.write(work, chat, MIA)
    await db.write(claims.claim, chat, MIA)
    for work in (services.hand_back, services.resolve):
        with pytest.raises(Conflict):
            await db.write(work, chat, JONAS)
    with pytest.raises(Conflict):
        await db.write(conversations.post_agent_message, chat, JONAS, "Hello", "j1")
    assert await notices(db, chat) == ["handoff_requested", "agent_joined"]


async def test_a_reply_sent_twice_is_there_once(db):
    chat = await db.write(ask)
    await db.write(claims.claim, chat, MIA)
    first = await db.write(conversations.post_agent_message, chat, MIA, "Hello", "m1")
    again = await db.write(conversations.post_agent_message, chat, MIA, "Hello", "m1")
    assert again.sequence == first.sequence
    assert [m.text for m in await db.read(services.transcript, chat) if m.author == "agent"] == ["Hello"]


async def test_a_chat_handed_back_keeps_its_place_in_the_queue(db):
    first, second = await db.write(ask), await db.write(ask)
    await db.write(claims.claim, first, MIA)
    await db.write(services.hand_back, first, MIA)
    assert [entry.conversation.id for entry in await db.read(services.queue)] == [first, second]
    await db.write(claims.claim, first, JONAS)
    assert await owner(db, first) == ("agent", "jonas")


async def test_a_resolved_chat_is_the_bots_with_a_fresh_start(db):
    chat = await db.write(ask, "old trouble")
    await db.write(claims.claim, chat, MIA)
    await db.write(services.resolve, chat, MIA)
    conversation = await db.read(conversations.get, chat)
    assert (conversation.owner, conversation.dialogue_state) == ("bot", None)
    assert conversation.bot_since_sequence == conversation.last_sequence
    assert await db.read(services.queue) == []

    def hand_over_again(session):
        again = conversations.get(session, chat, for_update=True)
        conversations.add_message(session, again, author="customer", text="new trouble", client_id="n")
        return services.hand_over(session, again, "complaint", []).summary

    summary = await db.write(hand_over_again)
    assert "new trouble" in summary and "old trouble" not in summary


async def test_reopening_undoes_resolving_for_a_while_and_for_its_agent_only(db):
    chat = await db.write(ask)
    await db.write(claims.claim, chat, MIA)
    with pytest.raises(Conflict):
        await db.write(services.reopen, chat, MIA)
    await db.write(services.resolve, chat, MIA)
    with pytest.raises(Conflict):
        await db.write(services.reopen, chat, JONAS)
    await db.write(services.reopen, chat, MIA)
    assert await owner(db, chat) == ("agent", "mia")
    await db.write(services.resolve, chat, MIA)

    def long_ago(session):
        services.newest_handoff(session, chat).ended_at = now() - services.REOPEN_WITHIN - timedelta(seconds=1)

    await db.write(long_ago)
    with pytest.raises(Conflict):
        await db.write(services.reopen, chat, MIA)


async def test_a_bot_reply_that_was_under_way_is_dropped_when_the_chat_is_reopened(db):
    chat = await db.write(ask)
    await db.write(claims.claim, chat, MIA)
    await db.write(services.resolve, chat, MIA)

    def write_to_bot(session):
        conversation = conversations.get(session, chat)
        return turns.post_customer_message(session, chat, conversation.customer_id, "late", "one more thing")

    turn = (await db.write(write_to_bot)).turn
    await db.write(services.reopen, chat, MIA)
    kept, _ = await db.write(turns.finish_turn, turn, [Reply("bot talks over Mia")], {})
    assert not kept
    assert "bot talks over Mia" not in [m.text for m in await db.read(services.transcript, chat)]


async def test_the_board_parts_mine_from_waiting_and_from_colleagues(db):
    mine, theirs, waiting = [await db.write(ask, text) for text in ("mine", "theirs", "waiting")]
    await db.write(claims.claim, mine, MIA)
    await db.write(claims.claim, theirs, JONAS)
    seen = await db.read(board.board, "mia")
    parts = [[line.entry.conversation.id for line in part] for part in (seen.mine, seen.theirs, seen.waiting)]
    assert parts == [[mine], [theirs], [waiting]]
    assert seen.waiting[0].first_words == "waiting"
    states = {chat: (await db.read(board.chat, chat, "mia")).state for chat in (mine, theirs, waiting)}
    assert states == {mine: board.MINE, theirs: board.THEIRS, waiting: board.WAITING}


async def test_the_list_shows_the_first_words_that_say_something(db):
    told = {
        ("hello", "Hi there!", "My kettle leaks", "really", "a lot"): "hello",
        ("hello", "My kettle leaks at the lid"): "My kettle leaks at the lid",
        ("hello", "x", "y", "The lid of my kettle leaks", "please help"): "The lid of my kettle leaks",
        ("help!",): "help!",
    }
    for texts in told:
        await db.write(ask, *texts)
    shown = {line.first_words for line in (await db.read(board.board, "mia")).waiting}
    assert shown == set(told.values())


async def test_an_agent_sees_their_chats_however_long_the_queue(db, monkeypatch):
    monkeypatch.setattr(services, "QUEUE_PAGE", 3)
    mine = await db.write(ask, "mine")
    await db.write(claims.claim, mine, MIA)
    for number in range(5):
        await db.write(ask, f"waiting {number}")
    seen = await db.read(board.board, "mia")
    assert [line.entry.conversation.id for line in seen.mine] == [mine]
    assert (len(seen.waiting), seen.waiting_count) == (3, 5)


async def test_every_change_that_the_desk_shows_moves_the_pulse(db):
    chat = await db.write(ask)
    other = await db.write(ask)
    beats = [await db.read(board.pulse, "mia", chat)]

    def write_more(session, chat_id):
        conversation = conversations.get(session, chat_id, for_update=True)
        conversations.add_message(session, conversation, author="customer", text="still there?", client_id="x")

    for work, *args in (
        (claims.claim, chat, MIA),
        (write_more, chat),
        (claims.claim, other, JONAS),
        (services.hand_back, chat, MIA),
        (claims.claim, chat, MIA),
        (services.resolve, chat, MIA),
    ):
        await db.write(work, *args)
        beats.append(await db.read(board.pulse, "mia", chat))
    frames = [tuple(beat.frame().items()) for beat in beats]
    assert len(set(frames)) == len(frames)
    assert await db.read(board.pulse, "mia", chat) == beats[-1]
    assert beats[1].follow == {chat}


async def test_changes_of_the_queue_wake_the_desks(db_url):
    hub = MemoryHub()
    database = Database(db_url, hub)
    try:
        with hub.listen(QUEUE) as listener:
            chat = await database.write(ask)
            assert await listener.wait(5)
            for work in (claims.claim, services.hand_back, claims.claim, services.resolve, services.reopen):
                await database.write(work, chat, MIA)
                assert await listener.wait(5), work.__name__
    finally:
        database.close()


async def test_a_chat_that_was_never_with_people_is_nobodys_business(db):
    def chat_with_bot(session):
        return conversations.current_of(session, customers.new_visitor(session, "en").id).id

    chat = await db.write(chat_with_bot)
    with pytest.raises(NotFound):
        await db.read(board.chat, chat, "mia")
