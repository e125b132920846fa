"""What goes on beside the transactions."""

import asyncio
import sqlite3

from bot import db as module
from bot.db import Database
from bot.events import MemoryHub
from tests.conversations.test_messages import say, start


async def test_sqlites_log_is_moved_into_the_database_while_writes_go_on(sqlite_template, tmp_path, monkeypatch):
    path = tmp_path / "test.db"
    path.write_bytes(sqlite_template.read_bytes())
    monkeypatch.setattr(module, "TIDY_S", 0.05)
    database = Database(f"sqlite:///{path}", MemoryHub())
    await database.start()
    ids = await start(database)
    for number in range(30):
        await say(database, ids, f"c{number}")
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    # Without its log the file alone has it all: it was moved before anybody closed the database.
    (tmp_path / "alone.db").write_bytes(path.read_bytes())
    alone = sqlite3.connect(tmp_path / "alone.db")
    assert alone.execute("SELECT count(*) FROM messages WHERE author = 'customer'").fetchone() == (30,)
    alone.close()
    database.close()
