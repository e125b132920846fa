"""How a customer feels about the conversation, turn by turn, and whether they want a person: numpy only, no state.

A turn is read in three ways: its words and its embedding, what the assistant did just before, and how the mood moved
over the turns so far. `python -m bot.escalation.fitting` fits the weights, docs/escalation.md tells how.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bot.escalation import words

FITTED_FILE = Path(__file__).with_name("fitted.json")
# Directions in the encoder's space: how angry and how pleased people write elsewhere (GoEmotions), and, in support
# conversations, the customer's mood and the assistant's failure.
DIRECTIONS = ("negative", "positive", "customer", "assistant")
# As many turns back, of both sides, are looked at; more are another topic.
HISTORY = 12
# What was felt a turn ago counts this much, two turns ago its square.
DECAY = 0.6
MOOD_TURNS = 4
SUBJECT_TURNS = 2
# With fewer words of its own ("and the phone number?") a message repeats another by chance.
SUBJECT_WORDS = 3
# Of a reply only the beginning is encoded: a whole answer of 100 words costs five times as much as all else of a turn,
# and the weights were fitted on replies of 25 words at most.
OPENING_WORDS = 24
REASONS = 3
LEAST_REASON = 0.35


class FittedError(RuntimeError):
    """The fitted weights are missing, damaged or were made for another encoder."""


@dataclass(frozen=True)
class Said:
    """A turn of the conversation: who wrote it, what, and its embedding of length one, float32 `(dimensions,)`.

    `quoted` is a reply in the words of an article: its "nothing is charged" does not say that nothing was found.
    """

    by_customer: bool
    text: str
    embedding: np.ndarray
    quoted: bool = False

    @classmethod
    def of(cls, by_customer: bool, text: str, encode: Callable[[str], np.ndarray], quoted: bool = False) -> Said:
        """Encode what is heard of a turn."""
        return cls(by_customer, text, encode(heard(by_customer, text)), quoted)


def heard(by_customer: bool, text: str) -> str:
    """Return what of a turn is encoded: a customer's whole message, the beginning of a reply."""
    return text if by_customer else " ".join(text.split(maxsplit=OPENING_WORDS)[:OPENING_WORDS])


@dataclass(frozen=True)
class Mood:
    """`probability` of frustration, 0 to 1; `reasons` in plain words, the heaviest first, none for a calm turn;
    `before` is the probability at the customer's turn before, by that turn alone.
    """

    probability: float
    reasons: tuple[str, ...] = ()
    before: float = 0.0


@dataclass(frozen=True)
class Head:
    """A logistic: features by name, and what each weighs."""

    intercept: float
    weights: dict[str, float]

    def logit(self, features: dict[str, float]) -> float:
        return self.intercept + sum(self.weights.get(name, 0.0) * value for name, value in features.items())


@dataclass(frozen=True)
class Fitted:
    """What `fitted.json` holds; `directions` are float32 `(dimensions,)` with a constant each."""

    encoder: str
    directions: dict[str, tuple[np.ndarray, float]]
    mood: Head
    person: Head

    def check(self, encoder: str, dimensions: int) -> None:
        """Raise `FittedError` where embeddings are of another encoder than the weights were fitted for."""
        own = len(next(iter(self.directions.values()))[0])
        if (self.encoder, own) != (encoder, dimensions):
            raise FittedError(
                f"noticing was fitted for {self.encoder} ({own} dimensions), not for {encoder} ({dimensions}):"
                " fit it again with `scripts/train escalation`"
            )

    def along(self, name: str, embedding: np.ndarray) -> float:
        """Return how far an embedding lies along a direction, a logit, bounded so that none outvotes the rest."""
        direction, constant = self.directions[name]
        return max(-6.0, min(6.0, float(direction @ embedding) + constant))


def read(path: Path) -> Fitted:
    """Read the weights. Raises `FittedError` when they cannot be read."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        directions = {
            name: (np.array(each["weights"], dtype=np.float32), float(each["intercept"]))
            for name, each in given["directions"].items()
        }
        missing = [name for name in (*DIRECTIONS, "person") if name not in directions]
        if missing or len({len(vector) for vector, _ in directions.values()}) != 1:
            raise ValueError(f"directions are missing or of different length: {missing}")
        heads = [
            Head(float(each["intercept"]), {name: float(value) for name, value in each["weights"].items()})
            for each in (given["mood"], given["person"])
        ]
        return Fitted(str(given["encoder"]), directions, *heads)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FittedError(f"{path} cannot be read, make it with `scripts/train escalation`: {error}") from error


@lru_cache(maxsize=1)
def fitted() -> Fitted:
    """Return the weights of the repository, read once."""
    return read(FITTED_FILE)


def frustration(embedding: np.ndarray, text: str, history: Sequence[Said] = (), by: Fitted | None = None) -> Mood:
    """Return the mood of a customer's turn.

    `embedding`: of `text`, float32 `(dimensions,)`, length one; `history`: the turns before it, oldest first, of which
    the last `HISTORY` count; `by`: other weights than the repository's.
    """
    by = by or fitted()
    turns = [*list(history)[-HISTORY:], Said(True, text, embedding)]
    features = turn_features(turns, by)
    earlier = felt(turns[:-1], by)
    features["trend"] = trend(earlier)
    logit = by.mood.logit(features)
    return Mood(_probability(logit), _reasons(features, by.mood) if logit > 0 else (), earlier[-1] if earlier else 0.0)


def on_subject(embedding: np.ndarray, mine: Sequence[Said]) -> float:
    """Return how near a message is to the customer's two before it, as a cosine; 1 where there are none."""
    return max((float(embedding @ said.embedding) for said in mine[-SUBJECT_TURNS:]), default=1.0)


