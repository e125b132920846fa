"""The database gone for five seconds in the middle of a chat."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
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


def postmaster_of(url: str) -> psutil.Process:
    """The server's first process, by its own file: other servers come and go beside this test."""
    with psycopg.connect(url) as connection:
        (folder,) = connection.execute("SHOW data_directory").fetchone()
    return psutil.Process(int((Path(folder) / "postmaster.pid").read_text().split()[0]))


@contextlib.contextmanager
def frozen(url: str) -> Iterator[None]:
    """No process of the server runs inside the block; the first is stopped first, so that no other one comes."""
    postmaster = postmaster_of(url)
    stopped_ones = []
    try:
        postmaster.suspend()
        stopped_ones.append(postmaster)
        for process in postmaster.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
                stopped_ones.append(process)
        assert len(stopped_ones) > 1, "the server's processes were not found"
        yield
    finally:
        for process in reversed(stopped_ones):
            process.resume()


def test_a_frozen_database_refuses_clearly_and_loses_nothing(cluster):
    with running(cluster, ScriptedEngine(echo), messages_per_minute=1000) as service, Client(service.url) as customer:
        assert customer.ask("before")["author"] == "bot"
        with frozen(cluster):
            customer.send({"type": "message", "client_id": "during", "text": "during"})
            time.sleep(AWAY_S)
        customer.expect("ack", client_id="during", timeout=30)
        customer.expect("message", author="bot", text="You said: during", timeout=30)
        customer.ask("after")
        assert [customer.messages[n]["text"] for n in sorted(customer.messages)] == [
            text for said in ("before", "during", "after") for text in (said, f"You said: {said}")
        ]


@contextlib.contextmanager
def stopped(url: str) -> Iterator[None]:
    """The server down inside the block, and up again after it."""
    postmaster = postmaster_of(url)
    command, account = postmaster.cmdline(), postmaster.username()
    postmaster.send_signal(signal.SIGINT)
    psutil.wait_procs([postmaster], timeout=30)
    yield
    again = subprocess.Popen(command, user=account, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    RESTARTED.append(again)


RESTARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def end_what_was_restarted():
    yield
    while RESTARTED:
        server = RESTARTED.pop()
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def test_a_database_that_is_stopped_for_five_seconds_is_said_and_loses_nothing():
    with temporary_cluster() as url:
        migrate(url)
        with running(url, ScriptedEngine(echo), messages_per_minute=1000) as service, Client(service.url) as customer:
            assert customer.ask("before")["author"] == "bot"
            with stopped(url):
                customer.send({"type": "message", "client_id": "during", "text": "during"})
                error = customer.expect("error", client_id="during")
                assert error["code"] == "unavailable" and error["retry_after_s"] > 0
                time.sleep(AWAY_S)
            # As the widget does: sent again, under the same id, until it is acknowledged.
            until = time.monotonic() + 30
            while time.monotonic() < until:
                customer.send({"type": "message", "client_id": "during", "text": "during"})
                answer = customer.receive()
                while answer["type"] not in ("ack", "error"):
                    answer = customer.receive()
                if answer["type"] == "ack":
                    break
                time.sleep(0.5)
            customer.expect("message", author="bot", text="You said: during", timeout=30)
            said = [customer.messages[n]["text"] for n in sorted(customer.messages)]
            assert said == ["before", "You said: before", "during", "You said: during"]


def test_a_locked_sqlite_file_is_waited_for(tmp_path, sqlite_template):
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
