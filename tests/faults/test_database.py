"""The database gone for five seconds in the middle of a chat."""

import signal
import time

import psutil
import pytest

from bot.dialogue.scripted import ScriptedEngine, echo
from kb_index.schema import migrate
from tests.postgres import temporary_cluster
from tests.service import Client, running

AWAY_S = 5


@pytest.fixture(scope="module")
def cluster():
    """A PostgreSQL of this test's own, because it will be stopped."""
    with temporary_cluster() as url:
        migrate(url)
        yield url


def postgres_processes(url: str) -> list[psutil.Process]:
    from sqlalchemy.engine import make_url

    port = make_url(url).port
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        listening = [c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        if port in listening:
            found = [process, *process.children(recursive=True)]
    return found


def test_a_frozen_database_refuses_clearly_and_loses_nothing(cluster):
    with running(cluster, ScriptedEngine(echo), messages_per_minute=1000) as service, Client(service.url) as customer:
        assert customer.ask("before")["author"] == "bot"
        frozen = postgres_processes(cluster)
        assert frozen, "the cluster's processes were not found"
        for process in frozen:
            process.send_signal(signal.SIGSTOP)
        try:
            customer.send({"type": "message", "client_id": "during", "text": "during"})
            time.sleep(AWAY_S)
        finally:
            for process in reversed(frozen):
                process.send_signal(signal.SIGCONT)
        customer.expect("ack", client_id="during", timeout=30)
        customer.expect("message", author="bot", text="You said: during", timeout=30)
        customer.ask("after")
        assert [customer.messages[n]["text"] for n in sorted(customer.messages)] == [
            text for said in ("before", "during", "after") for text in (said, f"You said: {said}")
        ]


def test_a_locked_sqlite_file_is_waited_for(tmp_path, sqlite_template):
    import shutil
    import sqlite3

    path = tmp_path / "locked.db"
    shutil.copy(sqlite_template, path)
    with (
        running(f"sqlite:///{path}", ScriptedEngine(echo), messages_per_minute=1000) as service,
        Client(service.url) as customer,
    ):
        assert customer.ask("before")["author"] == "bot"
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        customer.send({"type": "message", "client_id": "during", "text": "during"})
        time.sleep(AWAY_S)
        blocker.execute("ROLLBACK")
        blocker.close()
        customer.expect("ack", client_id="during", timeout=30)
        customer.expect("message", author="bot", text="You said: during", timeout=30)
        assert sorted(customer.messages) == [1, 2, 3, 4]
