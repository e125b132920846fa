"""`scripts/bench wait`: our estimate of a customer's wait against one that knows the true rates, in simulated queues.

Discrete events, seeded. At each arrival that has to wait, every estimator is asked; later they are compared with what
that customer really waited. Who gives up keeps a virtual place: what they would have waited, had they alone stayed on.
"""

import argparse
import heapq
import json
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bot.desk.waiting import Queue, estimate
from bot.desk.waiting_history import MOST_RECORDS, PATIENCE_EDGES_S, Rates, Served, Waited, learn

HOUR = 3600.0
DAY = 9 * HOUR
QUICK_S = 60.0
# What stood in the history is learned anew this often, as a service would.
LEARN_EVERY_S = 20.0
TUNING, REPORTED = range(5), range(200, 206)


@dataclass(frozen=True)
class Scenario:
    """One kind of day. Functions of the time of day in hours; `load` is arrivals over what all agents can do."""

    name: str
    load: float
    mean_s: float
    sigma: float
    patience_s: float
    patience_shape: float
    arrivals: Callable[[float], float] = lambda hour: 1.0
    on_duty: Callable[[float], float] = lambda hour: 1.0
    length: Callable[[float], float] = lambda hour: 1.0
    # Chats that are over after a minute or so (a wrong button, one question): a share that makes the lengths two humps.
    quick: float = 0.0


def _rush(hour: float) -> float:
    """Two peaks, at 2.5 and 6.5 hours after opening."""
    return 0.55 + 0.75 * math.exp(-(((hour - 2.5) / 1.1) ** 2)) + 0.65 * math.exp(-(((hour - 6.5) / 1.2) ** 2))


def _shifts(hour: float) -> float:
    """The share of agents on duty: a slow start, all, lunch, all, and those of the late shift."""
    return next(share for until, share in ((1, 0.6), (4, 1.0), (5, 0.6), (8, 1.0), (1e9, 0.7)) if hour < until)


def scenarios(tuning: bool) -> list[Scenario]:
    """Those reported, or others of the same kinds to tune on."""
    mean, sigma = (420.0, 0.75) if tuning else (540.0, 0.85)
    patience = 700.0 if tuning else 900.0
    return [
        Scenario("busy", 1.03 if tuning else 1.08, mean, sigma, 5400.0, 0.8),
        Scenario(
            *("changing", 1.02 if tuning else 1.0, mean, sigma, 3600.0, 0.8),
            arrivals=_rush,
            on_duty=_shifts,
            length=lambda hour: 1.0 + 0.45 * min(max(hour - 3.0, 0.0) / 3.0, 1.0),
        ),
        Scenario("abandoning", 1.35 if tuning else 1.45, mean, sigma, patience, 0.7 if tuning else 0.75),
        Scenario("two humps", 1.1, mean, 0.6, 3600.0, 0.8, arrivals=_rush, quick=0.25),
    ]


# Agents and how many chats each takes at once.
TEAMS = {True: ((3, 2), (8, 2)), False: ((2, 2), (5, 2), (10, 3))}


@dataclass
class Asked:
    """A customer who had to wait: what each estimator said, then what happened."""

    at: float
    position: int
    ours: float
    low_s: float
    high_s: float
    oracle: float
    textbook: float
    last: float
    naive: float
    took_s: float
    waited: float = math.nan
    left: bool = False


@dataclass
class _Customer:
    at: float
    asked: Asked | None
    gone: bool = False


@dataclass
class _Agent:
    number: int
    chats: dict[int, float] = field(default_factory=dict)


