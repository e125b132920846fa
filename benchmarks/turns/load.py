"""A closed loop: so many customers at once, each says the next line as soon as the last one is answered."""

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psutil

from benchmarks.turns.questions import Conversation

# No turn takes this long unless something is broken.
REPLY_TIMEOUT_S = 15
# After a failure, so that a side that is down is not asked a thousand times a second.
PAUSE_S = 0.2


class TurnFailed(Exception):
    """An error, no answer, or an empty one; the text says which."""


class Gone(Exception):
    """The bot had left the conversation already, with its last reply: nobody answers this."""


@dataclass(frozen=True)
class Said:
    """A side's reply: the article that it came from where it names one, `over` when the bot left the conversation."""

    text: str
    article: str | None = None
    over: bool = False


class Customer(Protocol):
    """One customer of one side."""

    async def arrive(self) -> None: ...
    async def say(self, text: str) -> Said:
        """Raises TurnFailed, Gone."""
        ...

    async def leave(self) -> None: ...


@dataclass
class Measured:
    """One stretch of load on one side."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    questions: int = 0
    right: int = 0
    handed_over: int = 0
    cpu_ms: dict[str, float] = field(default_factory=dict)
    rss_mb: float = 0.0

    def figures(self) -> dict[str, float]:
        """Messages a second, latencies and memory; all zero but the memory where nothing was answered."""
        cuts = statistics.quantiles(self.latencies_ms, n=100) if len(self.latencies_ms) > 1 else [0.0] * 99
        answered = len(self.latencies_ms)
        return {
            "messages_per_s": answered / self.seconds,
            "p50_ms": cuts[49],
            "p95_ms": cuts[94],
            "p99_ms": cuts[98],
            "rss_mb": self.rss_mb,
            "right_article": self.right / self.questions if self.questions else 0.0,
            "cpu_ms": sum(self.cpu_ms.values()) / max(answered, 1),
        }


async def run(
    customer: Callable[[], Customer],
    conversations: Sequence[Conversation],
    processes: dict[str, int],
    concurrency: int,
    warm_up_s: float,
    seconds: float,
) -> Measured:
    """Load one side with `concurrency` conversations at a time; what ends in the warm-up is not counted."""
    measured = Measured()
    following = itertools.cycle(conversations)
    counting = asyncio.Event()
    workers = [asyncio.create_task(_talk_on(customer, following, counting, measured)) for _ in range(concurrency)]
    try:
        await asyncio.sleep(warm_up_s)
        before, started = _cpu_s(processes), time.perf_counter()
        counting.set()
        await asyncio.sleep(seconds)
        counting.clear()
        measured.seconds = time.perf_counter() - started
        measured.cpu_ms = {name: (used - before[name]) * 1000 for name, used in _cpu_s(processes).items()}
        measured.rss_mb = _memory_mb(processes)
        if not measured.latencies_ms:
            measured.errors["nothing was answered"] += 1
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return measured


async def _talk_on(
    customer: Callable[[], Customer],
    following: "itertools.cycle[Conversation]",
    counting: asyncio.Event,
    measured: Measured,
) -> None:
    while True:
        someone = customer()
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                await someone.arrive()
            await _converse(someone, next(following), counting, measured)
        except (TurnFailed, OSError, TimeoutError) as problem:
            measured.errors[str(problem)[:160] or type(problem).__name__] += 1
            await asyncio.sleep(PAUSE_S)
        finally:
            await someone.leave()


async def _converse(someone: Customer, lines: Conversation, counting: asyncio.Event, measured: Measured) -> None:
    for line in lines:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(REPLY_TIMEOUT_S):
                said = await someone.say(line.text)
        except TimeoutError as problem:
            raise TurnFailed(f"no reply in {REPLY_TIMEOUT_S} s") from problem
        except Gone:
            measured.handed_over += 1
            return
        took = (time.perf_counter() - started) * 1000
        if counting.is_set():
            measured.latencies_ms.append(took)
            measured.handed_over += said.over
            if line.articles:
                measured.questions += 1
                measured.right += said.article in line.articles
        if said.over:
            return


def _cpu_s(processes: dict[str, int]) -> dict[str, float]:
    used = {name: sum(_cpu_of(each) for each in _family(number)) for name, number in processes.items()}
    return {**used, "load": _cpu_of(psutil.Process())}


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _memory_mb(processes: dict[str, int]) -> float:
    """Resident memory of the processes and their children; what they share is counted once."""
    whole = [each.memory_full_info().pss for number in processes.values() for each in _family(number)]
    return sum(whole) / 2**20


def _family(number: int) -> list[psutil.Process]:
    process = psutil.Process(number)
    return [process, *process.children(recursive=True)]
