"""When a good human would take over, and when not."""

import json
from dataclasses import replace

import pytest

from bot.escalation.decision import CARRY_ON, HAND_OVER, OFFER, careful, decide
from bot.escalation.mood import Said
from bot.escalation.noticed import noticed
from bot.escalation.score import score
from bot.escalation.signals import Signals, measure
from kb_index.encoder import Encoder
from kb_index.settings import ROOT

CALM = Signals(frustration=0.1)


@pytest.fixture(scope="module")
def outcome():
    """The decision on a text, after others of the same customer, with its mood as the real encoder has it."""
    encoder = Encoder.load(ROOT / "models" / "encoder")

    def of(text, earlier=(), intent="nlu_fallback", confidence=0.6, failed=0):
        *before, embedding = encoder.encode([*earlier, text])
        said = [Said(True, each, vector) for each, vector in zip(earlier, before, strict=True)]
        signals = noticed(Said(True, text, embedding), said)
        return decide(signals, intent, confidence, failed)

    return of


@pytest.mark.parametrize(
    "text",
    [
        "can I talk to a human please",
        "get me a real person",
        "I want to speak with someone from your team, a manager",
        "agent",
        "please transfer me to a representative",
        "Is there a live agent?",
        "connect me to support staff",
    ],
)
def test_asking_for_a_person_in_any_wording_fetches_one(outcome, text):
    decision = outcome(text)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "asked_for_person")


@pytest.mark.parametrize(
    "text",
    [
        "this is useless, you don't understand anything",
        "I'm so frustrated with this",
        "what a joke, still waiting",
        "I am fed up with your shop",
    ],
)
def test_frustration_in_the_words_hands_over(outcome, text):
    decision = outcome(text)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "frustrated")
    assert decision.reasons


@pytest.mark.parametrize(
    "text",
    [
        "how do I clean my kettle?",
        "do you ship to Norway",
        "WHERE IS MY ORDER",
        "what personal data do you keep",
        "can two people share an account?",
        "who is the manufacturer of the grinder?",
        "how does your customer support work?",
        "thanks!!! that was great",
    ],
)
def test_an_ordinary_question_is_left_to_the_bot(outcome, text):
    assert outcome(text, intent="ask_question", confidence=0.95).outcome == CARRY_ON


def test_the_same_question_three_times_says_so_and_offers_a_person_at_least():
    decision = decide(replace(CALM, repeated=2, frustration=0.4), "ask_question", 0.6, 0)
    assert decision.outcome == OFFER and "Asked the same thing three times." in decision.reasons
    upset = decide(replace(CALM, repeated=2, frustration=0.7), "ask_question", 0.6, 0)
    assert (upset.outcome, upset.reason) == (HAND_OVER, "frustrated")


def test_a_single_oath_is_offered_a_person_not_sent_to_one(outcome):
    assert outcome("wtf is this").outcome == OFFER


def test_two_answers_that_failed_are_enough(outcome):
    assert outcome("that did not help", intent="did_not_help", failed=0).outcome != HAND_OVER
    decision = outcome("that did not help either", intent="did_not_help", failed=1)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "unresolved")


def test_a_complaint_needs_a_sure_classifier(outcome):
    assert outcome("the box was dented", intent="complaint", confidence=0.9).reason == "complaint"
    assert outcome("the box was dented", intent="complaint", confidence=0.3).outcome == CARRY_ON
    assert outcome("second", intent="complaint", confidence=0.9).outcome == CARRY_ON


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("the lid came off and the water scalded my hand", "Somebody may have come to harm."),
        ("I got an electric shock from your kettle", "Somebody may have come to harm."),
        ("you will hear from my solicitor", "Speaks of the law, or of making it public."),
        ("I'm going to report this to the ombudsman", "Speaks of the law, or of making it public."),
    ],
)
def test_harm_and_the_law_are_for_people(outcome, text, reason):
    decision = outcome(text)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "complaint") and reason in decision.reasons


def test_strong_words_and_people_in_what_is_surely_a_question_are_about_something_else():
    spoken_of = replace(CALM, frustration_words=2, frustration=0.3, asks_for_person=True)
    assert decide(spoken_of, "ask_question", 0.97, 0).outcome == CARRY_ON
    assert decide(spoken_of, "nlu_fallback", 0.2, 0).outcome == HAND_OVER


def test_two_turns_that_sound_unserved_are_enough_however_polite_and_thanks_are_not():
    polite = replace(CALM, frustration=0.55, frustration_before=0.45)
    decision = decide(polite, "ask_question", 0.95, 0)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "unresolved")
    assert decide(replace(polite, frustration_before=0.1), "ask_question", 0.6, 0).outcome == OFFER
    assert decide(polite, "thanks", 0.9, 0).outcome == CARRY_ON


