"""`/operator/answers`: who may look, what they see, and that looking changes nothing."""

import re
import shutil

import pytest
from sqlalchemy import text

from bot.dialogue.engine import EngineDown, TurnResult
from bot.dialogue.scripted import ScriptedEngine
from bot.operator.bars import bars
from kb_index import store
from kb_index.articles import Article
from kb_index.search import Hit
from tests.people import add_people, signed_in, visitor
from tests.service import on_loop, running

PAGE = "/operator/answers"
EVIL = "<script>alert(1)</script>"
RETURNS = {"id": "returns", "title": f"Returns {EVIL}", "section": "How long", "anchor": "how-long"}


class Script:
    """What the engine says next."""

    def __init__(self):
        self.result = TurnResult([{"type": "text", "text": "Hello!"}], "greet", 0.91, "RulePolicy", None, "utter_greet")
        self.problem = None

    async def __call__(self, request):
        if self.problem:
            raise EngineDown(self.problem)
        return self.result

    def says(self, *messages, intent="ask_question", action="action_answer", state=None):
        self.result = TurnResult(list(messages), intent, 0.83, "RulePolicy", state, action)


@pytest.fixture(scope="module")
def spoken():
    return ScriptedEngine(Script())


@pytest.fixture(scope="module")
def service(sqlite_template, tmp_path_factory, spoken, encoder):
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("operator") / "test.db")
    add_people(f"sqlite:///{path}", "mia", "aoife", "sam")
    with running(f"sqlite:///{path}", spoken) as service:
        article = Article(
            id="returns",
            title=f"Returns {EVIL}",
            questions=("How long can I return it?",),
            body=f"## How long\n\nYou have 30 days {EVIL} to return a kettle.\n",
        )
        prepared = store.prepare(article, encoder)
        on_loop(service, lambda session: store.publish(session.connection(), prepared))
        yield service


@pytest.fixture
def engine(spoken):
    """The engine, which has been asked nothing in this test yet and says hello."""
    spoken.requests.clear()
    spoken._script = Script()
    return spoken


@pytest.fixture
def script(engine):
    return engine._script


@pytest.fixture(scope="module")
def signed_in_sam(service):
    with signed_in(service, "sam") as client:
        yield client


@pytest.fixture
def sam(signed_in_sam, engine):
    return signed_in_sam


