"""One score for how badly a conversation goes, with its reasons in plain words.

The mood of a turn (mood.py, fitted) is where it begins, as log odds; what is known beside the words is added. These
weights are set by hand, an even chance more or less each, and held to labelled conversations: docs/escalation.md.
"""

import math
from dataclasses import dataclass

from bot.escalation.signals import Signals

STRONG_WORDS = 1.8
MOST_STRONG_WORDS = 2
ASKED_THREE_TIMES = 1.0
SAID_TWICE = 1.3
TROUBLE = 0.8
TROUBLE_AGAIN = 1.4
COMPLAINED = 0.8
VALUED = 0.4
A_MINUTE, MOST_MINUTES = 0.05, 10.0
# What a thank you, a yes or an order number takes off: the words around it may be anything.
CALM = -2.0
CALM_INTENTS = frozenset(
    ("thanks", "helped", "affirm", "goodbye", "greet", "change_mind", "give_order_details", "small_talk")
)
# What is surely a question is asked calmly more often than its words tell.
QUESTION = -1.0
QUESTIONS = frozenset(("ask_question", "order_status", "cancel_order", "return_order"))
SURE_QUESTION = 0.9
# What may be a question about something else.
MAY_ASK = QUESTIONS | {"out_of_scope"}
# Nearer to what the customer wrote before, as a cosine, a question goes on about it.
SUBJECT = 0.3
# Below this the classifier does not know either.
KNOWN_INTENT = 0.4
MOST_LOGIT = 6.0
# How a page's trouble is spoken of.
TROUBLES = {
    "payment_failed": "A payment failed on the page.",
    "validation_errors": "A form on the page was refused again and again.",
    "page_error": "The page showed an error.",
}


@dataclass(frozen=True)
class Score:
    """`value`, 0 to 1: how likely it is that a good human would step in; `reasons`, the heaviest first."""

    value: float
    reasons: tuple[str, ...] = ()


def score(signals: Signals, intent: str | None, confidence: float) -> Score:
    """Return the score of a turn; `intent` and `confidence` are the classifier's, 0 to 1.

    That the answer before failed is no part: the mood has read it, and two in a row are a decision of their own.
    """
    bounded = min(max(felt(signals, intent, confidence), 0.002), 0.998)
    logit = math.log(bounded / (1 - bounded))
    # Who says that they are upset does not mean something else.
    question = surely_a_question(intent, confidence) and not signals.says_upset
    parts = _parts(signals, question)
    logit += sum(parts.values()) + A_MINUTE * min(signals.unresolved_min, MOST_MINUTES)
    if calm(intent, confidence):
        logit += CALM
    if question:
        logit += QUESTION
    value = 1 / (1 + math.exp(-max(-MOST_LOGIT, min(MOST_LOGIT, logit))))
    heaviest = sorted(parts, key=lambda each: -parts[each])
    return Score(value, tuple(dict.fromkeys([*heaviest, *signals.mood_reasons])))


def felt(signals: Signals, intent: str | None, confidence: float) -> float:
    """The chance of frustration; a question about something else is taken by itself, whatever went before."""
    if new_subject(signals, intent, confidence):
        return min(signals.frustration, signals.frustration_alone)
    return signals.frustration


def new_subject(signals: Signals, intent: str | None, confidence: float) -> bool:
    return signals.on_subject < SUBJECT and intent in MAY_ASK and confidence >= KNOWN_INTENT


def calm(intent: str | None, confidence: float) -> bool:
    """Whether the message is a thank you, a yes, an order number: what its words sound like says little then."""
    return intent in CALM_INTENTS and confidence >= KNOWN_INTENT


def surely_a_question(intent: str | None, confidence: float) -> bool:
    """Whether strong words, and people that are spoken of, are about something else: "my useless brother lost the
    receipt, can I still return it?"."""
    return intent in QUESTIONS and confidence >= SURE_QUESTION


def _parts(signals: Signals, question: bool) -> dict[str, float]:
    """What is added to the mood, by the sentence that says it."""
    strong = 0 if question else min(signals.frustration_words + signals.abuse_words, MOST_STRONG_WORDS)
    trouble = TROUBLE if signals.troubles < 2 else TROUBLE_AGAIN
    found = {
        "The words are angry.": strong * STRONG_WORDS,
        f"Asked the same thing {_times(signals.repeated + 1)}.": ASKED_THREE_TIMES * (signals.repeated >= 2),
        f"Said {_times(signals.times_not_helped)} that it did not help.": SAID_TWICE * (signals.times_not_helped >= 2),
        TROUBLES.get(signals.trouble or "", "The page reported trouble."): trouble * bool(signals.trouble),
        "Has complained lately.": COMPLAINED * signals.complained,
        "Is on a plan that comes first.": VALUED * signals.valued,
    }
    return {sentence: weight for sentence, weight in found.items() if weight}


def _times(number: int) -> str:
    return {1: "once", 2: "twice", 3: "three times", 4: "four times"}.get(number, f"{number} times")
