"""An answer with its article, or an honest word that there is none."""

import base64

import numpy as np
import pytest

from actions import replies
from actions.answers import AnotherAnswer, Answer, AnswerHelped
from actions.handover import Affirm, Deny, HandOver
from actions.published import Link, Quotable
from kb_index.answers import Block


def test_a_question_is_answered_word_for_word_with_article_and_section(run):
    from actions import context
    from kb_index import store

    (said,), slots, _ = run(Answer(), "Which payment methods do you take?")
    assert said["type"] == "answer" and said["article"]["id"] == "payment-methods"
    with context.database().connect() as connection:
        body = store.article(connection, "payment-methods").article.body
    assert said["text"].split(". ")[0].split("\n")[0][:40] in body
    assert slots["failed_answers"] is None and slots["shown_articles"] == ["payment-methods"]


def test_the_engines_embedding_finds_the_same_article(run, encoder):
    text = "Which payment methods do you take?"
    packed = base64.b64encode(encoder.encode([text])[0].astype("<f2").tobytes()).decode()
    assert run(Answer(), text, embedding=packed)[0][0]["article"] == run(Answer(), text)[0][0]["article"]


@pytest.mark.parametrize("text", ["xkcd qwzx blorp", "who won the football yesterday?", "👍", "?" * 300])
def test_what_no_article_answers_is_said_and_a_person_offered(run, text):
    (said,), slots, _ = run(Answer(), text)
    assert said["type"] == "text" and "article" not in said
    assert said["quick_replies"][-1]["title"] == "Talk to a person"
    assert slots.get("failed_answers") == 1 or slots["offered"] == "choice"


def test_the_second_failure_in_a_row_asks_for_a_person(run):
    said, _, _ = run(Answer(), "xkcd qwzx blorp", {"failed_answers": 1})
    assert said[-1] == {"type": "handoff", "reason": "unresolved", "reasons": ["Two answers in a row did not help."]}


def test_a_problem_that_names_what_it_is_about_is_no_follow_up(talk):
    talk(Answer(), "How much is shipping to France?")
    said = talk(Answer(), "my machine drips water when it is off")
    assert all("shipping" not in str(each.get("article", "")) for each in said)


def test_a_follow_up_is_understood_from_the_question_before(run):
    topic = {"question": "How much is shipping to France?", "follow_up": "", "category": "shipping"}
    (said,), slots, _ = run(Answer(), "and to Canada?", {"topic": topic})
    assert said["article"]["id"] == "shipping-costs-and-times" and "Canada" in said["text"]
    assert slots["last_question"] == "How much is shipping to France? to Canada?"
    assert slots["topic"]["question"] == topic["question"] and slots["topic"]["follow_up"] == "to Canada?"


def test_a_few_words_behind_a_question_are_about_what_it_is_about(run):
    said, _, _ = run(Answer(), "Can I pay in three instalments and is there a fee?")
    assert [each["article"]["id"] for each in said] == ["pay-in-instalments"]


def test_what_finds_nothing_alone_is_asked_back_about_what_was_spoken_of(talk, run):
    talk(Answer(), "my card was declined")
    (said,) = talk(Answer(), "the little wheel turns and turns")
    assert said["text"].startswith("I'm not sure") and len(said["quick_replies"]) > 1
    (alone,), _, _ = run(Answer(), "the little wheel turns and turns")
    assert "don't have an article" in alone["text"]


def test_what_is_about_something_else_is_not_dragged_back_to_what_was_spoken_of(talk):
    talk(Answer(), "How do I track my parcel?")
    (said,) = talk(Answer(), "who won the world cup in 1954")
    assert [reply["title"] for reply in said["quick_replies"]] == ["Talk to a person"]


def test_after_did_not_help_the_next_best_comes_and_not_the_same_again(run):
    slots = {"last_question": "how do I return something", "shown_articles": ["return-policy"]}
    said, after, _ = run(AnotherAnswer(), "that did not help", slots)
    assert said[0]["type"] == "answer" and said[0]["article"]["id"] != "return-policy"
    assert after["failed_answers"] == 1 and said[0]["article"]["id"] in after["shown_articles"]


