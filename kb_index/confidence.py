"""How sure a search is of an article, as a number that can be read as a probability."""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FITTED_FILE = Path(__file__).with_name("fitted.json")
LEAST_SHARE = 1e-4  # beyond it the runner-up is simply about something else
PARTS = ("passage", "passages", "title", "headed", "nearest", "lexical", "titled")
FEATURES = ("share", "agreement", "named")


@dataclass(frozen=True)
class Fitted:
    """What `scripts/train` fitted: a weight for each of `PARTS`, and a logistic over `FEATURES`."""

    weights: dict[str, float]
    sharpness: float  # how fast a lead in the weighted sum becomes near certainty
    nothing: float  # the weighted sum that the best article has where none answers
    intercept: float
    coefficients: dict[str, float]


@lru_cache(maxsize=1)
def fitted() -> Fitted:
    """Read what is shipped, once. `fitted.json` says on what it was fitted, and how well it did elsewhere."""
    stored = json.loads(FITTED_FILE.read_text(encoding="utf-8"))
    return Fitted(
        {part: float(stored["weights"][part]) for part in PARTS},
        float(stored["sharpness"]),
        float(stored["nothing"]),
        float(stored["confidence"]["intercept"]),
        {name: float(value) for name, value in stored["confidence"]["coefficients"].items()},
    )


def features(parts: dict[str, float]) -> dict[str, float]:
    """Return what the probability is made of.

    Of a hit's `parts` that is its `share` (of the likelihood among all candidates and "none of them": the margin to
    each in one number), its `agreement` (0 to 1: how many of meaning and words put this article first), and whether it
    is `named` (1 with a title or questions, 0 without). With more, sets that were not fitted on came out no better or
    worse (docs/retrieval.md).
    """
    share = min(max(parts["share"], LEAST_SHARE), 1 - LEAST_SHARE)
    return {"share": math.log(share / (1 - share)), "agreement": parts["agreement"], "named": parts["named"]}


def confidence(parts: dict[str, float], by: Fitted | None = None) -> float:
    """Return from 0 to 1 how likely an article answers a question."""
    by = by or fitted()
    found = features(parts)
    logit = by.intercept + sum(weight * found[name] for name, weight in by.coefficients.items())
    return 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))
