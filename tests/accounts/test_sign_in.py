"""Signing in and out through the web service, and who may see what."""

import time

import pytest

from bot.accounts import services
from bot.accounts.access import COOKIE, GUESSES_PER_MINUTE, safe_path
from bot.dialogue.scripted import ScriptedEngine, echo
from tests.people import PASSWORD, PEOPLE, add_people, signed_in, visitor
from tests.service import running

MIA = PEOPLE["mia"][0]
WRONG = "E-mail address or password is not right."


@pytest.fixture
def service(db_url):
    add_people(db_url, "mia", "aoife", "sam")
    with running(db_url, ScriptedEngine(echo)) as running_service:
        yield running_service


def test_signing_in_leads_home_and_signing_out_ends_it(service):
    with visitor(service) as client:
        assert client.get("/desk").headers["location"] == "/sign-in?next=/desk"
        answer = client.post("/sign-in", data={"email": MIA.upper(), "password": PASSWORD})
        assert answer.headers["location"] == "/desk"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
        assert client.get("/desk").status_code == 200
        assert client.get("/sign-in").headers["location"] == "/desk"
        token = client.cookies[COOKIE]
        assert client.post("/sign-out").headers["location"] == "/sign-in"
        client.cookies.set(COOKIE, token)
        assert client.get("/desk").status_code == 303


def test_a_wrong_password_and_an_unknown_address_look_the_same(service):
    with visitor(service) as client:
        wrong = client.post("/sign-in", data={"email": MIA, "password": "not the password"})
        unknown = client.post("/sign-in", data={"email": "nobody@example.com", "password": "not the password"})
        for answer in (wrong, unknown):
            assert answer.status_code == 401
            assert WRONG in answer.text
            assert "not the password" not in answer.text
        assert wrong.text.replace(MIA, "") == unknown.text.replace("nobody@example.com", "")
        for nonsense in ({}, {"email": "\0", "password": "\0"}, {"email": "x" * 1000, "password": "y" * 1000}):
            assert client.post("/sign-in", data=nonsense).status_code == 401


def within_a_minute() -> None:
    """A minute of the clock that ends between two guesses lets one more through: what comes next is to lie in one."""
    left = 60 - time.time() % 60
    if left < 10:
        time.sleep(left)


def test_guessing_is_stopped_and_told_for_how_long_even_when_the_guess_is_right(service):
    with visitor(service) as client:
        within_a_minute()
        for _ in range(GUESSES_PER_MINUTE):
            client.post("/sign-in", data={"email": MIA, "password": "not the password"})
        answer = client.post("/sign-in", data={"email": MIA, "password": PASSWORD})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "Please wait" in answer.text
        assert client.post("/sign-in", data={"email": PEOPLE["sam"][0], "password": PASSWORD}).status_code == 303


def test_another_site_can_change_nothing(service):
    paths = ("/sign-out", "/sign-in", "/desk/chats/" + "0" * 32 + "/claim", "/studio", "/studio/x/publish")
    with signed_in(service, "mia") as client:
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": ""},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            for path in paths:
                assert client.post(path, headers=headers).status_code == 403, (path, headers)
        assert client.get("/desk").status_code == 200


def test_each_role_sees_its_part_and_an_operator_all(service):
    expected = {"mia": (200, 403, "/desk"), "aoife": (403, 200, "/studio"), "sam": (200, 200, "/desk")}
    for name, (desk, studio, home) in expected.items():
        with signed_in(service, name) as client:
            assert client.get("/desk").status_code == desk, name
            assert client.get("/studio").status_code == studio, name
            assert client.get("/sign-in").headers["location"] == home


def test_a_page_that_is_not_there_or_not_theirs_leads_back_to_what_is(service):
    with signed_in(service, "mia") as mia:
        assert 'href="/desk">Back to the desk' in mia.get("/desk/chats/x").text
        assert 'href="/sign-in">To your own pages' in mia.get("/studio").text
        assert mia.get("/sign-in").headers["location"] == "/desk"
    with signed_in(service, "aoife") as aoife:
        assert 'href="/studio">Back to the articles' in aoife.get("/studio/nope").text
        assert 'href="/help">To the help pages' in aoife.get("/help/nope").text


def test_next_leads_back_but_never_away(service):
    with visitor(service) as client:
        answer = client.post("/sign-in", data={"email": MIA, "password": PASSWORD, "next": "/desk?x=1"})
        assert answer.headers["location"] == "/desk?x=1"
        assert client.get("/sign-in?next=https://evil.example").headers["location"] == "/desk"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/evil", "", "x"]
)
def test_only_a_path_of_our_own_is_a_way_on(target):
    assert safe_path(target, "/desk") == "/desk"
    assert safe_path("/studio/a?b=c", "/desk") == "/studio/a?b=c"


def test_a_forged_or_huge_cookie_is_nobody(service):
    with visitor(service) as client:
        for token in ("x", "x" * 5000):
            client.cookies.set(COOKIE, token)
            assert client.get("/desk").status_code == 303


def test_a_partial_for_somebody_signed_out_says_so_and_takes_nothing_away(service):
    with visitor(service, **{"HX-Request": "true"}) as client:
        answer = client.get("/desk/queue")
        assert answer.status_code == 401
        assert answer.headers["hx-retarget"] == "#sb_notices"
        assert "Sign in in a new tab" in answer.text


async def test_the_audit_knows_who_came_and_who_was_refused(service):
    with visitor(service) as client:
        client.post("/sign-in", data={"email": "nobody@example.com", "password": "not the password"})
        client.post("/sign-in", data={"email": MIA, "password": PASSWORD})
        client.post("/sign-out")
    entries = [(entry.who, entry.what) for entry in await service.app.state.db.read(services.audit, 3)]
    assert entries == [(MIA, "signed_out"), (MIA, "signed_in"), ("nobody@example.com", "sign_in_refused")]


def test_cookies_are_for_https_only_where_the_operator_says_so(db_url):
    add_people(db_url, "mia")
    with running(db_url, ScriptedEngine(echo), secure_cookies=True) as service, visitor(service) as client:
        answer = client.post("/sign-in", data={"email": MIA, "password": PASSWORD})
        assert "Secure" in answer.headers["set-cookie"]
