"""`scripts/bench intents`: the very pipeline of config.yml, trained by Rasa on one CSV and tested on another.

Both have the columns `text` and `label`; the label `oos` is out of scope. The pipeline decides what it takes to
be out of scope from the training rows alone, whether there are `oos` rows among them or not.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from kb_index.settings import ROOT

PLACE = ROOT / "var" / "bench"
ENGINE_PYTHON = ROOT / ".venv-engine" / "bin" / "python"
OUT_OF_SCOPE = "oos"
# What the pipeline says instead of an intent.
NO_INTENT = ("out_of_scope", "nlu_fallback", None)
LONGEST_TRAINING_S = 1800

Rows = list[tuple[str, str]]


class CannotRun(Exception):
    """The benchmark has nothing to measure; the message says why."""


def main() -> int:
    options = _options()
    out = Console(stderr=options.json, highlight=False)
    progress = Console(stderr=True, highlight=False)
    PLACE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="intents-", dir=PLACE))
    try:
        train, test = read_rows(options.train), read_rows(options.test)
        with progress.status(f"Training on {len(train)} messages, testing on {len(test)} …"):
            result = _measure(train, test, folder, options.no_background)
    except CannotRun as problem:
        print(f"\nThe benchmark can't go on: {problem}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    out.print(_table(result, options.test))
    print(json.dumps(result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench intents", description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="CSV with text and label to train on")
    parser.add_argument("--test", type=Path, required=True, help="CSV with text and label to test on")
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    parser.add_argument("--no-background", action="store_true", help="without the background messages of config.yml")
    return parser.parse_args()


def read_rows(path: Path) -> Rows:
    """Return (text, label) of each row; raises `CannotRun` for a file that is none of ours."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [((row["text"] or "").strip(), (row["label"] or "").strip()) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as problem:
        raise CannotRun(f"{path} is no CSV with the columns text and label ({problem!r}).") from problem
    rows = [(text, label) for text, label in rows if label]
    if not rows:
        raise CannotRun(f"{path} has no rows.")
    return rows


def _measure(train: Rows, test: Rows, folder: Path, no_background: bool) -> dict[str, object]:
    labels = sorted({label for _, label in train} - {OUT_OF_SCOPE})
    if len(labels) < 2:
        raise CannotRun("the training rows have fewer than two intents.")
    # A label may hold what Rasa reads as its own notation.
    names = {label: f"intent_{number}" for number, label in enumerate(labels)} | {OUT_OF_SCOPE: NO_INTENT[0]}
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    for component in config["pipeline"]:
        if no_background and "background" in component:
            component["background"] = []
    del config["policies"]
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    # Rasa's JSON: its YAML would read brackets in a message as an entity.
    examples = [{"text": text, "intent": names[label], "entities": []} for text, label in train if text]
    (folder / "train.json").write_text(json.dumps({"rasa_nlu_data": {"common_examples": examples}}), encoding="utf-8")
    (folder / "test.json").write_text(json.dumps([text for text, _ in test]), encoding="utf-8")
    _run_engine(folder)
    answer = json.loads((folder / "understood.json").read_text(encoding="utf-8"))
    of_name = {name: label for label, name in names.items()}
    figures = figures_of([label for _, label in test], answer["understood"], of_name)
    timed = {key: round(answer[key], 3) for key in ("ms_per_message", "ms_encoding", "training_s")}
    return {**figures, **timed, "train_rows": len(train), "test_rows": len(test), "background": not no_background}


def _run_engine(folder: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TQDM_DISABLE": "1",
        "LOG_LEVEL": "ERROR",
    }
    command = [str(ENGINE_PYTHON), "-W", "ignore", "-m", "benchmarks._intents_engine", str(folder)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST_TRAINING_S
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise CannotRun(f"the engine did not come to an end ({problem}).") from problem
    if done.returncode:
        raise CannotRun(f"the engine failed:\n{done.stderr[-4000:]}")


def figures_of(labels: list[str], understood: list[dict], of_name: dict[str, str]) -> dict[str, float | None]:
    """Return the figures for what the pipeline said, against the labels; None where there is nothing to measure.

    `accuracy_in_scope` is of the best intent for messages in scope, whatever the pipeline thinks of their scope;
    `accuracy_in_scope_accepted` also counts those as wrong that it took to be out of scope.
    """
    truth = np.array(labels)
    said = np.array([OUT_OF_SCOPE if _name(each) in NO_INTENT else of_name[_name(each)] for each in understood])
    best = np.array([_best_intent(each, of_name) for each in understood])
    doubt = np.array([1.0 if (p := each["out_of_scope_probability"]) is None else p for each in understood])
    outside = truth == OUT_OF_SCOPE
    both = outside.any() and not outside.all()
    return {
        "mcc": _rounded(matthews_corrcoef(truth, said)) if len(set(labels)) > 1 else None,
        "accuracy_in_scope": _rounded((best == truth)[~outside].mean()) if not outside.all() else None,
        "accuracy_in_scope_accepted": _rounded((said == truth)[~outside].mean()) if not outside.all() else None,
        "oos_recall": _rounded((said == OUT_OF_SCOPE)[outside].mean()) if outside.any() else None,
        "oos_auroc": _rounded(roc_auc_score(outside, doubt)) if both else None,
    }


def _name(parsed: dict) -> str | None:
    return (parsed["intent"] or {}).get("name")


def _best_intent(parsed: dict, of_name: dict[str, str]) -> str:
    names = (each["name"] for each in parsed["intent_ranking"] or ())
    return next((of_name[name] for name in names if name not in NO_INTENT), OUT_OF_SCOPE)


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _table(result: dict[str, object], test: Path) -> Table:
    table = Table(title=f"Intents: the pipeline of config.yml, tested on {test}")
    table.add_column("figure")
    table.add_column("", justify="right")
    for name, value in result.items():
        table.add_row(name.replace("_", " "), "-" if value is None else str(value))
    return table


if __name__ == "__main__":
    sys.exit(main())
