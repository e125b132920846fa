"""How a reply sounds when a conversation goes badly: it acknowledges first, shows no cheer, and offers a person."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.conversations.records import Reply, Uttered
from bot.escalation.decision import CARRY_ON, OFFER, SERVED_BADLY, Decision, careful
from bot.escalation.mood import ASSISTANT_REPEATS, DOUBTS
from bot.escalation.signals import Signals

PERSON = {"title": "Talk to a person", "text": "I would like to talk to a person"}
# What is acknowledged, by what weighs most; the widget's customers read English from the assistant.
TROUBLES = {
    "payment_failed": "I can see that your payment did not go through; I'm sorry about that.",
    "validation_errors": "I can see that the form keeps refusing what you enter; I'm sorry about that.",
    "page_error": "I can see that the page did not work; I'm sorry about that.",
}
HARM = "I'm sorry to hear that, and I hope everybody is all right."
GRIEF = "I'm very sorry for your loss."
AGAIN = "I'm sorry that you have to ask again."
NOT_HELPED = "I'm sorry that my answers have not helped so far."
UPSET = "I'm sorry about this; I can see that it is frustrating."
# Where nothing that the customer wrote says so, only what the assistant said.
REPEATED = "I'm sorry if I am repeating myself."
# "Are you sure everything is gone then?" is no anger.
DOUBTED = "I understand that you want to be sure."
SAID_SO = (*TROUBLES.values(), HARM, GRIEF, AGAIN, NOT_HELPED, UPSET, REPEATED, DOUBTED)
# So many of the assistant's last replies are looked at: who is told sorry at every turn stops believing it.
RECENT_REPLIES = 3
_CHEER = re.compile(
    r"\s*\b(?:Good to hear|Great|Glad (?:to|that)[^.!?]*|Happy to[^.!?]*|Lovely|Wonderful|Perfect|You're welcome)[.!]+",
)


def toned(replies: Sequence[Reply], signals: Signals, decision: Decision, before: Sequence[Uttered]) -> list[Reply]:
    """`replies` as they are said to this customer, with `before` having been said."""
    shown = list(replies)
    # The signals alone say who is upset; with the intent it may be a "never mind, that's fine".
    if decision.outcome == CARRY_ON and not signals.trouble:
        return shown
    if decision.outcome == OFFER and shown:
        shown[-1] = _offering(shown[-1])
    if not careful(signals) or not shown:
        return shown
    shown = [calm for reply in shown if (calm := _calm(reply)).text]
    sorry = acknowledgement(signals)
    earlier = [each.text for each in before if not each.by_customer][-RECENT_REPLIES:]
    told = any(text.startswith(SAID_SO) for text in earlier) or any("sorry" in reply.text[:80] for reply in shown)
    return shown if told else [Reply(sorry), *shown]


def acknowledgement(signals: Signals) -> str:
    """The sentence that comes first."""
    angry = signals.says_upset or signals.frustration_words or signals.shouting
    for holds, sentence in (
        (signals.harm, HARM),
        (signals.grief, GRIEF),
        (signals.trouble, TROUBLES.get(signals.trouble or "", TROUBLES["page_error"])),
        (signals.times_not_helped, NOT_HELPED),
        (signals.repeated or signals.asked_before, AGAIN),
        (signals.mood_reasons[:1] == (DOUBTS,) and not angry, DOUBTED),
    ):
        if holds:
            return sentence
    shown = max(signals.frustration_alone, signals.frustration_before) >= SERVED_BADLY
    return UPSET if shown or ASSISTANT_REPEATS not in signals.mood_reasons else REPEATED


def _offering(reply: Reply) -> Reply:
    extra: dict[str, Any] = dict(reply.extra or {})
    others = [each for each in extra.get("quick_replies") or [] if each.get("text") != PERSON["text"]]
    return replace(reply, extra=extra | {"quick_replies": [*others, PERSON]})


def _calm(reply: Reply) -> Reply:
    """Without cheer; an article's own words stay as they are."""
    if reply.kind != "text":
        return reply
    return replace(reply, text=_CHEER.sub("", reply.text).replace("!", ".").strip() or reply.text)
