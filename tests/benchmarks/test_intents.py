"""`scripts/bench intents`: the figures mean what their names say, and it runs on any CSV of the format."""

import csv
import json
import os
import subprocess
import sys

import pytest

from benchmarks.intents import CannotRun, figures_of, read_rows
from kb_index.settings import ROOT

NAMES = {"intent_0": "apples", "intent_1": "pears", "out_of_scope": "oos"}


def said(intent: str, doubt: float, *ranking: str) -> dict:
    return {
        "intent": {"name": intent},
        "intent_ranking": [{"name": name} for name in ranking or (intent,)],
        "out_of_scope_probability": doubt,
    }


def test_a_right_intent_that_was_not_trusted_counts_for_the_one_accuracy_and_not_for_the_other():
    understood = [
        said("intent_0", 0.1),
        said("out_of_scope", 0.8, "out_of_scope", "intent_1"),
        said("nlu_fallback", 0.3, "nlu_fallback", "intent_0", "intent_1"),
        said("out_of_scope", 0.9),
        said("intent_1", 0.2),
    ]
    figures = figures_of(["apples", "pears", "pears", "oos", "oos"], understood, NAMES)
    assert figures["accuracy_in_scope"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["accuracy_in_scope_accepted"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["oos_recall"] == 0.5
    assert figures["oos_auroc"] == pytest.approx(4 / 6, abs=1e-4)


def test_what_cannot_be_measured_is_null():
    figures = figures_of(["apples"], [said("intent_0", 0.1)], NAMES)
    assert figures["accuracy_in_scope"] == 1
    assert figures["oos_recall"] is None and figures["oos_auroc"] is None and figures["mcc"] is None


def test_a_file_that_is_no_such_csv_is_refused(tmp_path):
    for name, content in (("a.csv", b""), ("b.csv", b"a,b\n1,2\n"), ("c.csv", b"text,label\n\xff,x\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CannotRun):
            read_rows(tmp_path / name)
    with pytest.raises(CannotRun):
        read_rows(tmp_path / "missing.csv")


def test_it_runs_on_hostile_rows_and_ends_with_one_line_of_json(tmp_path):
    rows = {
        "fruit/[odd](label)": [
            "i like apples",
            "apples [are](order_number) fine",
            "an apple a day",
            "red apples, please",
        ],
        "- yaml: {label}": ["ripe pears", "pears are sweet", "a pear tree", "/restart pears"],
        "oos": ["who won the match", "write a poem"],
    }
    for name in ("train.csv", "test.csv"):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([text, label] for label, texts in rows.items() for text in texts)
            writer.writerow(["", "oos"])
    command = [sys.executable, "-m", "benchmarks.intents", "--json"]
    command += ["--train", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert {"mcc", "accuracy_in_scope", "oos_recall", "oos_auroc", "ms_per_message"} <= set(result)
    assert result["accuracy_in_scope"] == 1.0 and result["test_rows"] == 11
