"""What the recent past says about the queue: how long chats last, and how patient people are.

Pure functions: no clock, no storage. Times are POSIX seconds, durations seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A stay longer than this says that somebody forgot to close a chat, not how long chats last.
LONGEST_S = 4 * 3600.0
# A chat counts as at most so many usual ones.
ODD = 6.0
# Only the newest records are looked at, so that a call is bounded whatever it is given.
MOST_RECORDS = 1500
# With nothing known: chats of 8 minutes whose logarithm spreads by .8, and people who wait half an hour.
PRIOR_SERVICE_S, PRIOR_SIGMA, PRIOR_PATIENCE_S = 480.0, 0.8, 1800.0
# How many chats the prior is worth against what was ever seen, and that against what was seen just now.
PRIOR_CHATS, LONG_RUN_CHATS = 6.0, 12.0
HALF_LIFE_S = 2700.0
# The rate of giving up is constant between these waits; each stretch is held to the average by so many departures.
PATIENCE_EDGES_S = np.array([0.0, 15, 30, 60, 120, 240, 480, 900, 1800, 3600])
PRIOR_DEPARTURES = 3.0
# How long a free place takes to be taken, before anybody has seen it: enough to say "less than 2 minutes".
PRIOR_PICKUPS_S = (15.0, 30.0, 45.0, 60.0, 90.0)
# Only the newest count.
MOST_PICKUPS = 200


@dataclass(frozen=True)
class Served:
    """A chat that an agent has ended: when, and how long it held a place (from claim to end)."""

    ended_at: float
    service_s: float


@dataclass(frozen=True)
class Waited:
    """A wait that is over: when, how long, and whether the customer left (abandoned) instead of being served."""

    ended_at: float
    waited_s: float
    left: bool


@dataclass(frozen=True)
class Rates:
    """What `estimate` needs to know of service and patience.

    mean_s, sigma: a chat's length is log-normal with this mean and this spread of its logarithm.
    chats: how many chats that rests on, the prior's worth included.
    edges_s, hazard: a customer who has waited between edges_s[i] and the next edge leaves at hazard[i] a second.
    pickups_s: how long it took until a free place was taken, in ascending order; empty where it takes no time.
    """

    mean_s: float
    sigma: float
    chats: float
    edges_s: tuple[float, ...]
    hazard: tuple[float, ...]
    pickups_s: tuple[float, ...] = ()

    @property
    def mu(self) -> float:
        return math.log(self.mean_s) - self.sigma**2 / 2


def learn(
    served: Sequence[Served],
    waited: Sequence[Waited],
    *,
    in_progress_s: Sequence[float] = (),
    pickups_s: Sequence[float] | None = None,
    now: float,
) -> Rates:
    """The rates of a queue from its recent chats and waits, in the order in which they ended.

    `in_progress_s` is how long each chat with an agent has been going: when chats grow longer, those that have not
    ended are the first to say so. Times after `now` (a clock that was set back) count as now; what is not a number is
    left out. Of each list the newest 1,500 are looked at.

    `pickups_s`, the newest last, is how long customers waited beside a free place, where agents take chats themselves;
    None where chats are given to agents at once.
    """
    mean, sigma, chats = _service(served, in_progress_s, now)
    pickups: list[float] = []
    if pickups_s is not None:
        pickups = sorted([*PRIOR_PICKUPS_S, *clean(pickups_s[-MOST_PICKUPS:]).tolist()])
    return Rates(mean, sigma, chats, tuple(PATIENCE_EDGES_S.tolist()), tuple(_hazard(waited).tolist()), tuple(pickups))


def normal_cdf(z: Floats) -> Floats:
    """Abramowitz & Stegun 26.2.17, off by at most 7.5e-8."""
    size = np.abs(z)
    t = 1 / (1 + 0.2316419 * size)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-size * size / 2) * series / math.sqrt(2 * math.pi)
    return np.where(z >= 0, 1 - upper, upper)


def clean(values: Sequence[float], most: float = LONGEST_S) -> Floats:
    """Durations as an array: what is not a number is left out, the rest held between 0 and `most`."""
    array = np.asarray(values, dtype=float)
    return np.clip(array[np.isfinite(array)], 0.0, most)


def _service(served: Sequence[Served], in_progress_s: Sequence[float], now: float) -> tuple[float, float, float]:
    pairs = np.array([(each.ended_at, each.service_s) for each in served[-MOST_RECORDS:]], dtype=float).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    length = np.clip(pairs[:, 1], 1.0, LONGEST_S)
    going = clean(in_progress_s[:MOST_RECORDS])
    # By their start, so that a chat counts the same whether it has ended yet or not: or the long ones are missed.
    begun = np.concatenate([np.maximum(now - pairs[:, 0], 0.0) + length, going])
    if len(served) >= MOST_RECORDS:
        # Of the chats that began before the oldest record only the long ones are on record: they would mislead.
        whole = begun <= max(now - pairs[:, 0].min(initial=now), 0.0)
        if whole.sum() > MOST_RECORDS // 3:
            length, going = length[whole[: len(length)]], going[whole[len(length) :]]
            begun = begun[whole]
    recent = np.exp2(-begun / HALF_LIFE_S)
    # What is not recent is the prior of what is; nothing counts in both, or one odd chat would among few.
    mean, sigma, known = _moments(length, going, 1 - recent, (PRIOR_SERVICE_S, PRIOR_SIGMA, PRIOR_CHATS))
    return _moments(length, going, recent, (mean, sigma, min(known, LONG_RUN_CHATS)))


def _moments(
    ended: Floats, going: Floats, weight: Floats, prior: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Mean, spread of the logarithm and weight, with each unfinished chat at what it is expected to become."""
    mean, sigma, known = prior
    capped = np.minimum(ended, ODD * mean)
    done, total = weight[: len(ended)], known + float(weight.sum())
    # The spread from mean and square: two humps, or many that end at once, would make that of the logarithm too wide.
    middle = (known * mean + float(done @ capped)) / (known + float(done.sum()))
    square = (known * mean**2 * math.exp(sigma**2) + float(done @ capped**2)) / (known + float(done.sum()))
    new_sigma = float(np.clip(math.sqrt(math.log(max(square / middle**2, 1.0))), 0.3, 1.2))
    guess = mean
    for _ in range(3):
        expected = expected_length(going, guess, new_sigma)
        guess = (known * mean + float(done @ capped) + float(weight[len(ended) :] @ expected)) / total
    return max(guess, 1.0), new_sigma, total


