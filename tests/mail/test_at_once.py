"""Agents, customers, mails and several processes at once: every word arrives, and arrives once."""

import asyncio
from datetime import timedelta

from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import claims
from bot.desk import services as desk
from bot.events import MemoryHub
from bot.mail.sending import Mailer
from bot.mail.services import switch_to_email
from tests.mail.conftest import MIA, Post, begin, reply_to

CHATS, WORDS = 4, 6


async def test_every_word_of_both_sides_arrives_once_whatever_happens_at_once(db, db_url, us, mailbox):
    other = Database(db_url, MemoryHub())
    ahead = timedelta()
    mailers = [Mailer(each, MemoryHub(), us, lambda: now() + ahead) for each in (db, other)]
    asked = [await db.write(begin, f"Question {number}.") for number in range(CHATS)]
    chats = [chat for chat, _ in asked]
    await asyncio.gather(
        *(
            db.write(switch_to_email, chat, customer, f"anna{number}@example.com")
            for number, (chat, customer) in enumerate(asked)
        )
    )
    await mailers[0].send_due()
    first = {mail["To"]: mail for mail in mailbox.wait(CHATS)}
    for chat in chats:
        await db.write(claims.claim, chat, MIA)
    ahead = timedelta(minutes=3)

    async def agent(chat):
        for word in range(WORDS):
            await other.write(conversations.post_agent_message, chat, MIA, f"Agent word {word}.", f"m{word}")

    async def customer(number, post):
        address = f"anna{number}@example.com"
        mail = first[address]
        for word in range(WORDS):
            answer = reply_to(mail, f"Customer word {word}.", sender=address, message_id=f"<{number}.{word}@x.example>")
            both = (post.send(answer, str(mail["Reply-To"]), address) for _ in range(2))
            assert 250 in [code for code, _ in await asyncio.gather(*both)]

    async def send(mailer):
        for _ in range(8):
            await mailer.send_due()
            await asyncio.sleep(0.05)

    async with Post(other, us) as post:
        await asyncio.gather(
            *map(agent, chats), *(customer(number, post) for number in range(CHATS)), *map(send, mailers)
        )
    await mailers[0].send_due()
    other.close()
    for number, chat in enumerate(chats):
        told = [message for message in await db.read(desk.transcript, chat) if message.author == "customer"]
        wanted = sorted([f"Question {number}.", *(f"Customer word {word}." for word in range(WORDS))])
        assert sorted(message.text for message in told) == wanted
        mailed = "".join(mail.get_content() for mail in mailbox.mails if mail["To"] == f"anna{number}@example.com")
        assert [mailed.count(f"Agent word {word}.") for word in range(WORDS)] == [1] * WORDS
        assert mailed.index("Agent word 0.") < mailed.index(f"Agent word {WORDS - 1}.")
