"""Fits what noticing weighs with: `python -m bot.escalation.fitting`, called by `scripts/train escalation`.

Directions in the encoder's space come first: negative and positive feelings from GoEmotions, the customer's mood, the
assistant's failure and the wish for a person from `data/escalation`. The heads weigh them together with the words and
the context; they see each direction as fitted without the dialogue at hand, or they would trust it too much.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bot.escalation import measures, mood
from bot.escalation.examples import ExampleError, Line, dialogues, mood_chance, rows
from bot.escalation.mood import FITTED_FILE, Fitted, Head, Said, heard
from kb_index.encoder import Encoder, EncoderError

ROOT = Path(__file__).resolve().parents[2]
NEGATIVE = {"anger", "annoyance", "disappointment", "disapproval", "disgust"}
POSITIVE = {"admiration", "approval", "excitement", "gratitude", "joy", "love", "relief"}
FOLDS = 5
# Inverse strengths, chosen by `--check` (cross-validation over the dialogues and texts written here).
RIDGE_EMOTION = 3e-4
RIDGE_DIRECTION = 3e-3
RIDGE_HEAD = 1e-2
TRENDS = 2
# What a feature says is known; where few examples say otherwise, it is left out instead.
# fmt: off
WORSE = {
    "angry", "let_down", "corrects", "again", "doubts", "gives_up", "starts_no", "capitals", "exclaims",
    "negative", "customer", "restates", "same_again", "found_nothing", "not_understood", "assistant",
    "assistant_repeats", "off_subject", "words_not_met", "asks_back", "trend", "sorry",
}
BETTER = {
    "pleased", "positive", "done", "pleased_after_done",
}
WANTED = {
    "talk_to_people", "real_person", "only_person", "not_machine", "wishes_person", "put_through", "person",
    "people_to_talk", "upset",
}
# fmt: on

# How a wish is joined to another text, and how far apart the texts are that neighbours are joined to.
JOINTS = (", ", " and ", ". ")
STRIDE = 7

Embed = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Examples:
    """What is fitted on; `talks` end with a labelled customer turn, and those of one group are kept in one fold."""

    talks: list[list[Said]]
    chances: np.ndarray
    groups: np.ndarray
    people: list[Said]
    wants: np.ndarray
    people_groups: np.ndarray
    emotions: np.ndarray
    negative: np.ndarray
    positive: np.ndarray


def logistic(
    values: np.ndarray,
    chances: np.ndarray,
    ridge: float,
    counts: np.ndarray | None = None,
    bounds: list[tuple[float | None, float | None]] | None = None,
) -> tuple[np.ndarray, float]:
    """Return a ridge logistic's weights `(features,)` and its intercept; `chances` are 0 to 1, `counts` weigh rows."""
    from scipy.optimize import minimize

    count = np.ones(len(values)) if counts is None else counts
    count = count / count.sum()

    def loss(given: np.ndarray) -> tuple[float, np.ndarray]:
        logits = values @ given[1:] + given[0]
        total = (count * (np.logaddexp(0, logits) - chances * logits)).sum() + ridge * given[1:] @ given[1:]
        off = count * (1 / (1 + np.exp(-logits)) - chances)
        return total, np.concatenate([[off.sum()], off @ values + 2 * ridge * given[1:]])

    limits = [(None, None), *(bounds or [(None, None)] * values.shape[1])]
    found = minimize(loss, np.zeros(values.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=limits).x
    return found[1:], float(found[0])


def direction(embeddings: np.ndarray, chances: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Return a direction and its constant, both kinds of example counting alike in total."""
    high = chances.mean()
    counts = chances * (1 - high) + (1 - chances) * high
    weights, intercept = logistic(embeddings, chances, ridge, counts)
    return weights.astype(np.float32), intercept


def folds_of(groups: np.ndarray) -> np.ndarray:
    """Return each example's fold: by its group's hash, so that a new example moves no other one."""
    return np.array([int(hashlib.sha256(group.encode()).hexdigest(), 16) % FOLDS for group in groups])


def fit(examples: Examples, encoder: str) -> Fitted:
    """Fit directions, then heads on directions fitted without the fold at hand, then the heads' use of the trend."""
    return _heads(examples, _emotions(examples), encoder)


def _emotions(examples: Examples) -> dict[str, tuple[np.ndarray, float]]:
    return {
        "negative": direction(examples.emotions, examples.negative, RIDGE_EMOTION),
        "positive": direction(examples.emotions, examples.positive, RIDGE_EMOTION),
    }


def _heads(examples: Examples, emotions: dict, encoder: str) -> Fitted:
    everything = _with_directions(examples, emotions, np.full(len(examples.talks), True), True, encoder)
    folds, people_folds = folds_of(examples.groups), folds_of(examples.people_groups)
    apart = [
        _with_directions(examples, emotions, folds != fold, people_folds != fold, encoder) for fold in range(FOLDS)
    ]
    features = [mood.turn_features(talk, apart[fold]) for talk, fold in zip(examples.talks, folds, strict=True)]
    head = _head(features, examples.chances, RIDGE_HEAD)
    for _ in range(TRENDS):
        using = [Fitted(each.encoder, each.directions, head, each.person) for each in apart]
        for each, talk, fold in zip(features, examples.talks, folds, strict=True):
            each["trend"] = mood.trend(mood.felt(talk[-mood.HISTORY - 1 : -1], using[fold]))
        head = _head(features, examples.chances, RIDGE_HEAD)
    wishes = [
        mood.person_features(said.embedding, said.text, apart[fold])
        for said, fold in zip(examples.people, people_folds, strict=True)
    ]
    return Fitted(encoder, everything.directions, head, _head(wishes, examples.wants, RIDGE_HEAD))


def _with_directions(examples: Examples, emotions: dict, kept: np.ndarray, people: np.ndarray | bool, encoder: str):
    people_kept = np.full(len(examples.people), True) & people
    last = np.array([talk[-1].embedding for talk in examples.talks])
    replied = np.array([len(talk) > 1 for talk in examples.talks])
    replies = np.array([talk[-2].embedding if len(talk) > 1 else talk[-1].embedding for talk in examples.talks])
    wishing = np.array([said.embedding for said in examples.people])
    directions = {
        **emotions,
        "customer": direction(last[kept], examples.chances[kept], RIDGE_DIRECTION),
        "assistant": direction(replies[kept & replied], examples.chances[kept & replied], RIDGE_DIRECTION),
        "person": direction(wishing[people_kept], examples.wants[people_kept], RIDGE_DIRECTION),
    }
    nothing = Head(0.0, {})
    return Fitted(encoder, directions, nothing, nothing)


def _head(features: list[dict[str, float]], chances: np.ndarray, ridge: float) -> Head:
    names = sorted({name for each in features for name in each})
    values = np.array([[each.get(name, 0.0) for name in names] for each in features])
    spread = values.std(axis=0) + 1e-9
    limits = [
        (0.0, None) if name in WORSE or name in WANTED else (None, 0.0) if name in BETTER else (None, None)
        for name in names
    ]
    weights, intercept = logistic(values / spread, chances, ridge, bounds=limits)
    return Head(round(intercept, 4), {n: round(float(w), 4) for n, w in zip(names, weights / spread, strict=True)})


def read_examples(folder: Path, emotions: Path, embed: Embed) -> Examples:
    """Read and embed all that is fitted on. Raises `ExampleError`."""
    lines = dialogues(folder / "dialogues.jsonl", "mood")
    alone = list(_labelled(folder / "turns.jsonl", "mood", mood_chance))
    asides = list(_labelled(folder / "asides.jsonl", "mood", mood_chance))
    lines += [[Line(True, text, chance)] for text, chance in [*alone, *asides]]
    texts = {heard(line.by_customer, line.text) for talk in lines for line in talk}
    asked = list(_labelled(folder / "person.jsonl", "wants_person", _yes_or_no))
    people = asked + _mixed(asked, [text for text, _ in alone])
    felt = list(_labelled(emotions / "train.jsonl", "labels", _feelings))
    known = dict(zip(sorted(texts), embed(sorted(texts)), strict=True))
    talks, chances, groups = [], [], []
    for talk in lines:
        said = [Said.of(line.by_customer, line.text, known.__getitem__) for line in talk]
        for place, line in enumerate(talk):
            if line.by_customer and line.label is not None:
                talks.append(said[: place + 1])
                chances.append(line.label)
                groups.append(talk[0].text)
    wishes = embed([text for text, _ in people])
    return Examples(
        talks=talks,
        chances=np.array(chances),
        groups=np.array(groups),
        people=[Said(True, text, wish) for (text, _), wish in zip(people, wishes, strict=True)],
        wants=np.array([float(wanted) for _, wanted in people]),
        people_groups=np.array([text for text, _ in asked] * 2),
        emotions=embed([text for text, _ in felt]),
        negative=np.array([float(bool(labels & NEGATIVE)) for _, labels in felt]),
        positive=np.array([float(bool(labels & POSITIVE)) for _, labels in felt]),
    )


def _mixed(asked: list[tuple[str, bool]], others: list[str]) -> list[tuple[str, bool]]:
    """The same wishes said along with something else, before or after it, as people do; nobody is wished for there."""
    found = []
    for place, (text, wanted) in enumerate(asked):
        other = others[place * STRIDE % len(others)]
        first, second = (other, text) if place % 2 else (text, other)
        found.append((f"{first.rstrip(' .')}{JOINTS[place % len(JOINTS)]}{second}", wanted))
    return found


def _labelled(path: Path, key: str, read: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
    for number, row in rows(path):
        try:
            if not isinstance(row.get("text"), str):
                raise ExampleError("`text` is a string")
            yield row["text"], read(row.get(key))
        except ExampleError as error:
            raise ExampleError(f"{path}, line {number}: {error}") from None


def _yes_or_no(given: Any) -> bool:
    if not isinstance(given, bool):
        raise ExampleError("`wants_person` is true or false")
    return given


def _feelings(given: Any) -> set[str]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ExampleError("`labels` is a list of names")
    return set(given)


def stored(by: Fitted, examples: Examples) -> dict:
    """Return what `fitted.json` holds."""
    return {
        "how": "scripts/train escalation",
        "encoder": by.encoder,
        "fitted_on": [
            f"GoEmotions (Apache-2.0), train: {len(examples.emotions)} texts",
            f"data/escalation, written for this project: {len(examples.talks)} turns with a mood,"
            f" {len(examples.people) // 2} texts with or without a wish for a person, alone and joined to another text",
        ],
        "mood": {"intercept": by.mood.intercept, "weights": by.mood.weights},
        "person": {"intercept": by.person.intercept, "weights": by.person.weights},
        "directions": {
            name: {"intercept": round(constant, 4), "weights": [round(float(each), 3) for each in weights]}
            for name, (weights, constant) in by.directions.items()
        },
    }


def check(examples: Examples, encoder: str) -> dict[str, float]:
    """Return how well turns and texts are told that were not fitted on: cross-validation, for choosing settings."""
    # Other folds than those that `fit` uses within, or these would all lie in one of them.
    folds, people_folds = (
        folds_of(np.char.add("check ", groups)) for groups in (examples.groups, examples.people_groups)
    )
    emotions = _emotions(examples)
    moods, wishes = np.zeros(len(examples.talks)), np.zeros(len(examples.people))
    for fold in range(FOLDS):
        by = _heads(_part(examples, folds != fold, people_folds != fold), emotions, encoder)
        for place in np.flatnonzero(folds == fold):
            *history, last = examples.talks[place]
            moods[place] = mood.frustration(last.embedding, last.text, history, by).probability
        for place in np.flatnonzero(people_folds == fold):
            said = examples.people[place]
            wishes[place] = mood.wants_person(said.embedding, said.text, by)
    unhappy, wanted = examples.chances > 0.5, examples.wants > 0.5
    return {
        "auroc": measures.auroc(unhappy, moods),
        "average_precision": measures.average_precision(unhappy, moods),
        "wants_human_ap": measures.average_precision(wanted, wishes),
    }


def _part(examples: Examples, kept: np.ndarray, people: np.ndarray) -> Examples:
    return replace(
        examples,
        talks=[talk for talk, keep in zip(examples.talks, kept, strict=True) if keep],
        chances=examples.chances[kept],
        groups=examples.groups[kept],
        people=[said for said, keep in zip(examples.people, people, strict=True) if keep],
        wants=examples.wants[people],
        people_groups=examples.people_groups[people],
    )


def main(arguments: list[str] | None = None) -> int:
    """Fit and write; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/train escalation", description=__doc__)
    parser.add_argument("--goemotions", type=Path, required=True, help="a folder with GoEmotions' train.jsonl")
    parser.add_argument("--examples", type=Path, default=ROOT / "data" / "escalation")
    parser.add_argument("--encoder", type=Path, default=ROOT / "models" / "encoder")
    parser.add_argument("--output", type=Path, default=FITTED_FILE)
    parser.add_argument("--check", action="store_true", help="cross-validate instead, and write nothing")
    options = parser.parse_args(arguments)
    try:
        encoder = Encoder.load(options.encoder)
        examples = read_examples(options.examples, options.goemotions, _embedding(encoder))
    except (ExampleError, EncoderError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.check:
        print(json.dumps({name: round(value, 4) for name, value in check(examples, encoder.name).items()}))
        return 0
    by = fit(examples, encoder.name)
    options.output.write_text(_lines(stored(by, examples)), encoding="utf-8")
    print(json.dumps({"mood": by.mood.weights, "person": by.person.weights}))
    return 0


def _lines(given: dict) -> str:
    """JSON with a direction's hundreds of numbers on one line."""
    text = json.dumps(given | {"directions": None}, indent=2)
    directions = ",\n".join(f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in given["directions"].items())
    return text.replace('"directions": null', '"directions": {\n' + directions + "\n  }") + "\n"


def _embedding(encoder: Encoder) -> Embed:
    def embed(texts: Sequence[str]) -> np.ndarray:
        found = []
        for start in range(0, len(texts), 2000):
            found.append(encoder.encode(texts[start : start + 2000]))
            print(f"encoded {min(start + 2000, len(texts)):,} of {len(texts):,}", file=sys.stderr, flush=True)
        return np.concatenate(found)

    return embed


if __name__ == "__main__":
    sys.exit(main())
