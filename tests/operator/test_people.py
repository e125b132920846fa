"""`/operator/people`: who may change what agents can take, and that it is kept as it was given."""

import pytest

from bot.accounts.services import audit, by_email
from bot.desk import claims, staffing
from bot.dialogue.scripted import ScriptedEngine, echo
from tests.desk.test_queue import ask
from tests.people import PEOPLE, add_people, signed_in, visitor
from tests.service import on_loop, running

PAGE = "/operator/people"
HTMX = {"HX-Request": "true"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def service(db_url):
    add_people(db_url, "mia", "jonas", "aoife", "sam")
    with running(db_url, ScriptedEngine(echo)) as running_service:
        yield running_service


def member(service, name):
    members = on_loop(service, staffing.members)
    return next(each for each in members if each.account.email == PEOPLE[name][0])


def test_an_operator_describes_an_agent_who_then_gets_the_chats(service):
    mia = on_loop(service, by_email, PEOPLE["mia"][0])
    with signed_in(service, "sam") as sam:
        assert sam.post(f"{PAGE}/teams", data={"name": "Returns"}).status_code == 303
        (team,) = on_loop(service, staffing.teams)
        skills = "returns-and-refunds, shipping ,"
        given = {"team": str(team.id), "skills": skills, "languages": "de, EN", "capacity": "3"}
        shown = sam.post(f"{PAGE}/{mia.id}", data=given, headers=HTMX).text
        assert "returns-and-refunds, shipping" in shown and 'value="de, en"' in shown and "<html" not in shown
        found = member(service, "mia")
        assert (found.team.id, found.skills) == (team.id, ["returns-and-refunds", "shipping"])
        assert (found.languages, found.capacity) == (["de", "en"], 3)
        # Everything can be taken away again.
        sam.post(f"{PAGE}/{mia.id}", data={})
        assert (member(service, "mia").team, member(service, "mia").capacity) == (None, None)
        sam.post(f"{PAGE}/{mia.id}", data={"languages": "de"})
    german = on_loop(service, ask, "Hallo?")
    assert on_loop(service, claims.claim_next, (mia.id, mia.name)).id == german
    assert [entry.what for entry in on_loop(service, audit)].count("agent_changed") == 3


def test_the_page_says_who_is_there_and_how_many_chats_they_have(service):
    on_loop(service, ask)
    with signed_in(service, "sam") as sam, signed_in(service, "mia") as mia:
        assert "Available" not in sam.get(PAGE).text
        mia.get("/desk")
        mia.post("/desk/next")
        page = sam.get(PAGE).text
        assert 'state available">Available' in page and "1 chat<" in page
        assert "Aoife" not in page, "a writer takes no chats"
        mia.post("/desk/state", data={"state": "lunch"})
        assert "At lunch" in sam.get(PAGE).text


def test_what_cannot_be_is_refused_with_the_reason_and_changes_nothing(service):
    mia = on_loop(service, by_email, PEOPLE["mia"][0])
    with signed_in(service, "sam") as sam:
        sam.post(f"{PAGE}/teams", data={"name": "Returns"})
        (team,) = on_loop(service, staffing.teams)
        sam.post(f"{PAGE}/{mia.id}", data={"team": str(team.id)})
        for path, data, words, status in (
            (f"{PAGE}/teams", {"name": " "}, "1 to 100 characters", 400),
            (f"{PAGE}/teams", {"name": "returns"}, "There is a team “Returns” already", 409),
            (f"{PAGE}/teams/{team.id}/remove", {}, "still has members", 409),
            (f"{PAGE}/teams/99", {"name": "x"}, "no such team", 404),
            (f"{PAGE}/{mia.id}", {"team": "99"}, "no such team", 404),
            (f"{PAGE}/{mia.id}", {"team": "x"}, "no such team", 400),
            (f"{PAGE}/{mia.id}", {"capacity": "0"}, "1 to 100 chats", 400),
            (f"{PAGE}/{mia.id}", {"capacity": "-1"}, "1 to 100 chats", 400),
            (f"{PAGE}/{mia.id}", {"languages": "German"}, "two letters", 400),
            (f"{PAGE}/{'f' * 32}", {}, "no such agent", 404),
        ):
            answer = sam.post(path, data=data, headers=HTMX)
            assert (answer.status_code, words in answer.text) == (status, True), (path, data, answer.text)
        assert sam.post(f"{PAGE}/{mia.id}'", data={}).status_code in (400, 404)
        assert member(service, "mia").team.id == team.id
        sam.post(f"{PAGE}/teams/{team.id}", data={"name": EVIL})
        assert EVIL not in sam.get(PAGE).text and "&lt;script&gt;" in sam.get(PAGE).text


def test_nobody_but_operators_may_look_or_change(service):
    mia = on_loop(service, by_email, PEOPLE["mia"][0])
    for name in ("mia", "aoife"):
        with signed_in(service, name) as somebody:
            assert somebody.get(PAGE).status_code == 403
            assert somebody.post(f"{PAGE}/{mia.id}", data={"capacity": "99"}).status_code == 403
    with visitor(service) as nobody:
        assert nobody.post(f"{PAGE}/teams", data={"name": "x"}).status_code in (303, 401)
    with signed_in(service, "sam") as sam:
        elsewhere = {"Origin": "https://evil.example"}
        assert sam.post(f"{PAGE}/teams", data={"name": "x"}, headers=elsewhere).status_code == 403
    assert on_loop(service, staffing.teams) == []