class Simulation:
    """Days of one desk: agents with places, one queue in order of arrival, customers who may leave."""

    def __init__(self, scenario: Scenario, team: tuple[int, int], seed: int, days: int) -> None:
        self.scenario, (self.most, self.places), self.days = scenario, team, days
        self.chance = np.random.default_rng([seed, *scenario.name.encode(), *team])
        self.agents = [_Agent(number) for number in range(self.most)]
        self.queue: deque[_Customer] = deque()
        self.events: list[tuple[float, int, str, tuple]] = []
        self.order = count()
        self.served: deque[Served] = deque(maxlen=MOST_RECORDS)
        self.waited: deque[Waited] = deque(maxlen=MOST_RECORDS)
        self.asked: list[Asked] = []
        self.last_wait = 0.0
        self.rates: Rates | None = None
        self.learned_at = -math.inf
        self.arrivals = self.left = 0

    def run(self) -> list[Asked]:
        for day in range(self.days):
            self._plan(day * 24 * HOUR)
            while self.events:
                now, _, kind, what = heapq.heappop(self.events)
                getattr(self, f"_{kind}")(now, *what)
        return [each for each in self.asked if not math.isnan(each.waited)]

    def _plan(self, opening: float) -> None:
        """All arrivals of a day (a thinned Poisson process), and when the number of agents changes."""
        scenario = self.scenario
        shape = np.mean([scenario.arrivals(h) / scenario.on_duty(h) * scenario.length(h) for h in np.arange(0, 9, 0.1)])
        rate = scenario.load * self.most * self.places / scenario.mean_s / shape
        most = rate * max(scenario.arrivals(h) for h in np.arange(0, 9, 0.1))
        at = 0.0
        while (at := at + self.chance.exponential(1 / most)) < DAY:
            if self.chance.random() < rate * scenario.arrivals(at / HOUR) / most:
                self._later(opening + at, "arrival")
        for half_hours in range(18):
            self._later(opening + half_hours * HOUR / 2, "rota")

    def _later(self, at: float, kind: str, *what: object) -> None:
        heapq.heappush(self.events, (at, next(self.order), kind, what))

    def _hour(self, now: float) -> float:
        return now % (24 * HOUR) / HOUR

    def _on_duty(self, now: float) -> list[_Agent]:
        return self.agents[: max(1, round(self.scenario.on_duty(self._hour(now)) * self.most))]

    def _mean(self, now: float) -> float:
        return self.scenario.mean_s * self.scenario.length(self._hour(now))

    def _rota(self, now: float) -> None:
        self._drain(now)

    def _arrival(self, now: float) -> None:
        self.arrivals += 1
        customer = _Customer(now, None)
        self._drain(now)
        if all(len(agent.chats) >= self.places for agent in self._on_duty(now)):
            customer.asked = self._ask(now)
            self.asked.append(customer.asked)
            scenario = self.scenario
            scale = scenario.patience_s / math.gamma(1 + 1 / scenario.patience_shape)
            self._later(now + scale * self.chance.weibull(scenario.patience_shape), "leaving", customer)
        self.queue.append(customer)
        self._drain(now)

    def _leaving(self, now: float, customer: _Customer) -> None:
        if customer in self.queue and not customer.gone:
            customer.gone = True
            customer.asked.left = True
            self.left += 1
            self.waited.append(Waited(now, now - customer.at, True))

    def _ending(self, now: float, agent: _Agent, chat: int) -> None:
        self.served.append(Served(now, now - agent.chats.pop(chat)))
        self._drain(now)

    def _drain(self, now: float) -> None:
        """Fill every free place. Who has left is passed on the way: they would have been served now."""
        while self.queue:
            agent = min(self._on_duty(now), key=lambda each: len(each.chats))
            if len(agent.chats) >= self.places:
                return
            customer = self.queue.popleft()
            if customer.asked:
                customer.asked.waited = now - customer.at
            if customer.gone:
                continue
            self.last_wait = now - customer.at
            self.waited.append(Waited(now, self.last_wait, False))
            chat = next(self.order)
            agent.chats[chat] = now
            self._later(now + self._length(now), "ending", agent, chat)

    def _length(self, now: float) -> float:
        """How long a chat that begins now will last. Its mean is `_mean`, with quick ones or without."""
        quick, sigma, mean = self.scenario.quick, self.scenario.sigma, self._mean(now)
        if quick and self.chance.random() < quick:
            return float(self.chance.exponential(QUICK_S))
        mean = (mean - quick * QUICK_S) / (1 - quick)
        return float(self.chance.lognormal(math.log(mean) - sigma**2 / 2, sigma))

    def _ask(self, now: float) -> Asked:
        ahead = [now - each.at for each in self.queue if not each.gone]
        chats = [now - begun for agent in self._on_duty(now) for begun in agent.chats.values()]
        state = Queue(ahead, chats)
        if now - self.learned_at >= LEARN_EVERY_S or self.rates is None:
            self.learned_at = now
            self.rates = learn(list(self.served), list(self.waited), in_progress_s=chats, now=now)
        started = time.perf_counter()
        ours = estimate(state, self.rates)
        took = time.perf_counter() - started
        oracle = estimate(state, self._truth(now))
        mean = float(np.mean([each.service_s for each in self.served])) if self.served else 480.0
        return Asked(
            now,
            ours.position,
            ours.expected_s,
            ours.low_min * 60.0,
            ours.high_min * 60.0,
            oracle.expected_s,
            textbook(ours.position, len(chats), self._truth(now), self.scenario.patience_s),
            self.last_wait,
            ours.position * mean / len(chats),
            took,
        )

    def _truth(self, now: float) -> Rates:
        """What the oracle knows: the true distributions as they are at this moment."""
        scenario = self.scenario
        scale = scenario.patience_s / math.gamma(1 + 1 / scenario.patience_shape)
        edges = np.append(PATIENCE_EDGES_S, 2 * HOUR)
        hazard = np.diff((edges / scale) ** scenario.patience_shape) / np.diff(edges)
        sigma, quick, mean = scenario.sigma, scenario.quick, self._mean(now)
        if quick:
            slow = (mean - quick * QUICK_S) / (1 - quick)
            square = quick * 2 * QUICK_S**2 + (1 - quick) * slow**2 * math.exp(sigma**2)
            sigma = math.sqrt(math.log(square / mean**2))
        return Rates(mean, sigma, 1e9, tuple(edges[:-1].tolist()), tuple(hazard.tolist()))


