"""The schema's one history, on both databases."""

from alembic import command
from alembic.config import Config

from bot.db import Database
from bot.events import MemoryHub
from kb_index.schema import migrate
from kb_index.settings import ROOT
from tests.conversations.test_messages import say, start, stored


def history(url: str) -> Config:
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = url
    return config


def test_the_migrations_make_what_the_tables_say(db_url):
    command.check(history(db_url))


async def test_an_update_keeps_every_message_and_can_be_taken_back(db_url):
    database = Database(db_url, MemoryHub())
    ids = await start(database)
    await say(database, ids, "c1", "before the update")
    database.close()
    command.downgrade(history(db_url), "0001")
    migrate(db_url)
    migrate(db_url)
    database = Database(db_url, MemoryHub())
    await say(database, ids, "c2", "after it")
    assert [message.text for message in await stored(database, ids[0])] == ["before the update", "after it"]
    database.close()
