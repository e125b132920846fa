"""Fitting: on the examples of the repository, with a little of another set; and what it says about bad ones."""

import json

import numpy as np
import pytest

from bot.escalation import fitting
from bot.escalation.examples import dialogues, rows
from bot.escalation.mood import FITTED_FILE, read
from kb_index.settings import ROOT

EXAMPLES = ROOT / "data" / "escalation"
FELT = [("what a lovely day", ["joy"]), ("I hate this rubbish", ["anger"]), ("it is raining", ["neutral"])]


@pytest.fixture
def emotions(tmp_path):
    (tmp_path / "train.jsonl").write_text("".join(json.dumps({"text": t, "labels": x}) + "\n" for t, x in FELT * 3))
    return tmp_path


def test_what_is_fitted_is_read_back_and_says_how_it_came_about(emotions, tmp_path, capsys):
    output = tmp_path / "fitted.json"
    assert fitting.main(["--goemotions", str(emotions), "--output", str(output)]) == 0
    by, stored = read(output), json.loads(output.read_text())
    assert stored["how"] == "scripts/train escalation" and "9 texts" in stored["fitted_on"][0]
    assert by.mood.weights["angry"] > 0 and by.mood.weights["trend"] > 0
    # What is known to be a bad sign never counts as a good one, whatever the examples say.
    assert all(by.mood.weights[name] >= 0 for name in fitting.WORSE)
    assert all(by.mood.weights[name] <= 0 for name in fitting.BETTER)


def test_the_committed_weights_were_fitted_on_the_committed_examples():
    stored = json.loads(FITTED_FILE.read_text())
    lines = dialogues(EXAMPLES / "dialogues.jsonl", "mood")
    moods = sum(line.label is not None for talk in lines for line in talk)
    moods += sum(len(list(rows(EXAMPLES / name))) for name in ("turns.jsonl", "asides.jsonl"))
    people = len(list(rows(EXAMPLES / "person.jsonl")))
    assert f"{moods} turns with a mood, {people} texts" in stored["fitted_on"][1]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("turns.jsonl", '{"text": "hi", "mood": "cross"}'),
        ("turns.jsonl", '{"mood": "neutral"}'),
        ("person.jsonl", '{"text": 3}'),
        ("person.jsonl", '{"text": "hi"}'),
        ("dialogues.jsonl", '{"turns": [{"speaker": "customer", "text": "hi", "mood": 3}]}'),
    ],
)
def test_a_bad_example_is_named_by_its_line(emotions, tmp_path, capsys, name, line):
    for each in ("turns.jsonl", "asides.jsonl", "person.jsonl", "dialogues.jsonl"):
        (tmp_path / each).write_bytes((EXAMPLES / each).read_bytes())
    with (tmp_path / name).open("a") as file:
        file.write(line + "\n")
    count = len((EXAMPLES / name).read_text().splitlines()) + 1
    assert fitting.main(["--goemotions", str(emotions), "--examples", str(tmp_path)]) == 2
    assert f"{name}, line {count}" in capsys.readouterr().err


def test_a_missing_set_is_said(tmp_path, capsys):
    assert fitting.main(["--goemotions", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_logistic_finds_the_weights_it_was_made_with():
    random = np.random.default_rng(0)
    values = random.normal(size=(4000, 2))
    chances = 1 / (1 + np.exp(-(values @ [2.0, -1.0] + 0.5)))
    weights, intercept = fitting.logistic(values, chances, 1e-9)
    assert weights == pytest.approx([2.0, -1.0], abs=0.01)
    assert intercept == pytest.approx(0.5, abs=0.01)


def test_examples_of_one_beginning_stay_in_one_fold():
    groups = np.array(["a", "b", "a", "c", "b"])
    folds = fitting.folds_of(groups)
    assert folds[0] == folds[2] and folds[1] == folds[4]
    assert set(folds) <= set(range(fitting.FOLDS))


def test_no_training_example_is_an_evaluation_message():
    """But for what everybody says in the same few words, such as a single "agent"."""
    asked = {row["text"].strip().lower() for _, row in rows(ROOT / "data" / "evaluation" / "messages.jsonl")}
    written = {
        row["text"].strip().lower() for name in ("turns", "person") for _, row in rows(EXAMPLES / f"{name}.jsonl")
    }
    talks = dialogues(EXAMPLES / "dialogues.jsonl", "mood")
    written |= {line.text.strip().lower() for talk in talks for line in talk if line.by_customer}
    assert not {text for text in written & asked if len(text.split()) > 3}