def expected_length(going: Floats, mean: float, sigma: float) -> Floats:
    """How long chats that have been going for `going` seconds are expected to last in all."""
    z = (np.log(np.maximum(going, 1.0)) - math.log(mean) + sigma**2 / 2) / sigma
    return np.clip(mean * normal_cdf(sigma - z) / np.maximum(normal_cdf(-z), 1e-6), going, np.maximum(8 * mean, going))


def _hazard(waited: Sequence[Waited]) -> Floats:
    """How fast people leave after each wait: departures over the time that people spent waiting there."""
    rows = np.array([(each.waited_s, each.left) for each in waited[-MOST_RECORDS:]], dtype=float).reshape(-1, 2)
    rows = rows[np.isfinite(rows).all(axis=1)]
    waits, left = np.clip(rows[:, 0], 0.0, LONGEST_S), rows[:, 1] > 0
    edges = PATIENCE_EDGES_S
    widths = np.append(np.diff(edges), math.inf)
    exposure = np.clip(waits[:, None] - edges[None, :], 0.0, widths[None, :]).sum(axis=0)
    departures = np.bincount(np.searchsorted(edges, waits[left], side="right") - 1, minlength=len(edges))
    average = (departures.sum() + 1) / (exposure.sum() + PRIOR_PATIENCE_S)
    return (departures + PRIOR_DEPARTURES) / (exposure + PRIOR_DEPARTURES / average)
