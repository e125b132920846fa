"""The operator's page on opening hours, without scripts: what is saved, what is refused, and what can be undone."""

import re
from datetime import timedelta

import pytest

from bot.db import now
from bot.dialogue.scripted import ScriptedEngine, echo
from tests.people import add_people, signed_in, visitor
from tests.service import running

PAGE = "/operator/hours"
WEEK = {f"day{number}": "09:00-17:00" for number in range(5)} | {"day5": "", "day6": "closed"}


@pytest.fixture
def service(db_url):
    add_people(db_url, "sam", "mia")
    with running(db_url, ScriptedEngine(echo)) as running_service:
        yield running_service


@pytest.fixture
def sam(service):
    with signed_in(service, "sam") as client:
        yield client


def version(page):
    return re.search(r'name="version" value="(\d+)"', page)[1]


def test_a_week_is_saved_shown_and_undone(sam):
    page = sam.get(PAGE).text
    assert "Open now, always" in page
    saved = sam.post(PAGE, data={**WEEK, "zone": "Europe/Dublin", "version": version(page)}, follow_redirects=True)
    assert "Saved." in saved.text and 'value="09:00-17:00"' in saved.text and "09:00–17:00" in saved.text  # noqa: RUF001
    undone = sam.post(f"{PAGE}/undo", data={"version": version(saved.text)}, follow_redirects=True)
    assert "Open now, always" in undone.text
    assert sam.post(f"{PAGE}/undo", data={"version": "1"}).status_code == 409


def test_what_was_mistyped_is_said_beside_its_field_and_nothing_is_lost(sam):
    typed = {**WEEK, "day1": "17:00-09:00", "day2": "nine to five <b>", "zone": "Mars/Base", "version": "0"}
    page = sam.post(PAGE, data=typed)
    assert page.status_code == 422
    for name, problem in (("day1", "close after it opens"), ("day2", "Write it as"), ("zone", "no such time zone")):
        assert re.search(rf'aria-describedby="sb_{name}_problem"', page.text)
        assert problem in re.search(rf'id="sb_{name}_problem">([^<]*)', page.text)[1]
    assert 'value="nine to five &lt;b&gt;"' in page.text and 'value="17:00-09:00"' in page.text
    assert "Open now, always" in sam.get(PAGE).text


def test_two_who_edit_at_once_are_told_not_overwritten(sam):
    assert sam.post(PAGE, data={**WEEK, "zone": "UTC", "version": "0"}).status_code == 303
    late = sam.post(PAGE, data={"always": "yes", "zone": "UTC", "version": "0"})
    assert late.status_code == 409 and "Somebody else has changed the hours" in late.text


def test_a_holiday_is_added_shown_in_the_picture_removed_and_put_back(sam):
    tomorrow = (now() + timedelta(days=1)).date().isoformat()
    holiday = {"day": tomorrow, "name": "Stocktaking <x>", "spans": "10:00-12:00, 13:00-00:00", "yearly": ""}
    page = sam.post(f"{PAGE}/holidays", data=holiday, follow_redirects=True).text
    assert "Stocktaking &lt;x&gt;" in page and "10:00–12:00, 13:00–24:00" in page  # noqa: RUF001
    removed = sam.post(f"{PAGE}/holidays/1/remove", follow_redirects=True).text
    assert "Stocktaking" not in removed and "Put it back" in removed
    assert "Stocktaking" in sam.post(f"{PAGE}/holidays/1/restore", follow_redirects=True).text
    again = sam.post(f"{PAGE}/holidays", data=holiday)
    assert again.status_code == 422 and "already" in again.text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"day": "", "name": "x", "spans": ""}, "day"),
        ({"day": "2026-02-30", "name": "x", "spans": ""}, "day"),
        ({"day": "0001-01-01", "name": "x", "spans": ""}, "day"),
        ({"day": "9999-12-31", "name": "x", "spans": ""}, "day"),
        ({"day": "2026-12-24", "name": " \x00", "spans": ""}, "name"),
        ({"day": "2026-12-24", "name": "x", "spans": "25:00-26:00"}, "spans"),
    ],
)
def test_a_holiday_that_is_none_is_refused_beside_its_field(sam, typed, field):
    page = sam.post(f"{PAGE}/holidays", data=typed)
    assert page.status_code == 422
    assert f'id="sb_{field}_problem"' in page.text
    assert "None yet" in page.text


@pytest.mark.parametrize("path", ["holidays/0/remove", "holidays/99999999999999999999/remove", "holidays/7/restore"])
def test_what_is_not_there_is_not_found(sam, path):
    assert sam.post(f"{PAGE}/{path}").status_code == 404


def test_only_operators_and_only_our_own_pages_change_anything(service, sam):
    with signed_in(service, "mia") as mia:
        assert mia.get(PAGE).status_code == 403
        assert mia.post(PAGE, data={"always": "yes", "zone": "UTC", "version": "0"}).status_code == 403
    with visitor(service) as nobody:
        assert nobody.get(PAGE).status_code == 303
    foreign = sam.post(PAGE, data={**WEEK, "zone": "UTC", "version": "0"}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "Open now, always" in sam.get(PAGE).text
