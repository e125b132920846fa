"""`scripts/bench first_answers`: a first reply is what it is to the customer who asked."""

import subprocess
import sys

import pytest

from benchmarks.first_answers import outcome
from benchmarks.turns.our_side import HANDED_OVER
from kb_index.question_sets import Question
from kb_index.settings import ROOT

TITLES = {"a": "Reset the hub", "b": "Pair it", "c": "Range"}
ASKED = Question("q1", "how do I start over", frozenset({"a"}))


def choices(*texts: str) -> dict:
    return {"author": "bot", "quick_replies": [{"title": text, "text": text} for text in texts]}


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"author": "bot", "article": {"id": "a"}}, "right"),
        ({"author": "bot", "article": {"id": "b"}}, "wrong"),
        (choices("Pair it", "reset the hub", "Talk to a person"), "choices_with_it"),
        (choices("Pair it", "Talk to a person"), "choices_without"),
        (choices("Talk to a person"), "none"),
        ({"author": "bot"}, "none"),
        ({"author": "system", "notice": HANDED_OVER}, "person"),
    ],
)
def test_a_reply_counts_as_what_it_is_to_who_asked(said, what):
    assert outcome(said, ASKED, TITLES) == what


def test_a_folder_that_is_none_is_said_in_one_line(tmp_path):
    command = [sys.executable, "-m", "benchmarks.first_answers", "--corpus", str(tmp_path / "none")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
