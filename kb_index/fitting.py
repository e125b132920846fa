"""Fits what search weighs with: `python -m kb_index.fitting`, called by `scripts/train ranking`. Writes `fitted.json`.

The weights of an article's parts maximise the likelihood of the right article among all candidates (a softmax over
them); the probability is a logistic of the found article's features, on the same questions with and without a third
of the articles taken out. Only the even questions of each set are used, the odd ones are for `evaluate --half odd`.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb_index import confidence, evaluate, question_sets
from kb_index.confidence import FITTED_FILE, PARTS, Fitted
from kb_index.encoder import Encoder
from kb_index.question_sets import QuestionSet, QuestionSetError
from kb_index.scoring import Parts
from kb_index.settings import ROOT, KnowledgeSettings

CANDIDATES = 60
RIDGE = 1e-3
REMOVED = 0.33
SEEDS = range(4)
OTHERS = 3  # of a question's articles, as many teach the probability; all but the first count less,
OTHERS_WEIGHT = 0.15  # because what is decided is decided by the first
# How much the questions count with all of the articles in place, beside those with a third taken out: in a help centre
# that customers use, most of what they ask is answered. It shifts the numbers, hardly their order (docs/retrieval.md).
WHOLE = 0.85
STRENGTH = 1.0  # the logistic's inverse regularisation, on features of variance one
MONOTONE = ("share", "agreement")

Asked = list[list[tuple[Parts, bool]]]  # for each question its candidates' parts, and whether they are right


@dataclass(frozen=True)
class Source:
    """A set of questions to fit on, by the name that `fitted.json` gives it."""

    name: str
    given: QuestionSet


def candidates(given: QuestionSet, encoder: Encoder, by: Fitted) -> Asked:
    """Return every question's candidates, best first by the weights of `by`."""
    base = evaluate.knowledge(given.documents, encoder, lambda *_: None)
    return [
        [(parts, article in question.relevant) for article, parts in base.weigh(question.text, CANDIDATES, by)]
        for question in given.questions
    ]


def fit_weights(sets: list[Asked]) -> tuple[dict[str, float], float]:
    """Return a weight of at least 0 for each part, and the sharpness; all sets count alike, however large."""
    from scipy.optimize import minimize

    stacks = [[_stack(found) for found in asked if any(right for _, right in found)] for asked in sets]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = RIDGE * weights @ weights, 2 * RIDGE * weights
        for stack in stacks:
            for values, right in stack:
                scores = values @ weights
                chances = np.exp(scores - scores.max())
                chances /= chances.sum()
                hit = chances[right].sum()
                total -= np.log(hit) / len(stack)
                slope = slope - (np.where(right, chances / hit, 0.0) - chances) @ values / len(stack)
        return total, slope

    found = minimize(loss, np.full(len(PARTS), 5.0), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(PARTS))
    # Only their proportions matter to the order; a passage of weight one keeps `combined` readable.
    weights = {name: round(float(value / found.x[0]), 3) for name, value in zip(PARTS, found.x, strict=True)}
    return weights, round(float(found.x[0]), 3)


