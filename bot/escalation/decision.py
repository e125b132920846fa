"""Carry on, or hand over: one decision with its reasons in plain words."""

from dataclasses import dataclass

from bot.escalation.signals import Signals

CARRY_ON = "carry_on"
HAND_OVER = "hand_over"

# Two answers in a row that failed: the third would be one too many.
FAILED_ANSWERS_LIMIT = 2
# Below this the classifier's word alone does not fetch a person; the wording has to say it too.
SURE_INTENT = 0.5


@dataclass(frozen=True)
class Decision:
    """`outcome`; `reason` is the code stored with the hand-off, `reasons` what an agent reads."""

    outcome: str
    reason: str | None = None
    reasons: tuple[str, ...] = ()


def decide(signals: Signals, intent: str | None, confidence: float, failed_answers: int) -> Decision:
    """Decide one turn.

    `failed_answers`: how many answers in a row did not help before this message;
    `intent` and `confidence` are the classifier's, 0 to 1.
    """
    if signals.asks_for_person or (intent == "talk_to_person" and confidence >= SURE_INTENT):
        return Decision(HAND_OVER, "asked_for_person", ("The customer asked for a person.",))
    if failed_answers + (intent == "did_not_help" or signals.says_not_helped) >= FAILED_ANSWERS_LIMIT:
        return Decision(HAND_OVER, "unresolved", ("Two answers in a row did not help.",))
    reasons = _frustration(signals)
    if intent == "complaint" and confidence >= SURE_INTENT:
        return Decision(HAND_OVER, "complaint", ("The customer is complaining.", *reasons))
    if reasons:
        return Decision(HAND_OVER, "frustrated", reasons)
    return Decision(CARRY_ON)


def _frustration(signals: Signals) -> tuple[str, ...]:
    reasons = []
    if signals.frustration_words + signals.abuse_words >= 2:
        reasons.append("The words are angry.")
    elif signals.frustration_words or signals.abuse_words:
        reasons.append("The customer sounds frustrated.")
    if signals.repeated >= 2 or (signals.repeated and signals.shouting):
        reasons.append(f"Asked the same thing {signals.repeated + 1} times.")
    if signals.shouting and reasons:
        reasons.append("Writing in capitals or with many exclamation marks.")
    return tuple(reasons)
