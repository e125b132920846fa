"""How good a ranking is, and how honest its scores are. Pure functions over arrays."""

import math
from collections.abc import Sequence

import numpy as np

DEPTH = 10
BINS = 10
BOOTSTRAPS = 2_000
CHANCES = 200


def ranking(found: Sequence[Sequence[str]], relevant: Sequence[frozenset[str]]) -> dict[str, np.ndarray]:
    """Return for each question that has an answer: 1.0 or 0.0 for recall, its reciprocal rank, its nDCG.

    Recall at k is whether one of the right articles is among the first k, as a customer sees it.
    """
    right = [
        [article in wanted for article in articles[:DEPTH]]
        for articles, wanted in zip(found, relevant, strict=True)
        if wanted
    ]
    wanted_counts = [len(wanted) for wanted in relevant if wanted]
    first = np.array([hits.index(True) if True in hits else math.inf for hits in right], dtype=float)
    gains = [sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit) for hits in right]
    ideal = [sum(1 / math.log2(rank + 2) for rank in range(min(count, DEPTH))) for count in wanted_counts]
    return {
        "recall_at_1": (first < 1).astype(float),
        "recall_at_3": (first < 3).astype(float),
        "mrr_at_10": 1 / (first + 1),
        "ndcg_at_10": np.array(gains) / np.array(ideal) if ideal else np.zeros(0),
    }


def auroc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Return how often a positive outscores a negative, ties by half; None without both."""
    ups, downs = scores[positive], scores[~positive]
    if not len(ups) or not len(downs):
        return None
    ordered = np.sort(downs)
    below, up_to = np.searchsorted(ordered, ups, "left"), np.searchsorted(ordered, ups, "right")
    return float((below + up_to).mean() / 2 / len(downs))


def risk_coverage_area(scores: np.ndarray, right: np.ndarray) -> float:
    """Return the mean share of wrong answers over all coverages, the surest answered first; 0 is best."""
    return float((1 - _precisions(scores, right)).mean())


def coverage_at(precision: float, scores: np.ndarray, right: np.ndarray) -> float:
    """Return the largest share of questions that can be answered with at least this precision."""
    good = np.flatnonzero(_precisions(scores, right) >= precision)
    return float((good[-1] + 1) / len(scores)) if len(good) else 0.0


def wrong_at(coverage: float, scores: np.ndarray, right: np.ndarray) -> int:
    """Return how many answers are wrong when this share of the questions, the surest, is answered."""
    count = round(coverage * len(scores))
    return int((~right[np.argsort(-scores, kind="stable")][:count]).sum())


def wrong_at_best(coverage: float, right: np.ndarray) -> int:
    """Return how many answers are wrong at least, even if it were known which are: there are not more right ones."""
    return max(0, round(coverage * len(right)) - int(right.sum()))


def calibration_error(scores: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: |mean score - share right| over ten bins of equal width, by size."""
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    return float(
        sum(
            abs(scores[bins == each].mean() - right[bins == each].mean()) * (bins == each).mean()
            for each in np.unique(bins)
        )
    )


def calibration_error_by_chance(scores: np.ndarray, seed: int = 0) -> float:
    """Return the calibration error that these scores would show on average if each were exactly true.

    It is not 0: of few answers, a share is right that differs from the chance of each.
    """
    generator = np.random.default_rng(seed)
    drawn = (generator.random(len(scores)) < scores for _ in range(CHANCES))
    return float(np.mean([calibration_error(scores, right) for right in drawn]))


def at_threshold(threshold: float, scores: np.ndarray, right: np.ndarray) -> dict[str, float | None]:
    """Return the share of questions whose score reaches a threshold, and how many of those answers are right."""
    given = scores >= threshold
    return {
        "threshold": threshold,
        "coverage": float(given.mean()),
        "precision": float(right[given].mean()) if given.any() else None,
    }


def paired_interval(ours: np.ndarray, theirs: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean difference, by resampling the same questions for both."""
    difference = ours - theirs
    if not len(difference):
        return (0.0, 0.0)
    generator = np.random.default_rng(seed)
    means = [generator.choice(difference, len(difference)).mean() for _ in range(BOOTSTRAPS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _precisions(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    # Of equal scores, none is surer: each gets the whole tie's share of right ones, or their order would decide.
    _, tied = np.unique(scores, return_inverse=True)
    fair = (np.bincount(tied, right) / np.bincount(tied))[tied]
    order = np.argsort(-scores, kind="stable")
    return np.cumsum(fair[order]) / np.arange(1, len(scores) + 1)