def felt(earlier: Sequence[Said], by: Fitted) -> list[float]:
    """Return the probability of each of the customer's last turns, each by itself, oldest first."""
    asked = [place for place, said in enumerate(earlier) if said.by_customer][-MOOD_TURNS:]
    return [_probability(by.mood.logit(turn_features(earlier[: place + 1], by))) for place in asked]


def trend(probabilities: Sequence[float]) -> float:
    """Return how the customer's earlier turns felt, late ones more: a decayed sum."""
    total = 0.0
    for each in probabilities:
        total = DECAY * (total + each)
    return total


def turn_features(turns: Sequence[Said], by: Fitted) -> dict[str, float]:
    """Return the features of the last turn, a customer's, without the trend."""
    last, before = turns[-1], turns[:-1]
    features = dict(words.of_customer(last.text))
    for name in ("negative", "positive", "customer"):
        features[name] = by.along(name, last.embedding)
    reply = next((said for said in reversed(before) if not said.by_customer), None)
    mine = [said for said in before if said.by_customer]
    features |= _repetition(last, mine)
    if reply is not None:
        theirs = [said for said in before if not said.by_customer and said is not reply]
        features |= words.of_article(reply.text) if reply.quoted else words.of_assistant(reply.text)
        features["assistant"] = by.along("assistant", reply.embedding)
        features |= _reply(last, reply, mine[-1] if mine else None, theirs)
        features["pleased_after_done"] = features["pleased"] * features["done"]
    return features


def _repetition(last: Said, mine: Sequence[Said]) -> dict[str, float]:
    """How much of what the customer writes they have written before."""
    said = words.content(last.text)
    shared = [len(said & words.content(each.text)) / len(said) for each in mine] if len(said) >= SUBJECT_WORDS else []
    near = [float(last.embedding @ each.embedding) for each in mine]
    return {"restates": max(shared, default=0.0), "same_again": max(0.0, max(near, default=0.0) - 0.4) / 0.6}


def _reply(last: Said, reply: Said, asked: Said | None, theirs: Sequence[Said]) -> dict[str, float]:
    """How the assistant's last words fit what they answer, what it said before, and what the customer says now."""
    near = max((float(reply.embedding @ each.embedding) for each in theirs), default=0.0)
    found = {
        "assistant_repeats": max(0.0, near - 0.6) / 0.4,
        "apart": 1 - float(last.embedding @ reply.embedding),
    }
    if asked is not None:
        wanted = words.content(asked.text)
        met = len(wanted & words.content(reply.text)) / len(wanted) if wanted else 1.0
        found["off_subject"] = 1 - float(asked.embedding @ reply.embedding)
        found["words_not_met"] = 1 - met
        found["asks_back"] = float("?" in asked.text and words.only_asks(reply.text))
    return found


ASSISTANT_REPEATS = "The assistant said the same as before."
DOUBTS = "Doubts the answer."
SAID_AS = {
    "angry": "The words are angry.",
    "capitals": "Writes in capitals, or with many exclamation marks.",
    "exclaims": "Writes in capitals, or with many exclamation marks.",
    "corrects": "Says that the assistant got it wrong, or that it was said before.",
    "starts_no": "Contradicts the assistant.",
    "again": "Says that it is not the first time.",
    "gives_up": "Is giving up.",
    "doubts": DOUBTS,
    "let_down": "Sounds let down.",
    "customer": "The message sounds frustrated.",
    "negative": "The message sounds frustrated.",
    "restates": "Asks for the same again.",
    "same_again": "Asks for the same again.",
    "assistant_repeats": ASSISTANT_REPEATS,
    "found_nothing": "The assistant had found nothing, or could not do it.",
    "not_understood": "The assistant had not understood.",
    "off_subject": "The assistant's answer was about something else.",
    "words_not_met": "The assistant's answer was about something else.",
    "asks_back": "The assistant answered a question with a question.",
    "assistant": "The assistant's answer was no help.",
    "trend": "Has been unhappy for several turns.",
}
# What a calm conversation has of these too; only what is above counts as a reason.
USUAL = {"off_subject": 0.5, "words_not_met": 0.6}


def _reasons(features: dict[str, float], head: Head) -> tuple[str, ...]:
    told: dict[str, float] = {}
    for name, sentence in SAID_AS.items():
        weight = head.weights.get(name, 0.0) * (features.get(name, 0.0) - USUAL.get(name, 0.0))
        told[sentence] = told.get(sentence, 0.0) + weight
    heaviest = sorted((each for each in told if told[each] > LEAST_REASON), key=lambda each: -told[each])
    return tuple(heaviest[:REASONS])


def wants_person(embedding: np.ndarray, text: str, by: Fitted | None = None) -> float:
    """Return the probability, 0 to 1, that a message asks for a person in whatever wording."""
    by = by or fitted()
    return _probability(by.person.logit(person_features(embedding, text, by)))


def person_features(embedding: np.ndarray, text: str, by: Fitted) -> dict[str, float]:
    """Return the features of a wish for a person; being upset is one, as it makes people want to leave a machine."""
    return words.of_person(text) | {"person": by.along("person", embedding), "upset": by.along("customer", embedding)}


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
