"""`scripts/bench handover`: labelled conversations, and whether a person takes over when a good human would.

What the customer and the assistant say is given; intents are the trained model's, signals and decision the product's.
An assistant's turn that found nothing, or understood nothing, counts as a failed answer, as the actions count it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.escalation.decision import FAILED_ANSWERS_LIMIT, HAND_OVER, OFFER, Decision, decide
from bot.escalation.examples import ExampleError, rows
from bot.escalation.mood import Said
from bot.escalation.noticed import noticed
from bot.escalation.signals import Signals
from kb_index.encoder import Encoder, EncoderError
from kb_index.settings import ROOT

FOLDER = ROOT / "data" / "escalation"
FILES = ("conversations.jsonl", "conversations_seen.jsonl", "conversations_held_out.jsonl")
MODEL = ROOT / "models" / "rasa" / "switchboard.tar.gz"
ENGINE_PYTHON = ROOT / ".venv-engine" / "bin" / "python"
LONGEST_S = 300
# So many of the customer's turns from the label still count as being on time.
WITHIN = 1
FAILED = ("found_nothing", "not_understood")
HELPED = ("looked_up",)

Intents = dict[str, tuple[str, float]]


def main() -> int:
    options = _options()
    shown = Console(stderr=options.json, highlight=False)
    try:
        talks = {path.name: [row for _, row in rows(path)] for path in options.files}
        encoder = Encoder.load(ROOT / "models" / "encoder")
        with shown.status("The trained model reads what customers wrote …"):
            intents = _intents(talks)
    except (ExampleError, EncoderError, OSError, subprocess.SubprocessError, ValueError) as problem:
        print(f"The measurement can't run: {problem}", file=sys.stderr)
        return 1
    table = Table(
        "conversations", "to hand over", "within one turn", "of the others", "handed over", "offered a person"
    )
    results = {}
    for name, each in talks.items():
        found, wrong = _measure(each, intents, encoder)
        results[name.removesuffix(".jsonl")] = found
        table.add_row(
            name,
            str(found["to_hand_over"]),
            f"{found['within_one_turn']:.1%}",
            str(found["others"]),
            f"{found['unnecessary']:.1%}",
            f"{found['offered']:.1%}",
        )
        for line in wrong if options.wrong else []:
            shown.print(line, markup=False)
    shown.print(table)
    print(json.dumps(results))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench handover", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=[FOLDER / name for name in FILES])
    parser.add_argument("--wrong", action="store_true", help="also list what went wrong")
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    return parser.parse_args()


def _intents(talks: dict[str, list[dict[str, Any]]]) -> Intents:
    said = {turn["text"] for each in talks.values() for talk in each for turn in talk["turns"] if _customer(turn)}
    quiet = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "texts.json").write_text(json.dumps(sorted(said)), encoding="utf-8")
        command = [str(ENGINE_PYTHON), "-W", "ignore", "-m", "benchmarks._handover_engine", folder, str(MODEL)]
        environment = {**os.environ, **quiet, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=LONGEST_S)
        return json.loads((Path(folder) / "intents.json").read_text(encoding="utf-8"))


def _measure(talks: list[dict[str, Any]], intents: Intents, encoder: Encoder) -> tuple[dict[str, float], list[str]]:
    on_time = unnecessary = offered = wanted = 0
    wrong = []
    for talk in talks:
        label = talk["hand_over"]
        at, why, offer = _play(talk["turns"], intents, encoder)
        asked = [place for place, turn in enumerate(talk["turns"]) if _customer(turn)]
        if label:
            wanted += 1
            good = at is not None and abs(asked.index(at) - asked.index(label["turn"])) <= WITHIN
            on_time += good
        else:
            good = at is None
            unnecessary += not good
            offered += offer
        if not good:
            wrong.append(f"{talk['id']} labelled {label}, handed over at {at}: {why}")
    others = len(talks) - wanted
    found = {
        "to_hand_over": wanted,
        "within_one_turn": round(on_time / max(wanted, 1), 3),
        "others": others,
        "unnecessary": round(unnecessary / max(others, 1), 3),
        "offered": round(offered / max(others, 1), 3),
    }
    return found, wrong


def _play(turns: list[dict[str, Any]], intents: Intents, encoder: Encoder) -> tuple[int | None, str, bool]:
    """The customer's turn at which a person takes over, why, and whether one was offered before."""
    offered, failed = False, 0
    for place, signals in _noticed(turns, encoder):
        intent, confidence = intents[turns[place]["text"]]
        decision = decide(signals, intent, confidence, failed)
        if decision.outcome == HAND_OVER:
            return place, _said(decision), offered
        offered |= decision.outcome == OFFER
        failed += intent == "did_not_help" or signals.says_not_helped
        did = turns[place + 1].get("did") if place + 1 < len(turns) else None
        failed = 0 if did in HELPED or intent == "helped" else failed + (did in FAILED)
        if failed >= FAILED_ANSWERS_LIMIT and did in FAILED:
            return place, "two answers in a row did not help", offered
    return None, "", offered


def _noticed(turns: list[dict[str, Any]], encoder: Encoder) -> Iterator[tuple[int, Signals]]:
    said: list[Said] = []
    for place, turn in enumerate(turns):
        now = Said.of(_customer(turn), turn["text"], lambda text: encoder.encode([text])[0])
        if now.by_customer:
            yield place, noticed(now, said)
        said.append(now)


def _said(decision: Decision) -> str:
    return f"{decision.reason}: {' '.join(decision.reasons)}"


def _customer(turn: dict[str, Any]) -> bool:
    return turn["speaker"] == "customer"


if __name__ == "__main__":
    sys.exit(main())
