"""When a good human would take over, and when not."""

import pytest

from bot.escalation.decision import CARRY_ON, HAND_OVER, decide
from bot.escalation.signals import Signals, measure


def outcome(text, earlier=(), intent="ask_question", confidence=0.9, failed=0):
    return decide(measure(text, earlier), intent, confidence, failed)


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
def test_asking_for_a_person_in_any_wording_fetches_one(text):
    decision = outcome(text)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "asked_for_person")


@pytest.mark.parametrize(
    "text",
    [
        "this is useless, you don't understand anything",
        "I'm so frustrated with this",
        "what a joke, still waiting",
        "wtf is this",
        "I am fed up with your shop",
    ],
)
def test_frustration_in_the_words_hands_over(text):
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
def test_an_ordinary_question_is_left_to_the_bot(text):
    assert outcome(text).outcome == CARRY_ON


def test_the_same_question_three_times_hands_over_and_says_so():
    asked = "where can I see my invoice for the last order"
    decision = outcome(asked, [asked, "where can i see my invoice, for the last order?"])
    assert decision.outcome == CARRY_ON or decision.reason == "frustrated"
    shouted = outcome(asked.upper() + "!!!", [asked, asked])
    assert shouted.outcome == HAND_OVER and "3 times" in " ".join(shouted.reasons)


def test_two_answers_that_failed_are_enough():
    assert outcome("that did not help", intent="did_not_help", failed=0).outcome == CARRY_ON
    decision = outcome("that did not help either", intent="did_not_help", failed=1)
    assert (decision.outcome, decision.reason) == (HAND_OVER, "unresolved")


def test_a_complaint_needs_a_sure_classifier():
    assert outcome("the box was dented", intent="complaint", confidence=0.9).reason == "complaint"
    assert outcome("the box was dented", intent="complaint", confidence=0.3).outcome == CARRY_ON


def test_signals_survive_the_trip_to_the_engine_and_unknown_ones_are_ignored():
    signals = measure("THIS IS USELESS!!!", ["hello"])
    assert Signals.from_dict({**signals.to_dict(), "from_a_newer_service": 1}) == signals


def test_a_hostile_text_is_measured_in_bounded_time():
    # Patterns that backtrack would take minutes here; the test's own time-out is the runner's.
    assert measure("speak " * 600 + "!" * 400, ["a " * 2000] * 10).repeated == 0