def fit_confidence(sets: list[tuple[Asked, float]]) -> tuple[float, dict[str, float]]:
    """Return the intercept and the coefficient of each feature, none of them against its meaning.

    Each set counts as much as the number beside it, however large it is.
    """
    from scipy.optimize import minimize

    rows, right, counts = [], [], []
    for asked, weight_of_set in sets:
        for found in asked:
            for rank, (parts, hit) in enumerate(found[:OTHERS]):
                rows.append(list(confidence.features(parts).values()))
                right.append(hit)
                counts.append(weight_of_set * (1.0 if rank == 0 else OTHERS_WEIGHT) / len(asked))
    values, wanted, weight = np.array(rows), np.array(right, dtype=float), np.array(counts) / sum(counts)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    scaled = (values - mean) / spread
    ridge = 1 / (2 * STRENGTH * len(right))

    def loss(given: np.ndarray) -> tuple[float, np.ndarray]:
        logits = given[0] + scaled @ given[1:]
        total = (weight * (np.logaddexp(0, logits) - wanted * logits)).sum() + ridge * given[1:] @ given[1:]
        off = weight * (1 / (1 + np.exp(-logits)) - wanted)
        return total, np.concatenate([[off.sum()], off @ scaled + 2 * ridge * given[1:]])

    bounds = [(None, None)] + [(0, None) if name in MONOTONE else (None, None) for name in confidence.FEATURES]
    found = minimize(loss, np.zeros(1 + len(mean)), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes = found[1:] / spread
    names = confidence.features(sets[0][0][0][0][0])
    return round(float(found[0] - slopes @ mean), 4), {
        name: round(float(slope), 4) for name, slope in zip(names, slopes, strict=True)
    }


def unanswered(sources: list[Source], encoder: Encoder, by: Fitted) -> float:
    """Return the mean of the best article's weighted sum over questions that none answers any more.

    Raises `QuestionSetError` where there are too few questions for one to lose its answer.
    """
    for seed in SEEDS:
        found = []
        for source in sources:
            less = question_sets.without(source.given, REMOVED, seed)
            for question, asked in zip(less.questions, candidates(less, encoder, by), strict=True):
                if asked and not question.relevant:
                    found.append(asked[0][0]["combined"])
        if found:
            return round(float(np.mean(found)), 3)
    raise QuestionSetError("with a third of the articles taken out, all questions still have an answer: add questions")


def fit(ranking: list[Source], honesty: list[Source], encoder: Encoder, kept: dict | None = None) -> dict:
    """Return what `fitted.json` holds; the weights, their sharpness and what they were fitted on as `kept` has them."""
    if kept:
        weights, sharpness, names = kept["weights"], kept["sharpness"], kept["weights_fitted_on"]
    else:
        flat = Fitted(dict.fromkeys(PARTS, 1.0), 1.0, 0.0, 0.0, {})
        weights, sharpness = fit_weights([candidates(source.given, encoder, flat) for source in ranking])
        names = _names(ranking)
    nothing = unanswered(ranking, encoder, Fitted(weights, sharpness, 0.0, 0.0, {}))
    by = Fitted(weights, sharpness, nothing, 0.0, {})
    asked: list[tuple[Asked, float]] = []
    for source in honesty:
        fewer: Asked = []
        for seed in SEEDS:
            fewer += candidates(question_sets.without(source.given, REMOVED, seed), encoder, by)
        asked += [(candidates(source.given, encoder, by), WHOLE), (fewer, 1 - WHOLE)]
    intercept, coefficients = fit_confidence([([found for found in each if found], part) for each, part in asked])
    return {
        "how": "scripts/train ranking; even questions only",
        "encoder": encoder.name,
        "weights_fitted_on": names,
        "confidence_fitted_on": _names(honesty),
        "weights": weights,
        "sharpness": sharpness,
        "nothing": nothing,
        "confidence": {"intercept": intercept, "coefficients": coefficients},
    }


def _names(sources: list[Source]) -> list[str]:
    return [f"{each.name}: {len(each.given.questions)} questions" for each in sources]


def _stack(found: list[tuple[Parts, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[parts[name] for name in PARTS] for parts, _ in found]), np.array([right for _, right in found])


def main(arguments: list[str] | None = None) -> int:
    """Fit and write; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/train ranking", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=ROOT / "data" / "knowledge", help="a folder of articles")
    parser.add_argument("--messages", type=Path, default=ROOT / "data" / "evaluation" / "messages.jsonl")
    parser.add_argument(
        "--and-also",
        type=Path,
        nargs=2,
        action="append",
        default=[],
        metavar=("CORPUS", "MESSAGES"),
        help="articles and labelled messages to fit everything on as well",
    )
    parser.add_argument(
        "--confidence-also",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder with corpus.jsonl, queries.jsonl and qrels.tsv to fit the probability on as well",
    )
    parser.add_argument("--keep-weights", action="store_true", help="fit the probability only, the order stays")
    parser.add_argument("--output", type=Path, default=FITTED_FILE)
    options = parser.parse_args(arguments)
    try:
        labelled = [(options.corpus, options.messages), *options.and_also]
        own = [
            Source(messages.name, question_sets.half(question_sets.read_messages(corpus, messages), odd=False))
            for corpus, messages in labelled
        ]
        more = [
            Source(folder.resolve().name, question_sets.half(_read(folder), odd=False))
            for folder in options.confidence_also
        ]
        kept = json.loads(FITTED_FILE.read_text(encoding="utf-8")) if options.keep_weights else None
        stored = fit(own, own + more, Encoder.load(KnowledgeSettings().encoder_dir), kept)
    except QuestionSetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(stored))
    return 0


def _read(folder: Path) -> QuestionSet:
    return question_sets.read(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv")


if __name__ == "__main__":
    sys.exit(main())
