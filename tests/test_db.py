"""What goes on beside the transactions."""

import asyncio
import sqlite3

from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from bot import db as module
from bot.conversations.customers import new_visitor
from bot.conversations.models import Customer
from bot.db import Database
from bot.errors import Forbidden
from bot.events import MemoryHub
from tests.conversations.test_messages import say, start, stored


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


async def test_who_fails_among_many_that_write_at_once_undoes_only_themselves(db):
    ids, others = await start(db), await start(db)

    def twice_the_same(session):
        customer = new_visitor(session, "en")
        session.add(Customer(id=customer.id))

    attempts = [say(db, ids, f"c{number}") for number in range(20)]
    attempts[5:5] = [say(db, (ids[0], others[1]), "stolen")]
    attempts[12:12] = [db.write(twice_the_same)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    failed = [type(each) for each in outcomes if isinstance(each, Exception)]
    assert failed == [Forbidden, IntegrityError]
    assert sorted(each.message.sequence for each in outcomes if not isinstance(each, Exception)) == [*range(1, 21)]
    said = await stored(db, ids[0])
    assert [each.sequence for each in said] == [*range(1, 21)]
    assert "stolen" not in {each.client_id for each in said}


async def test_sqlites_writes_that_queue_share_commits(sqlite_template, tmp_path):
    path = tmp_path / "test.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}", MemoryHub())
    ids = await start(database)
    commits = []
    event.listen(database.engine, "commit", commits.append)
    await asyncio.gather(*(say(database, ids, f"c{number}") for number in range(40)))
    assert len(await stored(database, ids[0])) == 40
    assert len(commits) < 20
    database.close()
