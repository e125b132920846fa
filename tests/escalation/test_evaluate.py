"""`python -m bot.escalation evaluate`: what it measures, and what it says about files it cannot use."""

import json

import numpy as np
import pytest

from bot.escalation import baselines, measures
from bot.escalation.__main__ import main

UPSET = "this is useless, I have told you three times what I want!"
CALM = "great, thank you"


@pytest.fixture
def dialogues(tmp_path):
    turns = [
        {"speaker": "customer", "text": "can I return a mug", "satisfaction": 3},
        {"speaker": "assistant", "text": "We sell mugs."},
        {"speaker": "customer", "text": UPSET, "satisfaction": 1.5},
        {"speaker": "assistant", "text": "Yes, within 30 days."},
        {"speaker": "customer", "text": CALM, "satisfaction": 4},
        {"speaker": "customer", "text": "a turn nobody rated"},
    ]
    path = tmp_path / "dialogues.jsonl"
    path.write_text(json.dumps({"turns": turns}) + "\n\n")
    return path


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text('text,wants_human\n"I want to talk to a person, now",1\nwhere is my parcel,0\n')
    return path


def test_the_last_line_is_json_with_every_figure(dialogues, texts, capsys):
    assert main(["evaluate", "--dialogues", str(dialogues), "--texts", str(texts)]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(results) == {"ours", "keywords", "vader"}
    ours = results["ours"]
    assert (ours["auroc"], ours["average_precision"], ours["recall_at_p90"], ours["wants_human_ap"]) == (1, 1, 1, 1)
    assert ours["ms_per_turn"] > 0
    assert results["keywords"]["auroc"] == 1


def test_either_file_may_be_left_out(dialogues, texts, capsys):
    assert main(["evaluate", "--dialogues", str(dialogues), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["ours"]
    assert main(["evaluate", "--texts", str(texts), "--json"]) == 0
    second = json.loads(capsys.readouterr().out)["ours"]
    assert first["wants_human_ap"] is None and first["auroc"] == 1
    assert second["wants_human_ap"] == 1 and second["auroc"] is None


def test_no_file_at_all_is_said(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate"])
    assert stopped.value.code == 2
    assert "--dialogues" in capsys.readouterr().err


GOOD = '{"turns": [{"speaker": "customer", "text": "hi", "satisfaction": 3}]}\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD + "{not json\n", "line 2"),
        (GOOD + '["a list"]\n', "line 2"),
        (GOOD + '{"turns": []}\n', "line 2"),
        ('{"turns": [{"speaker": "robot", "text": "hi"}]}\n', "line 1"),
        ('{"turns": [{"speaker": "customer", "text": 5}]}\n', "line 1"),
        ('{"turns": [{"speaker": "customer", "text": "hi", "satisfaction": 9}]}\n', "line 1"),
        ('{"turns": [{"speaker": "customer", "text": "hi", "satisfaction": NaN}]}\n', "line 1"),
        ('{"turns": [{"speaker": "customer", "text": "hi", "satisfaction": true}]}\n', "line 1"),
        ("[" * 100_000 + "\n", "line 1"),
        ('{"turns": [{"speaker": "customer", "text": "hi"}]}\n', "satisfaction"),
        ("", "no dialogues"),
    ],
)
def test_bad_dialogues_get_one_clear_line(tmp_path, capsys, content, said):
    path = tmp_path / "d.jsonl"
    path.write_text(content)
    assert main(["evaluate", "--dialogues", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,wants_human\nhello,0\nhi,maybe\n", "line 3"),
        ("text,wants_human\nhello\n", "line 2"),
        ("words,label\nhello,0\n", "line 1"),
        ('text,wants_human\n"never closed,0\n', "line 2"),
        ("text,wants_human\n", "no texts"),
        ("", "line 1"),
    ],
)
def test_bad_texts_get_one_clear_line(tmp_path, capsys, content, said):
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert main(["evaluate", "--texts", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line


def test_a_file_that_is_missing_or_no_text_is_said(tmp_path, capsys):
    binary = tmp_path / "b.jsonl"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", binary, tmp_path):
        assert main(["evaluate", "--dialogues", str(path)]) == 2
        assert main(["evaluate", "--texts", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6 and all("cannot be read" in line for line in lines)


def test_figures_by_hand():
    wanted = np.array([True, False, True, False, False])
    scores = np.array([4.0, 3.0, 2.0, 2.0, 1.0])
    # Pairs won: 3 of 3, and 1.5 of 3 (one lost, one tie).
    assert measures.auroc(wanted, scores) == pytest.approx(4.5 / 6)
    # Recall one half at precision 1, then the other half at 2 of 4.
    assert measures.average_precision(wanted, scores) == pytest.approx(0.75)
    assert measures.recall_at_precision(wanted, scores, 0.9) == 0.5
    assert measures.recall_at_precision(wanted, scores, 0.5) == 1
    assert measures.recall_at_precision(~wanted, scores, 0.9) == 0
    assert measures.recall_at_false_alarms(wanted, scores, 0) == 0.5
    assert measures.recall_at_false_alarms(wanted, scores, 2) == 1


def test_figures_that_have_no_answer_are_none():
    scores = np.array([1.0, 2.0])
    assert measures.auroc(np.array([True, True]), scores) is None
    for found in (
        measures.average_precision(np.array([False, False]), scores),
        measures.recall_at_precision(np.array([False, False]), scores, 0.9),
        measures.recall_at_false_alarms(np.array([False, False]), scores, 1),
    ):
        assert found is None


def test_the_keyword_lists_know_the_plain_cases():
    assert baselines.keyword_frustration("this is useless and I am angry") == 2
    assert baselines.keyword_frustration("where is my parcel") == 0
    assert baselines.keyword_person("let me speak to a human") == 2
    assert baselines.keyword_person("a personal account") == 0
