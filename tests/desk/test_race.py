"""Twenty agents and ten thousand chats, at once, on both databases."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import func, select

from bot.accounts.services import AGENT, ensure_account
from bot.conversations import services as conversations
from bot.db import Database
from bot.desk import claims
from bot.desk.models import Handoff
from bot.desk.shared_claims import Claims
from bot.errors import Conflict, Unavailable
from bot.events import MemoryHub
from tests.crowd import fill

CHATS = 10_000
AGENTS = [(f"agent{number}", f"Agent {number}") for number in range(20)]


async def take_all(claim, agent, taken):
    while True:
        try:
            taken.append(((await claim(agent)).id, agent[0]))
        except Conflict:
            return


def written_down(session):
    """What the database says of each chat: who has it by the queue, by the conversation, and how often it was told."""
    by_queue = dict(session.execute(select(Handoff.conversation_id, Handoff.agent_id)).all())
    owned = select(conversations.Conversation.id, conversations.Conversation.agent_id).where(
        conversations.Conversation.owner == conversations.AGENT, conversations.Conversation.owner_version == 3
    )
    told = select(conversations.Message.conversation_id, func.count()).group_by(conversations.Message.conversation_id)
    return by_queue, dict(session.execute(owned).all()), dict(session.execute(told).all())


async def test_twenty_agents_race_for_ten_thousand_chats_and_none_is_claimed_twice_or_lost(db):
    chats = await db.write(fill, CHATS)
    shared, taken = Claims(db), []
    await asyncio.gather(*(take_all(shared.next, agent, taken) for agent in AGENTS))
    assert sorted(chat for chat, _ in taken) == chats
    whose = dict(taken)
    by_queue, by_conversation, told = await db.read(written_down)
    assert by_queue == by_conversation == whose
    assert told == dict.fromkeys(chats, 1)
    # All of them had a share: nobody was kept waiting for a lock.
    assert min(Counter(whose.values()).values()) > CHATS / len(AGENTS) / 10


async def test_agents_of_several_processes_who_each_claim_by_themselves_get_different_chats(db_url):
    databases = [Database(db_url, MemoryHub()) for _ in range(3)]
    try:
        chats = await databases[0].write(fill, 600)
        taken = []

        def claim_in(database):
            # One process shares transactions, the others do not.
            if database is databases[0]:
                return Claims(database).next
            return lambda agent: database.write(claims.claim_next, agent)

        await asyncio.gather(
            *(take_all(claim_in(databases[number % 3]), agent, taken) for number, agent in enumerate(AGENTS))
        )
        assert sorted(chat for chat, _ in taken) == chats
        assert (await databases[0].read(written_down))[2] == dict.fromkeys(chats, 1)
    finally:
        for database in databases:
            database.close()


async def test_the_limit_holds_however_many_tabs_ask_and_by_either_way(db):
    account = await db.write(ensure_account, "mia@example.com", "Mia Novak", AGENT, "a long enough password")
    mia = (account.id, account.name)
    chats = await db.write(fill, 60)
    shared = Claims(db)
    asked = [shared.next(mia, 8) for _ in range(25)]
    asked += [db.write(claims.claim_next, mia, 8) for _ in range(25)]
    asked += [db.write(claims.claim, chat, mia, 8) for chat in chats[-10:]]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    got = [each.id for each in outcomes if isinstance(each, claims.Claimed)]
    assert len(set(got)) == len(got) == 8
    assert all("You have 8 chats" in each.message for each in outcomes if isinstance(each, Conflict))
    by_queue, by_conversation, _ = await db.read(written_down)
    assert {chat for chat, agent in by_queue.items() if agent == mia[0]} == set(by_conversation) == set(got)


async def test_who_has_gone_before_their_turn_gets_no_chat(db):
    chats = await db.write(fill, 5)
    shared = Claims(db)
    first = asyncio.ensure_future(shared.next(AGENTS[0]))
    gone = asyncio.ensure_future(shared.next(AGENTS[1]))
    gone.cancel()
    assert (await first).id == chats[0]
    assert (await shared.next(AGENTS[2])).id == chats[1]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_storage_that_does_not_answer_is_said_to_each_who_asked(db):
    await db.write(fill, 3)
    shared = Claims(db)
    db.close()
    outcomes = await asyncio.gather(*(shared.next(agent) for agent in AGENTS[:3]), return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unavailable] * 3
