"""The database gone while mails come and go: nothing is lost, nothing stays stuck."""

import asyncio

from bot.conversations import services as conversations
from bot.db import Database
from bot.desk import claims
from bot.desk import services as desk
from bot.errors import Unavailable
from bot.events import MemoryHub
from bot.mail.addresses import identity
from bot.mail.sending import Mailer
from kb_index.schema import migrate
from tests.faults.test_database import end_what_was_restarted, stopped  # noqa: F401 (a fixture)
from tests.mail.conftest import MIA, Mailbox, Post, ask, mail_settings, reply_to, said
from tests.postgres import temporary_cluster

PATIENCE_S = 60


async def sooner_or_later(work):
    """What `work` gives once it gives something: for what is tried again until it works."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await work()):
            await asyncio.sleep(0.5)
        return found


async def test_a_mail_that_comes_while_the_database_is_down_arrives_when_it_is_up():
    mailbox = Mailbox()
    mailbox.start()
    with temporary_cluster() as url:
        migrate(url)
        us = identity(mail_settings(url, mailbox.port))
        database = Database(url, MemoryHub())
        chat, mail = await ask(database, us, mailbox)
        answer = reply_to(mail, "It leaks at the hinge.")
        async with Post(database, us) as post:
            with stopped(url):
                code, words = await post.send(answer, str(mail["Reply-To"]))
                assert code == 451, words

            async def again():
                return (await post.send(answer, str(mail["Reply-To"])))[0] == 250

            await sooner_or_later(again)
        assert await said(database, chat) == ["It leaks at the hinge."]
        database.close()
    mailbox.stop()


async def test_the_outbox_is_sent_after_a_database_that_stopped_comes_back():
    mailbox = Mailbox()
    mailbox.start()
    with temporary_cluster() as url:
        migrate(url)
        us = identity(mail_settings(url, mailbox.port))
        database = Database(url, MemoryHub())
        chat, _ = await ask(database, us, mailbox)
        await database.write(claims.claim, chat, MIA)
        mailer = Mailer(database, MemoryHub(), us)
        await mailer.start()
        with stopped(url):
            # It finds no database, more than once, and goes on.
            await asyncio.sleep(5)

        async def resolved():
            try:
                await database.write(conversations.post_agent_message, chat, MIA, "A new lid is on its way.", "m1")
                await database.write(desk.resolve, chat, MIA)
            except Unavailable:
                return False
            return True

        async def arrived():
            return any("A new lid is on its way." in each.get_content() for each in mailbox.mails)

        await sooner_or_later(resolved)
        await sooner_or_later(arrived)
        assert sum("A new lid is on its way." in each.get_content() for each in mailbox.mails) == 1
        await mailer.stop()
        database.close()
    mailbox.stop()
