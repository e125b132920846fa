"""What always holds for messages, on both databases."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.conversations.models import Vote
from bot.conversations.records import Reply
from bot.conversations.text import cleaned
from bot.db import Database
from bot.errors import Conflict, Forbidden, Invalid
from bot.events import MemoryHub, conversation_topic

AGENT = ("agent-1", "Mia")


async def start(db: Database) -> tuple[str, str]:
    def make(session):
        customer = customers.new_visitor(session, "en")
        return conversations.current_of(session, customer.id).id, customer.id

    return await db.write(make)


async def say(db: Database, ids: tuple[str, str], client_id: str, text: str = "hello", vote=None):
    return await db.write(turns.post_customer_message, *ids, client_id, text, vote)


async def stored(db: Database, conversation_id: str, cursor: int = 0):
    return await db.read(conversations.messages_after, conversation_id, cursor)


async def own(db: Database, conversation_id: str, owner: str, agent=None) -> None:
    def change(session):
        conversation = conversations.get(session, conversation_id, for_update=True)
        conversations.change_owner(session, conversation, owner, agent)

    await db.write(change)


async def test_a_repeated_client_id_is_the_same_message(db):
    ids = await start(db)
    first = await say(db, ids, "c1", "hello")
    again = await say(db, ids, "c1", "hello")
    assert again.repeated and again.message.sequence == first.message.sequence
    assert again.turn is None, "a repeated message must not be answered twice"
    assert len(await stored(db, ids[0])) == 1


async def test_many_writers_at_once_get_numbers_without_gap_or_double(db):
    ids = await start(db)
    await asyncio.gather(*(say(db, ids, f"c{number}", f"message {number}") for number in range(40)))
    assert [message.sequence for message in await stored(db, ids[0])] == list(range(1, 41))


async def test_one_that_fails_in_a_crowd_undoes_only_itself(db):
    ids = await start(db)

    def fail(session):
        conversation = conversations.get(session, ids[0], for_update=True)
        conversations.add_message(session, conversation, author="bot", text="never to be seen")
        raise ValueError("on purpose")

    crowd = [say(db, ids, f"c{number}", f"message {number}") for number in range(12)]
    results = await asyncio.gather(*crowd[:6], db.write(fail), *crowd[6:], return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Exception)] == [ValueError]
    messages = await stored(db, ids[0])
    assert [message.sequence for message in messages] == list(range(1, 13))
    assert "never to be seen" not in [message.text for message in messages]


async def test_the_two_ways_to_write_take_turns_in_one_crowd(db):
    ids = await start(db)

    def through_the_orm(session):
        conversation = conversations.get(session, ids[0], for_update=True)
        conversations.add_message(session, conversation, author="bot", text="hello")

    await asyncio.gather(*(db.write(through_the_orm) if n % 2 else say(db, ids, f"c{n}") for n in range(20)))
    assert [message.sequence for message in await stored(db, ids[0])] == list(range(1, 21))


def test_two_processes_writing_at_once_lose_nothing(db_url):
    def process(name: str) -> None:
        async def work() -> None:
            database = Database(db_url, MemoryHub())
            for number in range(15):
                await say(database, ids, f"{name}-{number}")
            database.close()

        asyncio.run(work())

    async def prepare() -> tuple[str, str]:
        database = Database(db_url, MemoryHub())
        made = await start(database)
        database.close()
        return made

    ids = asyncio.run(prepare())
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(process, ["a", "b", "c"]))

    async def look():
        database = Database(db_url, MemoryHub())
        found = await stored(database, ids[0])
        database.close()
        return found

    assert [message.sequence for message in asyncio.run(look())] == list(range(1, 46))


async def test_one_turn_at_a_time_and_none_is_forgotten(db):
    ids = await start(db)
    first = await say(db, ids, "c1", "one")
    second = await say(db, ids, "c2", "two")
    assert first.turn is not None and first.turn.text == "one"
    assert second.turn is None, "the engine has one message of a conversation at a time"
    kept, following = await db.write(turns.finish_turn, first.turn, [Reply("answer one")], {"slots": {}})
    assert kept and following is not None and following.text == "two"
    kept, following = await db.write(turns.finish_turn, following, [Reply("answer two")], None)
    assert kept and following is None


async def test_a_reply_made_before_a_change_of_owner_is_dropped(db):
    ids = await start(db)
    posted = await say(db, ids, "c1", "help")
    await own(db, ids[0], "queue")
    kept, _ = await db.write(turns.finish_turn, posted.turn, [Reply("too late")], None)
    assert not kept
    assert [message.text for message in await stored(db, ids[0])] == ["help"]


async def test_a_turn_is_finished_once_even_when_two_workers_try(db):
    ids = await start(db)
    posted = await say(db, ids, "c1", "help")
    results = await asyncio.gather(
        *(db.write(turns.finish_turn, posted.turn, [Reply("answer")], None) for _ in range(2))
    )
    assert sorted(kept for kept, _ in results) == [False, True]
    assert len(await stored(db, ids[0])) == 2


async def test_a_dead_workers_turn_is_taken_over_once(db):
    ids = await start(db)
    await say(db, ids, "c1", "help")
    assert await db.write(turns.overdue_turns) == []
    await db.write(turns.expire_all_leases)
    taken = await db.write(turns.overdue_turns)
    assert [turn.text for turn in taken] == ["help"]
    assert await db.write(turns.overdue_turns) == []


async def test_the_bot_is_not_asked_while_people_own_the_chat(db):
    ids = await start(db)
    await own(db, ids[0], "agent", AGENT)
    assert (await say(db, ids, "c1", "are you there?")).turn is None


async def test_after_the_bot_is_back_it_starts_fresh(db):
    ids = await start(db)
    posted = await say(db, ids, "c1", "first")
    await db.write(turns.finish_turn, posted.turn, [Reply("answer")], {"slots": {"failed_answers": 1}})
    await own(db, ids[0], "queue")
    await say(db, ids, "c2", "this is useless")
    await own(db, ids[0], "bot")
    turn = (await say(db, ids, "c3", "another question")).turn
    assert turn.state is None and turn.before == ()
    assert turn.text == "another question", "what was said to people is not answered by the bot later"


async def test_an_agent_who_lost_the_chat_stores_nothing(db):
    ids = await start(db)
    await own(db, ids[0], "agent", AGENT)
    await db.write(conversations.post_agent_message, ids[0], AGENT, "hello, Mia here", "a1")
    await own(db, ids[0], "queue")
    with pytest.raises(Conflict):
        await db.write(conversations.post_agent_message, ids[0], AGENT, "still there?", "a2")
    assert [message.text for message in await stored(db, ids[0])] == ["hello, Mia here"]


async def test_nobody_reaches_a_conversation_of_somebody_else(db):
    mine, other = await start(db), await start(db)
    with pytest.raises(Forbidden):
        await db.write(turns.post_customer_message, mine[0], other[1], "c1", "let me in", None)
    with pytest.raises(Forbidden):
        await db.write(conversations.mark_read, mine[0], other[1], 1)
    with pytest.raises(Forbidden):
        await db.write(turns.post_customer_message, "f" * 32, mine[1], "c1", "no such chat", None)


async def test_a_vote_needs_an_answer_and_the_last_word_counts(db):
    ids = await start(db)
    posted = await say(db, ids, "c1", "question")
    answer = Reply("text", "answer", {"article": {"id": "returns", "title": "Returns"}, "ask_helped": True})
    await db.write(turns.finish_turn, posted.turn, [answer], None)
    with pytest.raises(Invalid):
        await say(db, ids, "c2", "No", {"sequence": 1, "helped": False})
    assert (await say(db, ids, "c3", "Nein", {"sequence": 2, "helped": False})).turn.vote is False
    await say(db, ids, "c4", "Doch", {"sequence": 2, "helped": True})
    votes = await db.read(lambda session: [(v.article_id, v.helped) for v in session.query(Vote).all()])
    assert votes == [("returns", True)]


async def test_listeners_are_woken_after_the_commit_and_not_by_a_failed_one(db):
    ids = await start(db)
    with db._hub.listen(conversation_topic(ids[0])) as listener:
        await say(db, ids, "c1")
        assert await listener.wait(0.5)
        with pytest.raises(Invalid):
            await say(db, ids, "c2", "\x00")
        assert not await listener.wait(0.05)


@pytest.mark.parametrize("text", ["", "   \n", "\x00", "\u200b\u200d", "\u202e"])
def test_text_that_shows_nothing_is_refused(text):
    with pytest.raises(Invalid) as caught:
        cleaned(text)
    assert caught.value.code == "empty"


def test_text_over_the_limit_is_refused_and_at_the_limit_is_not():
    assert len(cleaned("x" * 4000)) == 4000
    with pytest.raises(Invalid) as caught:
        cleaned("x" * 10_000)
    assert caught.value.code == "too_large" and "10,000" in caught.value.message


@pytest.mark.parametrize("text", ["👍", "👨‍👩‍👧‍👦", "مرحبا", "שלום", "line\nbreak", "a\tb", "<b>bold</b>", "/restart"])
def test_what_can_be_shown_stays_as_it_was_typed(text):
    assert cleaned(text) == text


@given(st.text(alphabet=st.characters(), max_size=300))
def test_cleaning_twice_is_cleaning_once_and_is_always_storable(text):
    try:
        once = cleaned(text)
    except Invalid:
        return
    assert cleaned(once) == once
    assert "\x00" not in once
    once.encode("utf-8")
