"""How long a customer still waits for a person: an estimate and an honest range. How it works: docs/waiting.md.

Pure functions: no clock, no storage; bounded work whatever the queue. Durations are seconds, ranges whole minutes.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from bot.desk.waiting_history import Floats, Rates, clean, normal_cdf

# So many standard deviations down and up: the range is to hold the waits of 80 to 95 customers in 100 on any desk.
Z_LOW, Z_HIGH = 1.4, 1.6
# How much the pace of the desk wanders within an hour (agents come and go, topics change), as a share; in a small team
# one who comes or goes is much, so its square grows as places are fewer than these.
DRIFT_AN_HOUR, DRIFT_PLACES = 0.22, 8.0
# Departures are counted at so many points in time, over so many mean chats; from there on the pace is even.
POINTS, MEANS = 65, 3.2
MOST_AHEAD, MOST_CHATS = 500, 512
LONGEST_WAIT_S = 12 * 3600.0
# The share of free places that have been taken by the time that is promised, and how few say nothing about it.
TAKEN_BY, FEW_PICKUPS = 0.95, 3


@dataclass(frozen=True)
class Queue:
    """The queue as one customer sees it.

    ahead_s: how long each of those ahead has waited, the next to be served first; position is their number plus one.
    chats_s: how long each chat with an agent on duty has been going, where its end frees a place for the next.
    free: places that are free now. Nobody is on duty when there are neither chats nor free places.
    idle_s: for how long there has been a free place.
    """

    ahead_s: Sequence[float]
    chats_s: Sequence[float]
    free: int = 0
    idle_s: float = 0.0


@dataclass(frozen=True)
class Wait:
    """The customer's remaining wait: `expected_s`, and the range from `low_min` to `high_min` whole minutes.

    All three are None when nothing can be promised; `reason` says why. `high_min` is at least 1 and above `low_min`.
    """

    position: int
    expected_s: float | None = None
    low_min: int | None = None
    high_min: int | None = None
    reason: Literal["nobody_on_duty", "too_long"] | None = None


def estimate(queue: Queue, rates: Rates) -> Wait:
    """The wait of the customer behind all of `queue.ahead_s`, at the rates that `learn` found."""
    return estimates(queue, rates)[-1]


def estimates(queue: Queue, rates: Rates) -> list[Wait]:
    """The wait at each position, from the first to the one behind all of `queue.ahead_s`; never less further back.

    Item i is for who has `ahead_s[:i]` before them: one call serves everybody who waits, and the next to come.
    """
    positions, free = range(1, len(queue.ahead_s) + 2), max(queue.free, 0)
    chats = clean(queue.chats_s[:MOST_CHATS])
    if not free and not len(chats):
        return [Wait(position, reason="nobody_on_duty") for position in positions]
    found = _at_free_places(queue, rates, len(positions[:free]))
    if len(positions) > free:
        # The first ones ahead sit down at once where places are free; their chats begin now.
        chats = np.concatenate([chats, np.zeros(min(free, MOST_CHATS))])
        ahead = np.nan_to_num(np.asarray(queue.ahead_s[free : free + MOST_AHEAD], dtype=float), posinf=0.0, neginf=0.0)
        turns = _turns(np.clip(ahead, 0.0, LONGEST_WAIT_S).tolist(), chats, rates)
        least = found[-1] if found else Wait(0, 0.0, 0, 1)
        found += [
            _no_less(_wait(position, *turn), least) for position, turn in zip(positions[free:], turns, strict=False)
        ]
    return found + [Wait(position, reason="too_long") for position in positions[len(found) :]]


def _at_free_places(queue: Queue, rates: Rates, many: int) -> list[Wait]:
    """The waits of those for whom there is a place: until an agent takes them."""
    found = [Wait(0, 0.0, 0, 1)]
    for position in range(1, many + 1):
        beside = 0.0
        if position <= len(queue.ahead_s):
            beside = max(min(float(queue.ahead_s[position - 1]), queue.idle_s), 0.0)
        longer = [each - beside for each in rates.pickups_s if each > beside]
        if len(longer) >= FEW_PICKUPS or not rates.pickups_s:
            expected = sum(longer) / max(len(longer), 1)
            high = longer[math.ceil(TAKEN_BY * len(longer)) - 1] if longer else 0.0
        else:
            # Longer than hardly ever before: as long again.
            expected, high = beside / 2, beside
        high_min = max(math.ceil(high / 60), 1)
        found.append(_no_less(Wait(position, min(expected, high_min * 60.0), 0, high_min), found[-1]))
    return found[1:]


def _no_less(wait: Wait, before: Wait) -> Wait:
    """`wait`, with no less promised than to the one before."""
    if wait.high_min is None or before.high_min is None or wait.high_min >= before.high_min:
        return wait
    return replace(wait, high_min=before.high_min)


def _wait(position: int, low: float, middle: float, high: float) -> Wait:
    if middle >= LONGEST_WAIT_S:
        return Wait(position, reason="too_long")
    low_min = int(low // 60)
    return Wait(position, middle, low_min, max(math.ceil(min(high, LONGEST_WAIT_S) / 60), low_min + 1))


def phrase(wait: Wait) -> tuple[str, dict[str, int]]:
    """What to tell the customer: a key that the widget translates, and its numbers."""
    if wait.low_min is None or wait.high_min is None:
        return wait.reason or "too_long", {"position": wait.position}
    if wait.high_min == 1:
        return "under_a_minute", {"position": wait.position}
    if wait.low_min == 0:
        return "up_to", {"position": wait.position, "high": wait.high_min}
    return "between", {"position": wait.position, "low": wait.low_min, "high": wait.high_min}


ENGLISH = {
    "under_a_minute": "You are next: less than a minute.",
    "up_to": "You are number {position} in the queue. It will take less than {high} minutes.",
    "between": "You are number {position} in the queue. It will take {low} to {high} minutes.",
    "too_long": "You are number {position} in the queue, and there are very many people waiting.",
    "nobody_on_duty": "Nobody is on duty just now, so I can't say how long it takes.",
}


def in_english(wait: Wait) -> str:
    """The sentence of `phrase`, in English."""
    key, numbers = phrase(wait)
    return ENGLISH[key].format(**numbers)


def _turns(ahead: list[float], chats: Floats, rates: Rates) -> list[tuple[float, float, float]]:
    """Low, middle and high of the time until each one's turn: the first place that nobody before them takes."""
    departures = _Departures(chats, rates)
    shapes: list[float] = []
    paths = []
    for z in (0.0, -Z_LOW, Z_HIGH):
        paths.append(_path(ahead, departures, _Patience(rates), shapes, z))
    return list(zip(paths[1], paths[0], paths[2], strict=True))