def textbook(position: int, places: int, truth: Rates, patience_s: float) -> float:
    """The wait in a Markovian queue with the true rates: sum of 1 / (places / service + i / patience), Whitt 1999."""
    return sum(1 / (places / truth.mean_s + ahead / patience_s) for ahead in range(position))


def figures(asked: list[Asked]) -> dict[str, float]:
    """Errors in minutes, their ratios, and the share of waits that lay in the range as it was shown."""
    waited = np.array([each.waited for each in asked])
    low, high = (np.array([getattr(each, name) for each in asked]) for name in ("low_s", "high_s"))
    error = {
        name: (np.array([getattr(each, name) for each in asked]) - waited) / 60
        for name in ("ours", "oracle", "textbook", "last", "naive")
    }
    mae = {name: float(np.abs(values).mean()) for name, values in error.items()}
    mse = {name: float((values**2).mean()) for name, values in error.items()}
    return {
        "customers": len(asked),
        "wait_min": float(waited.mean() / 60),
        **{f"mae_{name}": value for name, value in mae.items()},
        "mae_ratio_to_oracle": mae["ours"] / mae["oracle"],
        "mse_ratio_to_les": mse["ours"] / mse["last"],
        "mse_oracle_to_les": mse["oracle"] / mse["last"],
        "coverage": float(((low <= waited) & (waited <= high)).mean()),
        "below": float((waited < low).mean()),
        "above": float((waited > high).mean()),
        "bias_min": float(error["ours"].mean()),
        "bias_oracle": float(error["oracle"].mean()),
        "range_min": float((high - low).mean() / 60),
        "estimate_us": float(np.median([each.took_s for each in asked]) * 1e6),
    }


def main() -> None:
    """Run all of it and print tables and JSON."""
    parser = argparse.ArgumentParser(prog="scripts/bench wait", description=__doc__)
    parser.add_argument(
        "--tuning", action="store_true", help="the seeds and scenarios that the constants were tuned on"
    )
    parser.add_argument("--seeds", type=int, default=0, help="how many seeds (6, or 5 for tuning)")
    parser.add_argument("--days", type=int, default=2, help="days in a row with one history, empty at first (2)")
    parser.add_argument("--team", type=_team, help="only a team of this size, agents x chats at once, as in 40x3")
    options = parser.parse_args()
    seeds = list(TUNING if options.tuning else REPORTED)[: options.seeds or None]
    runs = [
        (scenario, team, seed)
        for scenario in scenarios(options.tuning)
        for team in ([options.team] if options.team else TEAMS[options.tuning])
        for seed in seeds
    ]
    groups: dict[str, dict[str, list[Asked]]] = {"scenarios": {}, "teams": {}, "parts": {}}
    for scenario, team, seed in track(runs, "simulating", console=Console(stderr=True)):
        asked = Simulation(scenario, team, seed, options.days).run()
        groups["scenarios"].setdefault(scenario.name, []).extend(asked)
        groups["teams"].setdefault(f"{scenario.name} {team[0]}x{team[1]}", []).extend(asked)
        for part, belongs in PARTS.items():
            groups["parts"].setdefault(part, []).extend(each for each in asked if belongs(each))
    results = {kind: {name: figures(each) for name, each in of.items() if each} for kind, of in groups.items()}
    for rows in results.values():
        _show(rows)
    ours = {name: results["parts"]["all"][name] for name in ("mae_ratio_to_oracle", "mse_ratio_to_les", "coverage")}
    print(json.dumps({"ours": ours, **results}))


def _team(text: str) -> tuple[int, int]:
    agents, places = (int(part) for part in text.split("x"))
    if not (0 < agents <= 200 and 0 < places <= 10):
        raise ValueError(text)
    return agents, places


PARTS: dict[str, Callable[[Asked], bool]] = {
    "all": lambda asked: True,
    "who stayed": lambda asked: not asked.left,
    "who left": lambda asked: asked.left,
    "first hour": lambda asked: asked.at < HOUR,
    "waits of over 15 minutes": lambda asked: asked.waited > 900,
}


def _show(results: dict[str, dict[str, float]]) -> None:
    table = Table("queue", *(name.replace("_", " ") for name in next(iter(results.values()))))
    for name, row in results.items():
        table.add_row(name, *(f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for value in row.values()))
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