def test_a_question_about_something_else_is_taken_by_itself_whatever_went_before():
    elsewhere = Signals(frustration=0.9, frustration_before=0.6, frustration_alone=0.1, on_subject=0.1)
    assert decide(elsewhere, "ask_question", 0.8, 0).outcome == CARRY_ON
    assert decide(replace(elsewhere, on_subject=0.5), "ask_question", 0.8, 0).outcome == HAND_OVER
    assert decide(elsewhere, "did_not_help", 0.8, 0).outcome == HAND_OVER


def test_asking_whether_it_is_a_bot_fetches_nobody():
    assert decide(replace(CALM, asks_for_person=True), "are_you_a_bot", 0.9, 0).outcome == CARRY_ON


def test_who_may_want_a_person_is_offered_one():
    assert decide(CALM, "talk_to_person", 0.5, 0).outcome == OFFER
    assert decide(CALM, "talk_to_person", 0.8, 0).reason == "asked_for_person"
    assert decide(replace(CALM, wants_person=0.4), "ask_question", 0.6, 0).outcome == OFFER
    assert decide(replace(CALM, wants_person=0.6), "ask_question", 0.6, 0).reason == "asked_for_person"


def test_what_is_known_beside_the_words_adds_up_to_a_person():
    upset = Signals(frustration=0.55)
    assert decide(upset, "ask_question", 0.6, 0).outcome == OFFER
    known = replace(upset, trouble="payment_failed", troubles=2, complained=True)
    decision = decide(known, "ask_question", 0.6, 0)
    assert decision.outcome == HAND_OVER
    assert {"A payment failed on the page.", "Has complained lately."} <= set(decision.reasons)


def test_each_thing_that_is_known_raises_the_score_and_thanks_lower_it():
    upset = Signals(frustration=0.5)
    least = score(upset, "ask_question", 0.5).value
    for more in (
        {"trouble": "page_error", "troubles": 1},
        {"complained": True},
        {"valued": True},
        {"times_not_helped": 2},
        {"repeated": 2},
        {"unresolved_min": 5.0},
        {"frustration_words": 1},
    ):
        assert score(replace(upset, **more), "ask_question", 0.5).value > least, more
    assert score(upset, "thanks", 0.9).value < least


def test_a_reply_is_careful_where_somebody_is_upset_hurt_or_in_trouble():
    assert not careful(CALM)
    for known in ({"frustration": 0.6}, {"harm": True}, {"trouble": "page_error"}):
        assert careful(replace(CALM, **known))


def test_signals_survive_the_trip_to_the_engine_and_unknown_ones_are_ignored():
    signals = replace(measure("THIS IS USELESS!!!", ["hello"]), mood_reasons=("The words are angry.",))
    assert Signals.from_dict(json.loads(json.dumps({**signals.to_dict(), "from_a_newer_service": 1}))) == signals


def test_a_hostile_text_is_measured_in_bounded_time():
    # Patterns that backtrack would take minutes here; the test's own time-out is the runner's.
    assert measure("speak " * 600 + "!" * 400, ["a " * 2000] * 10).repeated == 0


@pytest.mark.parametrize(
    "text",
    [
        "I'm not annoyed, just asking",
        "my wife is angry with me",
        "is it a joke gift?",
        "we are mad about your coffee",
        "what the filter is for",
    ],
)
def test_a_feeling_that_is_not_the_customers_own_is_none(text):
    assert not measure(text).says_upset


@pytest.mark.parametrize("text", ["where the hell is my parcel", "are you kidding me, where's my refund", "wtf"])
def test_an_oath_says_that_somebody_is_upset(outcome, text):
    assert careful(measure(text))
    assert outcome(text, intent="order_status", confidence=0.92).outcome == OFFER


@pytest.mark.parametrize(
    "text", ["this is the third time I ask, where is my parcel?", "how often do I need to tell you"]
)
def test_who_says_that_they_asked_before_is_offered_a_person(outcome, text):
    found = outcome(text, intent="order_status", confidence=0.92)
    assert careful(measure(text))
    assert found.outcome == OFFER
    assert "Says that they have asked before." in found.reasons


@pytest.mark.parametrize("text", ["how often do I have to descale it", "my second time buying from you"])
def test_a_number_of_times_is_no_reproach(text):
    assert not measure(text).asked_before


def test_who_wants_to_hear_a_joke_is_not_angry():
    assert measure("can you tell me a joke").frustration_words == 0
    assert measure("your service is a joke").frustration_words == 1


def test_a_greeting_that_asks_for_anybody_is_a_greeting(outcome):
    assert outcome("anyone there?", intent="greet", confidence=0.93).outcome != HAND_OVER
    assert outcome("can I talk to a human please", intent="greet", confidence=0.93).outcome == HAND_OVER
