"""`scripts/bench turn`: one turn of Switchboard against one of stock Rasa, side by side in one run."""

import argparse
import asyncio
import contextlib
import json
import shutil
import signal
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from rich.console import Console

from benchmarks.turns import acks, load, report, stock
from benchmarks.turns.load import Measured
from benchmarks.turns.our_side import OurSide
from benchmarks.turns.questions import Conversation, conversations
from benchmarks.turns.stock_side import StockSide
from bot.operations.installation import CannotRun
from kb_index.settings import ROOT

# Models and throw-away databases: on the disk of the project, not in a /tmp that may be memory.
PLACE = ROOT / "var" / "bench"
CONVERSATIONS = 500
WARM_UP_S = 4.0

Runs = dict[tuple[str, int], list[Measured]]
Acks = dict[int, acks.Acknowledged]


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _interrupt)
    progress = Console(stderr=True, highlight=False)
    try:
        with _throw_away() as folder:
            runs, acknowledged = _measure(options, folder, progress)
    except CannotRun as problem:
        print(f"\nThe benchmark can't go on: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    result = _result(runs, acknowledged, options.concurrency[-1])
    result["stock_tracker_store"] = "sqlite" if options.stock_durable else "memory"
    out = Console(stderr=options.json, highlight=False)
    report.show(result, out)
    print(json.dumps(result))
    return 1 if result["errors"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench turn", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    parser.add_argument("--seconds", type=float, default=12, help="of load for each side, concurrency and round (12)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each side is started, in turns (2)")
    parser.add_argument(
        "--ack-seconds",
        type=float,
        default=40,
        help="of chat between people, over all rounds, and as long of raw commits (40)",
    )
    parser.add_argument(
        "--concurrency",
        type=int,
        nargs="+",
        default=[1, 4, 8, 16],
        metavar="N",
        help="conversations at once (1 4 8 16); the line of JSON is about the last one",
    )
    parser.add_argument(
        "--stock-durable", action="store_true", help="stock Rasa keeps its trackers in SQLite, not in memory"
    )
    parser.add_argument("--only", choices=["ours", "stock"], help="one side alone, to look into it")
    options = parser.parse_args()
    if min(options.seconds, options.rounds, options.ack_seconds, *options.concurrency) <= 0:
        parser.error("seconds, rounds and concurrency are above 0")
    return options


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _throw_away() -> Iterator[Path]:
    PLACE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ours-", dir=PLACE))
    try:
        yield folder
    except CannotRun:
        # Its message names a log in there.
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _measure(options: argparse.Namespace, folder: Path, progress: Console) -> tuple[Runs, Acks]:
    sides = {}
    if options.only != "stock":
        sides["ours"] = OurSide(folder, progress)
    if options.only != "ours":
        sides["stock"] = StockSide(stock.trained_project(PLACE, progress), options.stock_durable)
    spoken = conversations(CONVERSATIONS)
    runs: Runs = defaultdict(list)
    acknowledged = {chats: acks.Acknowledged() for chats in acks.CHATS}
    for number in range(options.rounds):
        for name, side in sides.items():
            progress.print(f"Round {number + 1} of {options.rounds}: {side.title}, alone on the machine")
            with side.running(progress):
                for concurrency in options.concurrency:
                    measured = _load(side, spoken, concurrency, options.seconds, progress)
                    runs[name, concurrency].append(measured)
                if isinstance(side, OurSide):
                    seconds = options.ack_seconds / options.rounds / len(acks.CHATS)
                    for chats, into in acknowledged.items():
                        with progress.status(f"Messages between people, {chats} at once, {seconds:.0f} s …"):
                            acks.measure(side, seconds, chats, into)
    return runs, acknowledged


def _load(
    side: OurSide | StockSide, spoken: list[Conversation], concurrency: int, seconds: float, progress: Console
) -> Measured:
    async def loaded() -> Measured:
        async with side.customers() as customer:
            return await load.run(customer, spoken, side.processes, concurrency, WARM_UP_S, seconds)

    with progress.status(f"{side.title}: {concurrency} at once, {WARM_UP_S:.0f} s + {seconds:.0f} s …"):
        measured = asyncio.run(loaded())
    figures = measured.figures()
    errors = f", [red]{sum(measured.errors.values())} errors[/red]" if measured.errors else ""
    progress.print(
        f"  {concurrency} at once: {figures['messages_per_s']:.1f} messages/s, p50 {figures['p50_ms']:.0f} ms{errors}"
    )
    return measured


def _result(runs: Runs, acknowledged: Acks, headline: int) -> dict:
    """Medians over the rounds; the first five figures of each side are those at `headline` at once."""
    every: dict[str, dict[str, dict]] = defaultdict(dict)
    for (name, concurrency), measured in runs.items():
        figures = [each.figures() for each in measured]
        every[name][str(concurrency)] = {
            key: round(statistics.median(each[key] for each in figures), 3) for key in figures[0]
        }
    errors = {name: _errors(runs, name) for name in every}
    result = {name: _five(by_concurrency[str(headline)]) for name, by_concurrency in every.items()}
    if len(every) == 2:
        ours, theirs = result["ours"], result["stock"]
        result["throughput_ratio"] = round(ours["messages_per_s"] / max(theirs["messages_per_s"], 1e-9), 2)
        result["p50_ratio"] = round(ours["p50_ms"] / max(theirs["p50_ms"], 1e-9), 3)
    measured = {chats: each.figures() for chats, each in acknowledged.items() if each.acks_ms}
    if measured:
        # One chat, as the raw commit is alone on its disk too; against the median commit, the harder of the two.
        result["human_ack_p99_over_commit"] = round(measured[min(measured)]["p99_over_commit_median"], 2)
        result["human_ack"] = {
            str(chats): {key: round(value, 3) for key, value in each.items()} for chats, each in measured.items()
        }
    return {
        **result,
        "concurrency": headline,
        "by_concurrency": every,
        "cpu_ms_a_message": {name: _cpu(runs[name, headline]) for name in every},
        "handed_over": {
            name: sum(m.handed_over for key, ms in runs.items() if key[0] == name for m in ms) for name in every
        },
        "errors": sum(sum(each.values()) for each in errors.values()),
        "error_texts": {name: dict(each.most_common(10)) for name, each in errors.items() if each},
    }


def _five(figures: dict[str, float]) -> dict[str, float]:
    return {key: figures[key] for key in ("messages_per_s", "p50_ms", "p95_ms", "p99_ms", "rss_mb")}


def _errors(runs: Runs, side: str) -> Counter[str]:
    return sum((each.errors for (name, _), measured in runs.items() if name == side for each in measured), Counter())


def _cpu(measured: list[Measured]) -> dict[str, float]:
    messages = max(1, sum(len(each.latencies_ms) for each in measured))
    return {name: round(sum(each.cpu_ms[name] for each in measured) / messages, 2) for name in measured[0].cpu_ms}


if __name__ == "__main__":
    sys.exit(main())