def _path(
    ahead: list[float], departures: "_Departures", patience: "_Patience", shapes: list[float], z: float
) -> list[float]:
    """Each one's turn, were departures to come at their quantile `z` all the while.

    Who stands ahead takes a place if they are still there at their own turn: the slower it goes, the more have left.
    How far the count of departures may be off when it reaches what is needed gives the `shapes` of gamma distributions;
    the first path, the middle one, fills them.
    """
    turns: list[float] = []
    taken = doubt = level = 0.0
    for number, waited in enumerate([*ahead, 0.0]):
        needed = taken + 1
        if number == len(shapes):
            shapes.append(departures.shape(needed, doubt))
        # Never before the turn of the one ahead.
        level = max(level, needed * _gamma_quantile(shapes[number], z))
        turns.append(min(departures.when(level), LONGEST_WAIT_S))
        stays = patience.stays(waited, turns[-1])
        taken += stays
        doubt += stays * (1 - stays)
    return turns


def _gamma_quantile(shape: float, z: float) -> float:
    """Of a gamma distribution with mean 1, after Wilson and Hilferty."""
    return max(1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape)), 0.05) ** 3


class _Departures:
    """How many chats end in which time, and how far that number may be off.

    A place whose chat ends is taken at once, so it counts as a renewal process: the first ending depends on how long
    the chat has been going, the later ones follow the renewal function.
    """

    def __init__(self, chats: Floats, rates: Rates) -> None:
        times = np.linspace(0.0, MEANS * rates.mean_s, POINTS)
        logs = np.log(np.maximum(chats[:, None] + times[None, :], 1.0))
        alive = normal_cdf((rates.mu - logs) / rates.sigma)
        gone = 1 - alive / np.maximum(alive[:, :1], 1e-9)
        # A chat that has outlived all that the distribution knows ends at the average pace, not at once or never.
        gone = np.where(alive[:, :1] > 1e-5, gone, 1 - np.exp(-times / rates.mean_s))
        first = gone.sum(axis=0)
        again = _renewals(round(rates.sigma, 2), (times[:-1] + times[1] / 2) / rates.mean_s)
        later = np.append(0.0, np.convolve(np.diff(first), again)[: POINTS - 1])
        self._scatter = math.exp(rates.sigma**2) - 1
        self._pace = len(chats) / rates.mean_s
        self._unsure = self._scatter / rates.chats
        self._drift = DRIFT_AN_HOUR**2 * (1 + DRIFT_PLACES / len(chats)) / 3600
        self._times, self._ended = times.tolist(), np.maximum.accumulate(first + later).tolist()
        self._variance = ((gone * (1 - gone)).sum(axis=0) + self._scatter * later).tolist()

    def _find(self, count: float) -> tuple[int, float]:
        """The point before so many have ended, and the share of the way to the next."""
        at = min(max(bisect_left(self._ended, count), 1), POINTS - 1) - 1
        here, there = self._ended[at], self._ended[at + 1]
        return at, (count - here) / (there - here) if there > here else 1.0

    def when(self, count: float) -> float:
        """When so many have ended, in seconds."""
        if count > self._ended[-1]:
            return self._times[-1] + (count - self._ended[-1]) / self._pace
        at, share = self._find(count)
        return self._times[at] + share * (self._times[at + 1] - self._times[at])

    def shape(self, needed: float, doubt: float) -> float:
        """Of the gamma distribution of the count when `needed` are expected; `doubt` is the variance of `needed`."""
        if needed > self._ended[-1]:
            variance = self._variance[-1] + self._scatter * (needed - self._ended[-1])
        else:
            at, share = self._find(needed)
            variance = self._variance[at] + share * (self._variance[at + 1] - self._variance[at])
        unsure = self._unsure + self._drift * self.when(needed)
        return needed**2 / (max(variance + doubt, 0.3 * math.sqrt(needed)) + unsure * needed**2)


