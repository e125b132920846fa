"""Carry on, offer a person, or hand over: one decision with its reasons in plain words."""

from dataclasses import dataclass

from bot.escalation.score import score, surely_a_question
from bot.escalation.signals import Signals

CARRY_ON = "carry_on"
OFFER = "offer"
HAND_OVER = "hand_over"

# Two answers in a row that failed: the third would be one too many.
FAILED_ANSWERS_LIMIT = 2
# From here on the classifier's word alone counts as a complaint.
SURE_INTENT = 0.5
# From here on its word alone fetches a person; "can I talk to you about my order" is none.
SURE_PERSON = 0.7
# From here on the wording of a message asks for a person (mood.py), whatever its intent.
WANTS_PERSON = 0.5
SURE_WISH = 0.8
# The score from which a person takes over, and from which one is offered and the tone changes: docs/escalation.md.
HAND_OVER_AT = 0.8
OFFER_AT = 0.5
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
    if _wants_person(signals, intent, confidence):
        return Decision(
            HAND_OVER, "asked_for_person", ("The customer asked for a person.", *found.reasons), found.value
        )
    if failed_answers + (intent == "did_not_help" or signals.says_not_helped) >= FAILED_ANSWERS_LIMIT:
        return Decision(HAND_OVER, "unresolved", ("Two answers in a row did not help.", *found.reasons), found.value)
    grave = _grave(signals, intent, confidence)
    if grave:
        return Decision(HAND_OVER, "complaint", (*grave, *found.reasons), found.value)
    if found.value >= HAND_OVER_AT:
        return Decision(HAND_OVER, "frustrated", found.reasons or ("The customer sounds frustrated.",), found.value)
    question = surely_a_question(intent, confidence) or intent == "are_you_a_bot"
    unsure = intent == "talk_to_person" or (signals.wants_person >= HALF_WISH and not question)
    if found.value >= OFFER_AT or unsure:
        return Decision(OFFER, reasons=found.reasons, score=found.value)
    return Decision(CARRY_ON, score=found.value)


def careful(signals: Signals) -> bool:
    """Whether a reply acknowledges first, is shorter, and shows no cheer. Known before the engine is asked."""
    return signals.frustration >= OFFER_AT or bool(signals.trouble) or signals.harm


def _wants_person(signals: Signals, intent: str | None, confidence: float) -> bool:
    if intent == "talk_to_person" and confidence >= SURE_PERSON:
        return True
    if intent == "are_you_a_bot" or surely_a_question(intent, confidence):
        # "Are you a real person?" has the same words, and so has "picked by real people?".
        return signals.wants_person >= SURE_WISH
    return signals.asks_for_person or signals.wants_person >= WANTS_PERSON


def _grave(signals: Signals, intent: str | None, confidence: float) -> tuple[str, ...]:
    reasons = []
    question = surely_a_question(intent, confidence)
    if signals.harm and not question:
        reasons.append("Somebody may have come to harm.")
    if signals.threat and not question:
        reasons.append("Speaks of the law, or of making it public.")
    if intent == "complaint" and confidence >= SURE_INTENT:
        reasons.append("The customer is complaining.")
    return tuple(reasons)
