"""The ranking's weights are fitted on the even questions of all named sets, and written with what they are of."""

import json

import pytest

from kb_index import fitting
from kb_index.confidence import FEATURES, FITTED_FILE, PARTS
from kb_index.fitting import MONOTONE

ARTICLES = {
    "alarm": (
        "Turn off the alarm",
        "Press the red button for three seconds. The alarm is silent until the next morning.",
    ),
    "light": ("Change the light", "Turn the wheel on the side. Blue and green are on the left."),
    "battery": ("Battery and charging", "A full battery lasts nine days. Charge it with the cable in the box."),
    "warranty": ("Warranty", "We repair it free of charge for two years. Keep the receipt."),
    "shipping": ("Shipping abroad", "We ship to Norway and Canada. It takes eight days."),
    "account": ("Delete your account", "Choose Account, then Delete. Your data is gone after a week."),
}
ASKED = [
    ("how do I silence the alarm", "alarm"),
    ("is a blue light possible", "light"),
    ("how long does the battery last", "battery"),
    ("it broke after a year, who pays", "warranty"),
    ("do you send to Canada", "shipping"),
    ("please remove all my data", "account"),
]


@pytest.fixture
def set_of(tmp_path):
    def write(name):
        folder = tmp_path / name
        folder.mkdir()
        for number, (title, body) in ARTICLES.items():
            (folder / f"{number}.md").write_text(f"---\ntitle: {title}\nid: {number}\n---\n\n{body}\n")
        messages = tmp_path / f"{name}.jsonl"
        rows = [
            {"id": f"m{at}", "text": text, "kind": "question", "expected": {"action": "answer", "article": article}}
            for at, (text, article) in enumerate(ASKED * 2)
        ]
        messages.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(folder), str(messages)

    return write


def test_weights_and_probability_are_fitted_on_all_the_sets_that_are_named(set_of, tmp_path, capsys):
    (corpus, messages), other = set_of("own"), set_of("other")
    output = tmp_path / "fitted.json"
    named = ["--corpus", corpus, "--messages", messages, "--and-also", *other]
    assert fitting.main([*named, "--output", str(output)]) == 0
    stored = json.loads(output.read_text())
    assert json.loads(capsys.readouterr().out) == stored
    assert stored["weights_fitted_on"] == ["own.jsonl: 6 questions", "other.jsonl: 6 questions"]
    assert stored["weights"].keys() == set(PARTS) and min(stored["weights"].values()) >= 0
    coefficients = stored["confidence"]["coefficients"]
    assert coefficients.keys() == set(FEATURES) and min(coefficients[name] for name in MONOTONE) >= 0


def test_the_probability_can_be_fitted_by_itself_and_the_order_stays(set_of, tmp_path):
    corpus, messages = set_of("own")
    output = tmp_path / "fitted.json"
    named = ["--corpus", corpus, "--messages", messages, "--keep-weights"]
    assert fitting.main([*named, "--output", str(output)]) == 0
    stored, shipped = json.loads(output.read_text()), json.loads(FITTED_FILE.read_text())
    for kept in ("weights", "sharpness", "weights_fitted_on"):
        assert stored[kept] == shipped[kept]
    assert stored["confidence_fitted_on"] == ["own.jsonl: 6 questions"]
    assert stored["confidence"] != shipped["confidence"]


def test_a_set_that_cannot_be_read_is_named_and_nothing_is_written(set_of, tmp_path, capsys):
    corpus, messages = set_of("own")
    output = tmp_path / "fitted.json"
    named = ["--corpus", corpus, "--messages", messages, "--and-also", corpus, str(tmp_path / "none.jsonl")]
    assert fitting.main([*named, "--output", str(output)]) == 2
    assert "none.jsonl" in capsys.readouterr().err and not output.exists()
