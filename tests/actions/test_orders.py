"""Orders: both details are checked, each state has its answer, a stranger learns nothing."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import context
from actions.answers import Answer
from actions.chat import Capabilities, Greet
from actions.order_book import STATUSES, Order, load_orders, normal_order_number
from actions.order_wording import amiss, lacks
from actions.orders import RETURN_DAYS, OrderDetailsFirst, OrderDetailsUnclear, OrderResult, ValidateOrderForm, describe
from actions.replies import PERSON
from kb_index.database import create_database_engine

TODAY = date(2026, 11, 22)
NUMBER, EMAIL = "KF-10205", "jonas.reuter@example.com"


def order(status, **changes):
    values = {
        "order_number": NUMBER,
        "email": EMAIL,
        "name": "Jonas Reuter",
        "placed_at": TODAY - timedelta(days=5),
        "status": status,
        "carrier": "DPD",
        "tracking_number": "155" if status in ("shipped", "delivered") else None,
        "expected_at": TODAY + timedelta(days=2),
        "delivered_at": TODAY - timedelta(days=1) if status == "delivered" else None,
        "total": "10.00",
        "items": "1 x Tarn Hand Grinder",
        "country": "Germany",
    }
    return Order(**{**values, **changes})


@pytest.mark.parametrize("typed", ["KF-10205", "kf10205", "#10205", "KF 10205", "order 10205 please"])
def test_a_number_is_found_however_it_is_typed(typed):
    assert normal_order_number(typed) == NUMBER


@given(st.text(max_size=200))
def test_any_text_at_all_gives_a_number_or_none(text):
    assert normal_order_number(text) is None or normal_order_number(text).startswith("KF-")


def test_the_right_pair_is_told_the_state(run):
    (said,), slots, _ = run(OrderResult(), slots={"order_number": NUMBER, "email": EMAIL.upper()})
    assert NUMBER in said["text"] and "delivered" in said["text"]
    assert slots["order_mismatches"] is None


def test_number_and_address_that_do_not_belong_together_tell_nothing(run):
    wrong = run(OrderResult(), slots={"order_number": NUMBER, "email": "stranger@example.com"})
    unknown = run(OrderResult(), slots={"order_number": "KF-99999", "email": "stranger@example.com"})
    assert wrong[0][0]["text"] == unknown[0][0]["text"].replace("KF-99999", NUMBER)
    assert wrong[1]["order_number"] is None and wrong[1]["order_mismatches"] == 1


def test_guessing_ends_with_a_person(run):
    said, _, _ = run(OrderResult(), slots={"order_number": NUMBER, "email": "x@example.com", "order_mismatches": 1})
    assert said[-1]["type"] == "handoff" and NUMBER in said[-1]["reasons"][0]


def test_two_numbers_in_one_message_mean_the_last_one(run):
    (said,), _, _ = run(OrderResult(), slots={"order_number": ["KF-10203", NUMBER], "email": EMAIL})
    assert NUMBER in said["text"]


@pytest.mark.parametrize("topic", ["status", "cancel", "return"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_state_has_an_answer_to_every_topic(status, topic):
    text, replies = describe(order(status), topic, TODAY)
    assert NUMBER in text and "None" not in text and "unknown" not in text
    assert all(reply["title"] and reply["text"] for reply in replies)


def test_an_order_that_is_late_is_an_apology_and_offers_a_person():
    text, replies = describe(order("shipped", expected_at=TODAY - timedelta(days=3)), "status", TODAY)
    assert "sorry" in text and replies[0]["title"] == "Talk to a person"


@pytest.mark.parametrize(("days", "open_"), [(0, True), (RETURN_DAYS, True), (RETURN_DAYS + 1, False)])
def test_the_window_for_a_return_ends_after_its_last_day(days, open_):
    text, _ = describe(order("delivered", delivered_at=TODAY - timedelta(days=days)), "return", TODAY)
    assert ("you can return it until" in text) is open_


def test_only_an_order_that_is_not_packed_can_be_cancelled():
    assert "can still be cancelled" in describe(order("placed"), "cancel", TODAY)[0]
    assert "can't be cancelled" in describe(order("packed"), "cancel", TODAY)[0]


@pytest.mark.parametrize(("slot", "wanted"), [("email", "e-mail address"), ("order_number", "order number")])
def test_what_is_missing_is_named(run, slot, wanted):
    assert wanted in run(OrderDetailsUnclear(), "abc", {"requested_slot": slot})[0][0]["text"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "lost"}, "the status is one of"),
        ({"placed_at": "soon"}, "line 2"),
        ({"email": ""}, "email is missing"),
    ],
)
def test_a_bad_row_loads_nothing_and_names_the_line(tmp_path, db_url, change, message):
    row = {
        "order_number": "KF-20001",
        "email": "a@example.com",
        "name": "A",
        "placed_at": "2026-11-01",
        "status": "placed",
        "carrier": "",
        "tracking_number": "",
        "expected_at": "",
        "delivered_at": "",
        "total": "1.00",
        "items": "tea",
        "country": "Ireland",
    }
    bad = {**row, **change}
    path = tmp_path / "orders.csv"
    path.write_text(",".join(row) + "\n" + ",".join(bad.values()) + "\n")
    engine = create_database_engine(db_url)
    with pytest.raises(ValueError, match=message):
        load_orders(engine, path)
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    assert load_orders(engine, path) == 1
    assert load_orders(engine, path) == 1, "loading again replaces"
    engine.dispose()


@pytest.mark.parametrize(
    "text",
    [
        "i dont have it",
        "I don't know the number",
        "not sure",
        "no idea, sorry",
        "I've lost the mail",
        "can't find it",
        "haven't got one",
        "I never got a confirmation",
    ],
)
def test_who_lacks_a_detail_is_told_from_who_changes_their_mind(text):
    assert lacks(text)


@pytest.mark.parametrize(
    "text",
    [
        *("never mind", "no", "forget it", "leave it", "nope, something else", "KF-10234", "stop", "anna@example.com"),
        *("I don't have a printer", "I can't find the return label", "I do not have time for this"),
    ],
)
def test_a_change_of_mind_is_no_lost_number_and_nor_is_another_matter(text):
    assert not lacks(text)


@pytest.mark.parametrize("asked", ["order_number", "email", None])
@given(text=st.text(max_size=300))
def test_whatever_is_given_in_place_of_a_detail_what_is_amiss_is_said_in_a_line(asked, text):
    assert 0 < len(amiss(asked, text)) < 120


@pytest.mark.parametrize(("slot", "wanted"), [("email", "e-mail address"), ("order_number", "confirmation e-mail")])
def test_what_is_asked_for_in_vain_is_not_asked_for_over_and_over(run, slot, wanted):
    once = run(OrderDetailsFirst(), "I sent it back", {"requested_slot": slot}, "return_order")
    assert PERSON not in once[0][0].get("quick_replies", [])
    known = {"requested_slot": slot, **once[1]}
    twice = run(OrderDetailsFirst(), "two weeks ago", known, "return_order")
    assert wanted in twice[0][0]["text"] and PERSON in twice[0][0]["quick_replies"]
    agreed = run(OrderDetailsFirst(), "ok do that", {**known, **twice[1]}, "affirm")
    assert agreed[2][0]["name"] == "action_hand_over"


def test_an_offer_from_before_the_order_was_spoken_of_is_no_offer_any_more(run):
    said, _, others = run(OrderDetailsFirst(), "yes", {"requested_slot": "order_number", "offered": "person"}, "affirm")
    assert said and not others


def test_a_number_that_is_nearly_one_is_worth_another_look_each_time(run):
    known = {"requested_slot": "order_number", "order_asked": "once"}
    assert "4 digits" in run(OrderDetailsUnclear(), "KF-1023", known)[0][0]["text"]
    assert PERSON in run(OrderDetailsUnclear(), "the blue one", known)[0][0]["quick_replies"]


def test_that_did_not_help_in_the_form_is_about_the_answer_in_between(run):
    known = {"requested_slot": "order_number", "last_question": "How do I pay with Klarna?", "shown_articles": ["x"]}
    assert run(OrderDetailsUnclear(), "that did not help", known, "did_not_help")[0][0]["type"] == "answer"
    lacking = run(OrderDetailsUnclear(), "no clue what that is", known, "did_not_help")
    assert lacking[1]["offered"] == "person"


def test_what_an_article_surely_answers_is_answered_in_the_form_whatever_it_was_taken_for(run):
    known = {"requested_slot": "order_number"}
    (said,), _, _ = run(OrderDetailsUnclear(), "Which payment methods do you take?", known, "out_of_scope")
    assert said["type"] == "answer"


def test_a_piece_of_a_sentence_in_the_form_is_not_taken_for_a_question(run):
    # "The blue one I'd prefer costs less" is one of an article's wordings, and surely found by three of its words.
    said, _, _ = run(OrderDetailsUnclear(), "the blue one", {"requested_slot": "order_number"}, "out_of_scope")
    assert "order number" in said[0]["text"].lower() and said[0]["type"] == "text"


def test_how_is_about_what_was_wanted_of_the_order(run):
    known = {"order_number": NUMBER, "email": EMAIL, "order_topic": "return"}
    _, slots, _ = run(OrderResult(), slots=known)
    (said,), _, _ = run(Answer(), "how?", {**known, **slots})
    assert said["article"]["id"] == "how-to-return"


@pytest.fixture
def without_orders(monkeypatch):
    monkeypatch.setenv("SWITCHBOARD_DEMO", "false")
    for each in (context.settings, context.orders):
        each.cache_clear()


async def test_where_no_orders_can_be_looked_up_nothing_is_asked_for(run, without_orders):
    assert await ValidateOrderForm().required_slots(["order_number", "email"], None, None, {}) == []
    (said,), slots, _ = run(OrderResult(), "How do I send something back?", {"order_topic": "return"}, "return_order")
    assert (said["type"], said["article"]["id"]) == ("answer", "how-to-return")
    assert slots["order_topic"] is None and slots["topic"]["question"] == "How do I send something back?"


async def test_where_orders_can_be_looked_up_both_details_are_asked_for(run):
    assert await ValidateOrderForm().required_slots(["order_number", "email"], None, None, {}) == [
        "order_number",
        "email",
    ]


@pytest.mark.parametrize("action", [Greet, Capabilities])
def test_nothing_is_offered_that_cannot_be_done(run, without_orders, action):
    (said,), _, _ = run(action(), "hello")
    assert said["response"] == f"{action.says}_without_orders"


@pytest.mark.parametrize("action", [Greet, Capabilities])
def test_orders_are_offered_where_they_can_be_looked_up(run, action):
    (said,), _, _ = run(action(), "hello")
    assert said["response"] == action.says
