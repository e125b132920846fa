"""What may go wrong around a claim, through the web service: a clear answer, nothing lost, nothing stuck."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from bot.accounts.services import by_email
from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import claims, presence, services, staffing
from bot.dialogue.scripted import ScriptedEngine, echo
from bot.events import MemoryHub
from kb_index.settings import ROOT
from tests.desk.test_queue import ask
from tests.people import PEOPLE, add_people, signed_in
from tests.service import on_loop, running

HTMX = {"HX-Request": "true"}


@pytest.fixture
def service(db_url):
    add_people(db_url, "mia", "jonas", "sam")
    with running(db_url, ScriptedEngine(echo)) as running_service:
        yield running_service


@pytest.fixture
def pushing(db_url):
    add_people(db_url, "mia", "jonas")
    with running(db_url, ScriptedEngine(echo), assignment="push", agent_capacity=1) as running_service:
        yield running_service


def account_id(service, name):
    return on_loop(service, by_email, PEOPLE[name][0]).id


def history(service, chat):
    messages = on_loop(service, services.transcript, chat)
    return [m.extra["notice"] if m.kind == "notice" else m.text for m in messages]


def owner(service, chat):
    conversation = on_loop(service, conversations.get, chat)
    return conversation.owner, conversation.agent_name


def refused(answer, words, status=409):
    assert answer.status_code == status, answer.text
    assert answer.headers["hx-retarget"] == "#sb_notices"
    assert words in answer.text
    return True


def eventually(look, seconds=15):
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return found


def test_each_fault_gets_a_clear_answer_and_changes_nothing(service):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        mia.get("/desk"), jonas.get("/desk")
        mia.post(f"/desk/chats/{chat}/claim")
        before = history(service, chat)
        reply = {"text": "Hello", "client_id": "a" * 32}
        assert refused(jonas.post(f"/desk/chats/{chat}/claim", headers=HTMX), "Mia Novak has claimed this chat already")
        assert refused(jonas.post(f"/desk/chats/{chat}/reply", data=reply, headers=HTMX), "not yours any more")
        assert refused(jonas.post(f"/desk/chats/{chat}/resolve", headers=HTMX), "not yours any more")
        assert refused(jonas.post(f"/desk/chats/{chat}/hand-back", headers=HTMX), "not yours any more")
        own = f"agent:{account_id(service, 'mia')}"
        for to, words, status in (
            ("", "Choose a team or a colleague", 400),
            ("agent:", "Choose a team or a colleague", 400),
            ("team:x", "Choose a team or a colleague", 400),
            ("nobody", "Choose a team or a colleague", 400),
            ("team:99", "There is no such team", 404),
            ("agent:" + "f" * 32, "There is no such colleague", 404),
            (own, "This chat is yours already", 409),
        ):
            assert refused(mia.post(f"/desk/chats/{chat}/transfer", data={"to": to}, headers=HTMX), words, status)
        assert refused(mia.post("/desk/state", data={"state": "asleep"}, headers=HTMX), "There is no such state", 400)
        assert history(service, chat) == before
        assert owner(service, chat) == ("agent", "Mia Novak")


def test_resolving_twice_is_resolving_once(service):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        mia.post(f"/desk/chats/{chat}/claim")
        for _ in range(2):
            answer = mia.post(f"/desk/chats/{chat}/resolve", headers=HTMX)
            assert answer.status_code == 200 and "Resolved" in answer.text
        assert refused(jonas.post(f"/desk/chats/{chat}/resolve", headers=HTMX), "not yours any more")
    assert history(service, chat).count("resolved") == 1


def test_a_chat_is_passed_on_to_a_colleague_who_is_there_and_to_no_other(service):
    chat = on_loop(service, ask)
    jonas_id = account_id(service, "jonas")
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        mia.post(f"/desk/chats/{chat}/claim")
        to = {"to": f"agent:{jonas_id}"}
        # Jonas has not opened his desk yet.
        assert refused(mia.post(f"/desk/chats/{chat}/transfer", data=to, headers=HTMX), "is not available just now")
        jonas.get("/desk")
        assert "Jonas Weber</option>" in mia.get(f"/desk/chats/{chat}").text
        jonas.post("/desk/state", data={"state": "lunch"})
        assert "Jonas Weber</option>" not in mia.get(f"/desk/chats/{chat}").text
        assert refused(mia.post(f"/desk/chats/{chat}/transfer", data=to, headers=HTMX), "is not available just now")
        jonas.post("/desk/state", data={"state": "available"})
        answer = mia.post(f"/desk/chats/{chat}/transfer", data=to, headers=HTMX)
        assert "Jonas Weber has this chat" in answer.text
        assert "New for you" in jonas.get("/desk").text
        assert "New for you" not in jonas.get(f"/desk/chats/{chat}").text
        assert refused(mia.post(f"/desk/chats/{chat}/transfer", data=to, headers=HTMX), "not yours any more")
    assert owner(service, chat) == ("agent", "Jonas Weber")
    assert history(service, chat)[-1] == "transferred"


def test_a_colleague_without_room_gets_no_chat_and_it_stays(db_url):
    add_people(db_url, "mia", "jonas")
    with running(db_url, ScriptedEngine(echo), agent_capacity=1) as service:
        chats = [on_loop(service, ask) for _ in range(2)]
        with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
            mia.post(f"/desk/chats/{chats[0]}/claim")
            jonas.post(f"/desk/chats/{chats[1]}/claim")
            to = {"to": f"agent:{account_id(service, 'jonas')}"}
            assert refused(mia.post(f"/desk/chats/{chats[0]}/transfer", data=to, headers=HTMX), "has no room")
            assert refused(mia.post("/desk/next", headers=HTMX), "You have 1 chat, and 1 at a time are allowed")
        assert owner(service, chats[0]) == ("agent", "Mia Novak")


def test_a_chat_passed_on_to_a_team_waits_for_its_members_in_its_old_place(service):
    boss = on_loop(service, by_email, PEOPLE["sam"][0])
    team = on_loop(service, staffing.add_team, "Returns", boss)
    chat, later = on_loop(service, ask), on_loop(service, ask)
    given = {"skills": (), "languages": (), "capacity": None}

    def join(session):
        staffing.set_member(session, by_email(session, PEOPLE["jonas"][0]).id, boss, team_id=team.id, **given)

    on_loop(service, join)
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        mia.post(f"/desk/chats/{chat}/claim")
        assert "Returns</option>" in mia.get(f"/desk/chats/{chat}").text
        mia.post(f"/desk/chats/{chat}/transfer", data={"to": f"team:{team.id}"})
        assert owner(service, chat) == ("queue", None)
        assert mia.post("/desk/next").headers["location"] == f"/desk/chats/{later}"
        assert refused(mia.post("/desk/next", headers=HTMX), "needs another team")
        assert jonas.post("/desk/next").headers["location"] == f"/desk/chats/{chat}"
    assert history(service, chat)[-2:] == ["transferred", "agent_joined"]


def test_what_went_back_is_told_to_its_agent_who_can_claim_it_again(service):
    chats = [on_loop(service, ask) for _ in range(2)]
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        for chat in chats:
            mia.post(f"/desk/chats/{chat}/claim")
        mia.post("/desk/state", data={"state": "lunch"})
        assert on_loop(service, presence.give_back) == 2
        desk = mia.get("/desk").text
        assert "2 chats went back to the queue while you were away" in desk and 'value="lunch" selected' in desk
        mia.post(f"/desk/chats/{chats[0]}/claim")
        # Who takes a chat is there.
        assert 'value="available" selected' in mia.get("/desk").text
        jonas.post(f"/desk/chats/{chats[1]}/claim")
        desk = mia.get("/desk").text
        assert "1 chat went back to the queue" in desk and "Jonas Weber has it" in desk
        mia.post("/desk/missed/seen")
        assert "went back" not in mia.get("/desk").text


def test_pushed_chats_come_to_who_is_there_and_the_backlog_drains_when_a_place_is_free(pushing):
    first, second = [on_loop(pushing, ask) for _ in range(2)]
    with signed_in(pushing, "mia") as mia:
        # Opening the desk is what makes room.
        mia.get("/desk")
        eventually(lambda: owner(pushing, first) == ("agent", "Mia Novak"))
        assert owner(pushing, second) == ("queue", None)
        assert "New for you" in mia.get("/desk").text
        assert "New for you" not in mia.get(f"/desk/chats/{first}").text
        mia.post(f"/desk/chats/{first}/resolve")
        eventually(lambda: owner(pushing, second) == ("agent", "Mia Novak"))
        third = on_loop(pushing, ask)
        mia.post("/desk/state", data={"state": "gone"})
        mia.post(f"/desk/chats/{second}/resolve")
        time.sleep(0.5)
        assert owner(pushing, third) == ("queue", None)
        mia.post("/desk/state", data={"state": "available"})
        eventually(lambda: owner(pushing, third) == ("agent", "Mia Novak"))


DIES = """
import os, signal, sys
from sqlalchemy.orm import Session
from bot.desk import claims
from kb_index.database import create_database_engine
engine = create_database_engine(sys.argv[1])
with Session(engine.execution_options(writes=True)) as session, session.begin():
    claims.claim(session, sys.argv[2], ("dead", "Dead Agent"))
    if sys.argv[3] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(db_url, chat, when):
    done = subprocess.run(
        [sys.executable, "-c", DIES, db_url, chat, when],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


async def test_a_machine_that_dies_in_the_middle_of_a_claim_leaves_the_chat_as_it_was(db_url):
    database = Database(db_url, MemoryHub())
    try:
        chat = await database.write(ask)
        die(db_url, chat, "before")
        assert (await database.write(claims.claim_next, ("mia", "Mia"))).id == chat
        notices = [m.extra["notice"] for m in await database.read(services.transcript, chat) if m.kind == "notice"]
        assert notices == ["handoff_requested", "agent_joined"]
    finally:
        database.close()


async def test_a_machine_that_dies_after_its_claim_loses_the_chat_when_it_is_not_seen(db_url):
    database = Database(db_url, MemoryHub())
    try:
        chat = await database.write(ask)
        die(db_url, chat, "after")
        assert (await database.read(conversations.get, chat)).agent_id == "dead"
        assert await database.write(presence.give_back, now() + timedelta(minutes=1)) == 0
        assert await database.write(presence.give_back, now() + timedelta(minutes=5)) == 1
        assert (await database.write(claims.claim_next, ("mia", "Mia"))).id == chat
    finally:
        database.close()