def _renewals(sigma: float, times: Floats) -> Floats:
    """How many chats a place has ended after `times` mean chats, counted from the beginning of one."""
    grid, counts = _renewal_table(sigma)
    beyond = times + (math.exp(sigma**2) - 1 - 1) / 2
    return np.where(times <= grid[-1], np.interp(times, grid, counts), np.maximum(beyond, counts[-1]))


@lru_cache(maxsize=128)
def _renewal_table(sigma: float) -> tuple[Floats, Floats]:
    """The renewal function of the log-normal with mean 1, on a grid of 6 means."""
    grid = np.linspace(0.0, 6.0, 241)
    ended = normal_cdf((np.log(np.maximum(grid, 1e-9)) + sigma**2 / 2) / sigma)
    ended[0] = 0.0
    steps = np.diff(ended)
    counts = np.zeros_like(grid)
    for number in range(1, len(grid)):
        earlier = (counts[number - 1 :: -1] + counts[number:0:-1]) / 2 if number > 1 else counts[:1]
        counts[number] = ended[number] + float(steps[:number] @ earlier[:number])
    return grid, counts


class _Patience:
    """How likely somebody who has waited so long is still there a while later."""

    def __init__(self, rates: Rates) -> None:
        edges = [*rates.edges_s, rates.edges_s[-1] + 2 * LONGEST_WAIT_S]
        self._edges, self._hazard, self._used = edges, rates.hazard, [0.0]
        for number, hazard in enumerate(rates.hazard):
            self._used.append(self._used[-1] + hazard * (edges[number + 1] - edges[number]))

    def stays(self, waited: float, more: float) -> float:
        return math.exp(self._used_up(waited) - self._used_up(waited + more))

    def _used_up(self, waited: float) -> float:
        at = min(max(bisect_right(self._edges, waited), 1), len(self._hazard)) - 1
        return self._used[at] + self._hazard[at] * (waited - self._edges[at])
