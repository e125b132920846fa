"""What a customer's message, and the conversation before it, say about how things are going."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from difflib import SequenceMatcher
from typing import Any

# Beyond this many customer messages back, a repetition is a topic come round again.
REPEAT_WINDOW = 4
REPEAT_SIMILARITY = 0.8
SHORT_WORDS = 3

_PERSON = re.compile(
    r"\b(?:(?:speak|talk|chat|connect|transfer|put me through|pass me|hand me|get me)\b[^.?!]{0,40}\b"
    r"(?:human|person|agent|someone|somebody|representative|rep|operator|advisor|adviser|manager|supervisor|staff|colleague)"
    r"|(?:real|live|actual)\s+(?:human|person|agent|people|being)"
    r"|human\s+(?:being|please|agent|support|help)|^\s*(?:human|agent|operator|representative)\s*[.!?]*\s*$)",
    re.IGNORECASE,
)
_FRUSTRATION = re.compile(
    r"\b(?:useless|ridiculous|unacceptable|disgrace(?:ful)?|disgusting|terrible|awful|horrible|pathetic|joke"
    r"|worst|rubbish|garbage|crap|furious|angry|fed up|sick of|had enough|waste of (?:my )?time|wasting my time"
    r"|frustrat\w+|annoy\w+|outrag\w+|incompetent|appalling|never again|going in circles|in circles"
    r"|for the (?:third|fourth|fifth|last|\d+\w*) time|how many times|still (?:nothing|waiting|no (?:reply|answer))"
    r"|you (?:don'?t|do not) (?:understand|listen|get it)|are you (?:even )?(?:stupid|dumb|deaf))\b",
    re.IGNORECASE,
)
_ABUSE = re.compile(
    r"\b(?:fuck\w*|shit\w*|bullshit|wtf|asshole|arsehole|bastard\w*|bitch\w*|idiots?|morons?|stupid|dumb)\b",
    re.IGNORECASE,
)
_NOT_HELPED = re.compile(
    r"\b(?:(?:did(?:n'?t| not)|does(?:n'?t| not)|is(?:n'?t| not)|not|no)\s+(?:really\s+)?"
    r"(?:help|helping|helpful|help me|answer|what i (?:asked|meant))"
    r"|that'?s not (?:it|what i)|wrong answer|no help)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Signals:
    """One customer turn. Counts include this turn."""

    asks_for_person: bool = False
    frustration_words: int = 0
    abuse_words: int = 0
    shouting: bool = False
    says_not_helped: bool = False
    repeated: int = 0
    frustrated_turns: int = 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Signals":
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def frustrated(self) -> bool:
        return bool(self.frustration_words or self.abuse_words or (self.shouting and self.repeated))


def measure(text: str, earlier: Sequence[str] = ()) -> Signals:
    """Signals of `text`, given what the same customer wrote before it since the bot began, oldest first."""
    recent = list(earlier)[-REPEAT_WINDOW:]
    return Signals(
        asks_for_person=bool(_PERSON.search(text)),
        frustration_words=len(_FRUSTRATION.findall(text)),
        abuse_words=len(_ABUSE.findall(text)),
        shouting=_shouts(text),
        says_not_helped=bool(_NOT_HELPED.search(text)),
        repeated=sum(_same_question(text, other) for other in recent),
        frustrated_turns=sum(_upset(said) for said in [*recent, text]),
    )


def _upset(text: str) -> bool:
    return bool(_FRUSTRATION.search(text) or _ABUSE.search(text))


def _shouts(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    capitals = sum(character.isupper() for character in letters)
    return (len(letters) >= 12 and capitals / len(letters) > 0.7) or "!!!" in text


def _same_question(text: str, other: str) -> bool:
    first, second = _normal(text), _normal(other)
    if len(first.split()) < SHORT_WORDS or len(second.split()) < SHORT_WORDS:
        return False
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    # The first two are upper bounds and cheap; nearly all pairs end there.
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(bound() >= REPEAT_SIMILARITY for bound in bounds)


def _normal(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text[:400]).casefold()
    return " ".join(re.findall(r"\w+", folded))