def explained(client, message, before="", **headers):
    answer = client.post(PAGE, data={"text": message, "before": before}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def plain(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("name", ["mia", "aoife"])
def test_agents_and_writers_are_told_that_it_is_not_for_them(service, name):
    with signed_in(service, name) as client:
        for answer in (client.get(PAGE), client.post(PAGE, data={"text": "hi"})):
            assert answer.status_code == 403
            assert "This part is for operators" in answer.text
        assert PAGE not in client.get("/desk" if name == "mia" else "/studio").text


def test_nobody_sees_it_without_signing_in(service):
    with visitor(service) as client:
        assert client.get(PAGE).headers["location"].startswith("/sign-in?next=")
        assert client.post(PAGE, data={"text": "hi"}).status_code == 401


def test_another_site_cannot_ask_in_the_operators_name(sam):
    answer = sam.post(PAGE, data={"text": "hi"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_the_operator_finds_it_where_they_land(sam):
    assert f'href="{PAGE}"' in sam.get("/desk").text
    assert "Why does it say that?" in sam.get(PAGE).text


def test_an_answer_shows_its_article_score_thresholds_and_every_part(sam, script):
    reply = {"type": "answer", "text": "You have 30 days.", "article": RETURNS, "score": 0.72}
    script.says(reply)
    shown = plain(explained(sam, "How long can I return a kettle?"))
    assert "Answers from an article" in shown and "You have 30 days." in shown
    assert "Intent ask_question (0.83) led to action_answer." in shown
    assert "sure to 0.72" in shown and "at or above answer_threshold (0.6)" in shown
    for part in ("passage", "title", "lexical", "combined", "margin"):
        assert f" {part} " in shown


def test_asking_back_and_not_knowing_are_told_apart(sam, script):
    choices = [{"title": title, "text": title} for title in ("Returns", "Repairs", "Talk to a person")]
    script.says({"type": "text", "text": "Which one?", "quick_replies": choices})
    assert "Asks which one is meant" in plain(explained(sam, "about my kettle"))
    script.says({"type": "text", "text": "I don't know.", "quick_replies": choices[-1:]})
    shown = plain(explained(sam, "about my kettle"))
    assert "Says that it does not know" in shown and "The best candidate" in shown


def test_a_greeting_is_a_reply_that_looked_for_no_article(sam):
    shown = plain(explained(sam, "hello there"))
    assert "Replies without looking for an article" in shown and "This turn looked for no article" in shown


def test_anger_shows_its_signals_and_the_decision(sam, script):
    script.says({"type": "handoff", "reason": "frustrated"}, action="action_hand_over")
    shown = plain(explained(sam, "this is useless, I am fed up!!!"))
    assert "Hands over to a person" in shown and "The words are angry." in shown
    assert "frustration words 2" in shown and "shouting yes" in shown


def test_another_language_is_named_and_the_engine_takes_no_turn(sam, engine):
    shown = plain(explained(sam, "Wo bleibt meine Bestellung? Ich warte seit Montag."))
    assert "It is surely German, and surely not English." in shown
    assert "In Ihrer Sprache" in shown
    assert engine.requests == []


def test_private_data_is_masked_before_anything_else_sees_it(sam, engine):
    shown = explained(sam, "Charge 4111 1111 1111 1111 please", **{"HX-Request": "true"})
    assert "Charge •••• 1111 please" in shown and "4111" not in shown
    assert [request.text for request in engine.requests] == ["Charge •••• 1111 please"]


def test_a_follow_up_is_explained_with_the_message_before_it(sam, script, engine):
    state = {"slots": {"last_question": "how long to return a kettle and a grinder"}, "active_loop": None}
    script.says({"type": "text", "text": "I don't know."}, state=state)
    shown = plain(explained(sam, "and a grinder?", "How long to return a kettle?"))
    assert [(request.text, request.state) for request in engine.requests] == [
        ("How long to return a kettle?", None),
        ("and a grinder?", state),
    ]
    assert "Searched for “how long to return a kettle and a grinder”" in shown
    script.says({"type": "text", "text": "Hello!"}, state=state, action="utter_greet")
    assert "Searched for" not in plain(explained(sam, "hello", "How long to return a kettle?"))


def test_an_engine_that_is_down_is_said_and_the_search_still_shown(sam, script):
    script.problem = "TimeoutError: nobody there"
    shown = plain(explained(sam, "How long can I return a kettle?"))
    assert "The engine did not answer: TimeoutError: nobody there" in shown
    assert "You have 30 days" in shown and "combined" in shown


def test_nothing_that_anybody_typed_or_wrote_runs(sam, script):
    script.says(
        {"type": "answer", "text": f"30 days {EVIL}", "article": RETURNS, "score": 0.7},
        {"type": "text", "text": "More?", "quick_replies": [{"title": EVIL, "text": EVIL}]},
        intent=EVIL,
        action=f"action_answer{EVIL}",
    )
    answer = sam.post(PAGE, data={"text": f"return {EVIL} my kettle", "before": EVIL})
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)" in answer.text
    assert "style=" not in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("message", "status"), [("", 422), ("   ", 422), ("x" * 4001, 422), ("x" * 200_000, 413)])
def test_what_nobody_could_send_is_refused(sam, message, status):
    answer = sam.post(PAGE, data={"text": message})
    assert answer.status_code in (status, 400)


def test_looking_stores_nothing_and_calls_nobody(service, sam, script):
    script.says({"type": "handoff", "reason": "asked_for_person"}, {"type": "opt_out"}, action="action_hand_over")
    explained(sam, "I want to talk to a person")

    def count(session):
        tables = ("customers", "conversations", "messages", "handoffs")
        return [session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]

    assert on_loop(service, count) == [0, 0, 0, 0]


def hit(**parts):
    return Hit("a", "A", "", 0.5, quote=pytest.fail, parts=parts)


def test_bars_take_any_parts_and_share_a_scale_per_part():
    drawn = bars([hit(words=0.5, lead=-0.5), hit(words=0.25, lead=0.5, new=4.0)])
    assert drawn.parts == ("words", "lead", "new")
    first, second = drawn.rows
    assert (first[0].left, first[0].width, second[0].width) == (0.0, 50.0, 25.0)
    assert first[1].negative and (first[1].left, first[1].zero) == (0.0, 33.3)
    assert first[2] is None and second[2].width == 100.0
    assert bars([]).rows == ()