def test_did_not_help_out_of_the_blue_asks_what_it_is_about(run):
    (said,), _, _ = run(AnotherAnswer(), "that did not help")
    assert said["type"] == "text" and "trying to do" in said["text"]


def test_an_answer_that_helped_ends_the_count_of_failures(run):
    _, slots, _ = run(AnswerHelped(), "yes", {"failed_answers": 1, "shown_articles": ["a"]})
    assert slots == {"shown_articles": None, "failed_answers": None, "offered": None}


def test_yes_after_the_offer_of_a_person_fetches_one_and_otherwise_does_not(run):
    _, _, events = run(Affirm(), "yes", {"offered": "person"})
    assert events == [{"event": "followup", "timestamp": None, "name": "action_hand_over"}]
    said, _, events = run(Affirm(), "yes")
    assert said and not events


def test_no_after_the_offer_leaves_the_door_open(run):
    (said,), slots, _ = run(Deny(), "no", {"offered": "person"})
    assert said["quick_replies"][0]["title"] == "Talk to a person" and slots == {"offered": None}


def test_a_bare_no_under_an_answer_brings_the_next_best_and_no_thanks_does_not(run):
    slots = {"last_question": "how do I return something", "shown_articles": ["how-to-return"]}
    (said,), after, _ = run(Deny(), "no", slots, "deny")
    assert "sorry that did not help" in said["text"] and after["failed_answers"] == 1
    assert said.get("article", {}).get("id") != "how-to-return"
    (said,), _, _ = run(Deny(), "no thanks", slots, "deny")
    assert said["type"] == "text" and "quick_replies" not in said


def test_yes_under_an_answer_is_thanked_for_and_fetches_nobody(run):
    (said,), slots, events = run(Affirm(), "yes", {"shown_articles": ["how-to-return"]}, "affirm")
    assert "Good to hear" in said["text"] and not events and slots["failed_answers"] is None


def test_the_second_answer_that_did_not_help_asks_for_a_person(run):
    slots = {"last_question": "how do I return something", "shown_articles": ["how-to-return"], "failed_answers": 1}
    said, _, _ = run(AnotherAnswer(), "that did not help", slots)
    assert said[-1]["type"] == "handoff" and said[-1]["reason"] == "unresolved"


def test_the_agent_is_told_which_order_was_spoken_of(run):
    (said,), _, _ = run(HandOver(), "a person please", {"order_number": "kf10205"}, "talk_to_person")
    assert "KF-10205" in said["about"]
    (said,), _, _ = run(HandOver(), "a person please", {"order_number": None}, "talk_to_person")
    assert "about" not in said


def test_handing_over_closes_an_open_form(run):
    (said,), slots, events = run(HandOver(), "a person please", {"requested_slot": "email"}, "talk_to_person")
    assert said["reason"] == "asked_for_person"
    assert slots["requested_slot"] is None and events[0] == {"event": "active_loop", "timestamp": None, "name": None}


def test_nonsense_after_a_question_is_not_answered_from_that_question(run):
    slots = {"topic": {"question": "how do I return something"}}
    (said,), _, _ = run(Answer(), "asdf jkl", slots, intent="out_of_scope")
    assert said["type"] == "text"


def test_question_marks_agree_to_nothing(run):
    said, _, others = run(Affirm(), "???", {"offered": "person"}, "affirm")
    assert said and not others
    assert run(Affirm(), "\U0001f44d", {"offered": "person"}, "affirm")[2]


def test_a_link_elsewhere_is_its_words_and_address_and_an_address_stands_once():
    links = (
        Link("the form", "https://example.org/form", ""),
        Link("example.org/terms", "https://example.org/terms", ""),
        Link("not shown", "https://example.org/none", ""),
    )
    article = Quotable("A title", (), ("A title",), np.zeros((1, 3), np.float32), ((0, 0),), links)
    blocks = [Block("Fill in the form, or see example.org/terms.", 0, 0, 0, 0.5)]
    assert replies.addresses(article, blocks) == ["the form: https://example.org/form", "https://example.org/terms"]
