"""How well a score tells turns apart: `wanted` is bool `(n,)`, `scores` float `(n,)`; None is no answer."""

import numpy as np


def auroc(wanted: np.ndarray, scores: np.ndarray) -> float | None:
    """Return the chance that a wanted one scores above another, ties counting half; None if all are of one kind."""
    high = int(wanted.sum())
    low = len(wanted) - high
    if not high or not low:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[wanted].sum() - high * (high + 1) / 2) / (high * low))


def _curve(wanted: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many are right and how many are wrong above each threshold, which never splits equal scores."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    right = np.cumsum(wanted[order])[ends]
    return right, ends + 1 - right


def average_precision(wanted: np.ndarray, scores: np.ndarray) -> float | None:
    """Return the precision at each threshold, weighed by the recall that it adds."""
    if not wanted.any():
        return None
    right, wrong = _curve(wanted, scores)
    return float((np.diff(right, prepend=0) * right / (right + wrong)).sum() / wanted.sum())


def recall_at_precision(wanted: np.ndarray, scores: np.ndarray, precision: float) -> float | None:
    """Return the best recall of a threshold that is right at least so often; 0 where none is."""
    if not wanted.any():
        return None
    right, wrong = _curve(wanted, scores)
    kept = right / (right + wrong) >= precision
    return float(right[kept].max(initial=0) / wanted.sum())


def recall_at_false_alarms(wanted: np.ndarray, scores: np.ndarray, alarms: int) -> float | None:
    """Return the recall of the lowest threshold with at most so many false alarms."""
    if not wanted.any():
        return None
    right, wrong = _curve(wanted, scores)
    return float(right[wrong <= alarms].max(initial=0) / wanted.sum())
