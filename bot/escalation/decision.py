"""Carry on, offer a person, or hand over: one decision with its reasons in plain words."""

from dataclasses import dataclass

from bot.escalation.score import Score, calm, new_subject, score, surely_a_question
from bot.escalation.signals import Signals

CARRY_ON = "carry_on"
OFFER = "offer"
HAND_OVER = "hand_over"

# Two answers in a row that failed: the third would be one too many.
FAILED_ANSWERS_LIMIT = 2
# From here on the classifier's word alone counts as a complaint.
SURE_INTENT = 0.5
# From here on classifier and wording together fetch a person; "can I talk to you about my order" is none.
SURE_PERSON = 0.6
# From here on the wording of a message asks for a person (mood.py), whatever its intent.
WANTS_PERSON = 0.5
SURE_WISH = 0.8
SURE_GREETING = 0.8
# The score from which a person takes over, and from which one is offered and the tone changes: docs/escalation.md.
HAND_OVER_AT = 0.8
OFFER_AT = 0.5
# The chance of frustration from which the turn before counts as one that was served badly.
SERVED_BADLY = 0.35
# A person may be on the customer's mind.
HALF_WISH = 0.3


@dataclass(frozen=True)
class Decision:
    """`outcome`; `reason` is the code stored with the hand-off, `reasons` what an agent reads; `score` 0 to 1."""

    outcome: str
    reason: str | None = None
    reasons: tuple[str, ...] = ()
    score: float = 0.0


def decide(signals: Signals, intent: str | None, confidence: float, failed_answers: int) -> Decision:
    """Decide one turn.

    `failed_answers`: how many answers in a row did not help before this message;
    `intent` and `confidence` are the classifier's, 0 to 1.
    """
    found = score(signals, intent, confidence)
    said = _said(signals)
    for reason, sentences in (
        ("asked_for_person", _wish(signals, intent, confidence)),
        ("unresolved", _unserved(signals, intent, confidence, failed_answers)),
        ("complaint", _grave(signals, intent, confidence)),
        ("frustrated", _upset(found)),
    ):
        if sentences:
            return Decision(HAND_OVER, reason, tuple(dict.fromkeys([*sentences, *said, *found.reasons])), found.value)
    question = surely_a_question(intent, confidence) or intent == "are_you_a_bot"
    unsure = intent == "talk_to_person" or (signals.wants_person >= HALF_WISH and not question)
    if found.value >= OFFER_AT or unsure or said:
        return Decision(OFFER, reasons=(*said, *found.reasons), score=found.value)
    return Decision(CARRY_ON, score=found.value)


def careful(signals: Signals) -> bool:
    """Whether a reply acknowledges first, is shorter, and shows no cheer. Known before the engine is asked."""
    return (
        signals.frustration >= OFFER_AT
        or signals.says_upset
        or signals.asked_before
        or bool(signals.trouble)
        or signals.harm
        or signals.grief
    )


def _said(signals: Signals) -> tuple[str, ...]:
    """What the customer said of themselves, whatever else the message is about."""
    found = (
        (signals.grief, "Somebody has died."),
        (signals.says_upset, "Says that they are upset."),
        (signals.asked_before, "Says that they have asked before."),
    )
    return tuple(sentence for holds, sentence in found if holds)


def _wish(signals: Signals, intent: str | None, confidence: float) -> tuple[str, ...]:
    if intent == "talk_to_person":
        # Two witnesses, of which either may be right.
        either = 1 - (1 - confidence) * (1 - signals.wants_person)
        wanted = either >= SURE_PERSON or signals.asks_for_person
    elif (
        intent == "are_you_a_bot"
        or surely_a_question(intent, confidence)
        or (intent == "greet" and confidence >= SURE_GREETING)
    ):
        # "Are you a real person?" has the same words, and so have "picked by real people?" and "hi, anyone there?".
        wanted = signals.wants_person >= SURE_WISH
    else:
        wanted = signals.asks_for_person or signals.wants_person >= WANTS_PERSON
    return ("The customer asked for a person.",) if wanted else ()


def _unserved(signals: Signals, intent: str | None, confidence: float, failed_answers: int) -> tuple[str, ...]:
    if failed_answers + (intent == "did_not_help" or signals.says_not_helped) >= FAILED_ANSWERS_LIMIT:
        return ("Two answers in a row did not help.",)
    # However politely: two turns in a row that sound as if the answer before was none.
    twice = signals.frustration >= OFFER_AT and signals.frustration_before >= SERVED_BADLY
    elsewhere = calm(intent, confidence) or new_subject(signals, intent, confidence)
    return ("Two answers in a row were no help.",) if twice and not elsewhere else ()


def _grave(signals: Signals, intent: str | None, confidence: float) -> tuple[str, ...]:
    reasons = []
    if signals.harm:
        reasons.append("Somebody may have come to harm.")
    if signals.threat:
        reasons.append("Speaks of the law, or of making it public.")
    # "Second" is some .6 of one.
    if intent == "complaint" and confidence >= SURE_INTENT and not signals.one_word:
        reasons.append("The customer is complaining.")
    return tuple(reasons)


def _upset(found: Score) -> tuple[str, ...]:
    return (found.reasons or ("The customer sounds frustrated.",)) if found.value >= HAND_OVER_AT else ()
