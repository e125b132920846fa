"""`python -m bot.escalation evaluate`: measures noticing, shows a table, and prints a last line of JSON."""

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.escalation.evaluate import Progress, evaluate
from bot.escalation.examples import ExampleError, dialogues, labelled_texts
from bot.escalation.mood import FittedError, fitted
from kb_index.encoder import Encoder, EncoderError

ENCODER = Path(__file__).resolve().parents[2] / "models" / "encoder"
TOLD_EVERY_S = 5.0
SHOWN = {
    "auroc": "AUROC, turns with satisfaction < 2.5",
    "average_precision": "average precision of these",
    "recall_at_p90": "recall at precision .9",
    "recall_at_keywords_false_alarms": "recall at the keywords' false alarms",
    "wants_human_ap": "wants a person: average precision",
    "ms_per_turn": "ms a turn, encoding included",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bot.escalation", description=__doc__)
    command = parser.add_subparsers(required=True, metavar="evaluate").add_parser("evaluate")
    command.add_argument("--dialogues", type=Path, help='JSON lines {"turns": [{"speaker", "text", "satisfaction"}]}')
    command.add_argument("--texts", type=Path, help="CSV with the columns text and wants_human")
    command.add_argument("--encoder", type=Path, default=ENCODER, help="the exported encoder (models/encoder)")
    command.add_argument("--json", action="store_true", help="print the line of JSON only")
    options = parser.parse_args(arguments)
    if not options.dialogues and not options.texts:
        command.error("give --dialogues, --texts or both")
    try:
        talks = dialogues(options.dialogues, "satisfaction") if options.dialogues else None
        texts = labelled_texts(options.texts) if options.texts else None
        encoder = Encoder.load(options.encoder)
        fitted().check(encoder.name, encoder.dimensions)
        results = evaluate(talks, texts, encoder, _progress())
    except (ExampleError, EncoderError, FittedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.json:
        _print(results)
    print(json.dumps(results))
    return 0


def _progress() -> Progress:
    """Say on stderr how far it is, every few seconds."""
    started = told = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= TOLD_EVERY_S or (done == total and now - started >= TOLD_EVERY_S):
            told = now
            print(f"{done:,} of {total:,} turns, {now - started:.0f} s", file=sys.stderr, flush=True)

    return progress


def _print(results: dict[str, dict[str, float | None]]) -> None:
    table = Table("", *results)
    for key, label in SHOWN.items():
        values = [found.get(key) for found in results.values()]
        table.add_row(label, *("-" if value is None else f"{value:.3f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
