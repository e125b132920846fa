"""The signals of a message, with all that its words, its mood and what was said before tell of it: pure, no state."""

from collections.abc import Sequence
from dataclasses import replace

from bot.escalation import mood
from bot.escalation.mood import Said
from bot.escalation.signals import REPEAT_WINDOW, SAME_QUESTION, SHORT_WORDS, Signals, measure


def noticed(now: Said, before: Sequence[Said] = ()) -> Signals:
    """Return the signals of a customer's message; `before` is what both sides said, oldest first."""
    mine = [said for said in before if said.by_customer]
    found = measure(now.text, [said.text for said in mine])
    felt = mood.frustration(now.embedding, now.text, before)
    alone = mood.frustration(now.embedding, now.text) if before else felt
    return replace(
        found,
        repeated=max(found.repeated, _asked_before(now, mine)),
        frustration=round(felt.probability, 3),
        frustration_before=round(felt.before, 3),
        frustration_alone=round(alone.probability, 3),
        on_subject=mood.on_subject(now.embedding, mine),
        mood_reasons=felt.reasons,
        wants_person=round(mood.wants_person(now.embedding, now.text), 3),
    )


def _asked_before(now: Said, mine: Sequence[Said]) -> int:
    """How many of the messages before ask for the same, in whatever words."""
    if len(now.text.split()) < SHORT_WORDS:
        return 0
    recent = [said for said in mine[-REPEAT_WINDOW:] if len(said.text.split()) >= SHORT_WORDS]
    return sum(float(said.embedding @ now.embedding) >= SAME_QUESTION for said in recent)
