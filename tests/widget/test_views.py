"""How the widget's script reaches a page: always the present one, never mixed with an older one."""

import re

import pytest

from bot.dialogue.scripted import ScriptedEngine, echo
from tests.service import running


@pytest.fixture
def http(sqlite_template):
    with running(f"sqlite:///{sqlite_template}", ScriptedEngine(echo)) as service, service.http() as client:
        yield client


def test_the_script_names_modules_that_may_be_kept_for_ever(http):
    script = http.get("/widget.js")
    assert script.headers["Cache-Control"] == "public, no-cache"
    main = re.search(r"widget/[0-9a-f]+/main\.js", script.text)[0]
    module = http.get(f"/{main}")
    assert module.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in module.headers["Cache-Control"]
    assert http.get(f"/{main.replace('main', 'session')}").status_code == 200


def test_an_unchanged_script_is_not_sent_again(http):
    tag = http.get("/widget.js").headers["ETag"]
    again = http.get("/widget.js", headers={"If-None-Match": tag})
    assert again.status_code == 304 and not again.content
    assert http.get("/widget.js", headers={"If-None-Match": '"older"'}).status_code == 200


def test_a_page_from_before_an_update_gets_the_present_modules_and_keeps_none(http):
    old = http.get("/widget/0123456789ab/main.js")
    assert old.status_code == 200
    assert old.headers["Cache-Control"] == "no-store"


def test_any_site_may_load_it_and_nothing_beside_it(http):
    assert http.get("/widget.js").headers["Access-Control-Allow-Origin"] == "*"
    assert http.get("/widget/any/views.py").status_code == 404
    assert http.get("/widget/any/README.md").status_code == 404
