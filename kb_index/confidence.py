"""How sure a search is of an article, as a number that can be read as a probability."""

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FITTED_FILE = Path(__file__).with_name("fitted.json")
LEAST_SHARE = 1e-4  # beyond it the runner-up is simply about something else
MANY_WORDS = 20  # a question longer than this is no longer any more so
PARTS = ("passage", "passages", "title", "headed", "nearest", "lexical", "titled")
FEATURES = ("share", "passage", "title", "lexical", "titled", "agreement", "named", "length")


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

    `parts` are those of a hit: the cosines `passage` (best) and `title`, the shares of words `lexical` and `titled`,
    `share` (of the likelihood among all candidates and "none of them": the margin to each in one number),
    `agreement` (0 to 1: how many of meaning and words put this article first), `named` (1 where the article has a title
    or questions, whose parts are 0 elsewhere) and `words`, how many the question has.
    """
    share = min(max(parts["share"], LEAST_SHARE), 1 - LEAST_SHARE)
    return {
        "share": math.log(share / (1 - share)),
        **{name: parts[name] for name in ("passage", "title", "lexical", "titled", "agreement", "named")},
        "length": min(parts["words"], MANY_WORDS) / MANY_WORDS,
    }


def confidence(parts: dict[str, float], by: Fitted | None = None) -> float:
    """Return from 0 to 1 how likely an article answers a question."""
    by = by or fitted()
    found = features(parts)
    logit = by.intercept + sum(weight * found[name] for name, weight in by.coefficients.items())
    return 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))
