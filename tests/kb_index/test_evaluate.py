"""Evaluation counts what it says it counts, and says what is wrong with a file in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from kb_index import measures, question_sets
from kb_index.cli import main
from kb_index.question_sets import Question, QuestionSet

CORPUS = (
    {"_id": "a", "title": "Descale a kettle", "text": "Fill it with water and citric acid, boil it, and rinse twice."},
    {"_id": "b", "title": "Gift cards", "text": "A gift card is valid for three years."},
    {"_id": "c", "title": "", "text": "Parcels to Germany take three to five working days."},
)
QUERIES = (
    {"_id": "q1", "text": "how do I descale my kettle"},
    {"_id": "q2", "text": "how long is a gift card valid"},
    {"_id": "q3", "text": "when will my parcel be in Berlin, Germany"},
    {"_id": "q4", "text": "who won the match yesterday"},
)
QRELS = "query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t1\nq3\tc\t2\nq4\ta\t0\n"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    made = {name: tmp_path / name for name in ("corpus", "queries", "qrels")}
    made["corpus"].write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    made["queries"].write_text("".join(json.dumps(row) + "\n" for row in QUERIES))
    made["qrels"].write_text(QRELS)
    return made


def arguments(files: dict[str, Path], *more: str) -> list[str]:
    return ["evaluate", *(part for name, path in files.items() for part in (f"--{name}", str(path))), *more]


def test_the_last_line_has_each_system_with_its_measures(files: dict[str, Path], capsys):
    assert main(arguments(files, "--compare")) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(results) == {"ours", "minilm", "bm25"}
    assert results["ours"]["recall_at_1"] == results["ours"]["mrr_at_10"] == results["ours"]["ndcg_at_10"] == 1.0
    assert (results["ours"]["questions"], results["ours"]["answerable"]) == (4, 3)
    assert results["ours"]["auroc"] == 1.0
    assert results["bm25"]["recall_at_3"] == 1.0
    assert len(results["minilm"]["ours_minus_this"]["recall_at_1"]) == 2


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("corpus", '{"_id": "a", "text": "x"}\n{"_id"', "line 2: this is no JSON"),
        ("corpus", "[1]\n", "line 1: this is no JSON object"),
        ("corpus", '{"_id": "a"}\n', "line 1: 'text' is missing"),
        ("corpus", '{"_id": "a", "text": "x"}\n' * 2, "the article 'a' is there twice"),
        ("corpus", "", "there are no articles"),
        ("queries", '{"_id": 7, "text": "x"}\n', "'_id' is missing or no text"),
        ("queries", "", "there are no questions"),
        ("qrels", "q1 a 1\n", "not 'query-id TAB corpus-id TAB score'"),
        ("qrels", "q1\tnowhere\t1\n", "no article has the id 'nowhere'"),
        ("qrels", "q9\ta\t1\n", "no question has the id 'q9'"),
    ],
)
def test_a_broken_file_gives_one_line_that_says_where(files: dict[str, Path], name: str, text: str, said: str, capsys):
    if name == "corpus":
        files["qrels"].write_text("")
    if name == "queries" and not text:
        files["qrels"].write_text("")
    files[name].write_text(text)
    assert main(arguments(files)) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_file_that_is_not_there_or_not_text_gives_one_line(files: dict[str, Path], capsys):
    files["corpus"].write_bytes(b"\xff\xfe\xff")
    assert main(arguments(files)) == 2
    files["corpus"].unlink()
    assert main(arguments(files)) == 2
    assert capsys.readouterr().err.count("error:") == 2


def test_articles_that_are_removed_leave_questions_without_an_answer(files: dict[str, Path]):
    whole = question_sets.read(**files)
    less = question_sets.without(whole, 0.33, seed=1)
    assert len(less.documents) == 2
    assert sum(bool(question.relevant) for question in less.questions) == 2
    assert less.documents == question_sets.without(whole, 0.33, seed=1).documents
    assert [each.text for each in less.questions] == [each.text for each in whole.questions]


def test_labelled_messages_keep_their_wording_and_know_what_is_no_question(tmp_path: Path):
    corpus, messages = tmp_path / "corpus", tmp_path / "messages"
    corpus.write_text(json.dumps(CORPUS[0]) + "\n")
    rows = (
        {"id": "1", "text": "descale?", "kind": "question", "wording": "plain", "expected": {"article": "a"}},
        {"id": "2", "text": "hi", "kind": "small_talk", "expected": {"action": "chat"}},
        {"id": "3", "text": "capital of Peru", "kind": "out_of_scope", "expected": {"action": "say_so"}},
    )
    messages.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = question_sets.read_messages(corpus, messages)
    assert given.questions == [
        Question("1", "descale?", frozenset({"a"}), "plain"),
        Question("3", "capital of Peru", frozenset(), "out_of_scope"),
    ]
    assert question_sets.half(QuestionSet(given.documents, given.questions), odd=True).questions[0].id == "3"


def test_rankings_are_counted_over_questions_with_an_answer():
    found = [["a", "b"], ["a", "b", "c"], ["x"], ["y"]]
    relevant = [frozenset("a"), frozenset("c"), frozenset("q"), frozenset()]
    counted = {name: values.tolist() for name, values in measures.ranking(found, relevant).items()}
    assert counted["recall_at_1"] == [1, 0, 0]
    assert counted["recall_at_3"] == [1, 1, 0]
    assert counted["mrr_at_10"] == [1, pytest.approx(1 / 3), 0]
    assert counted["ndcg_at_10"] == [1, 0.5, 0]


def test_honesty_is_counted_as_defined():
    scores, right = np.array([0.9, 0.8, 0.6, 0.1]), np.array([True, True, False, False])
    assert measures.auroc(scores, right) == 1.0
    assert measures.auroc(np.ones(4), right) == 0.5
    assert measures.auroc(scores, np.ones(4, dtype=bool)) is None
    assert measures.coverage_at(0.9, scores, right) == 0.5
    assert measures.coverage_at(0.9, np.ones(4), right) == 0.0
    assert measures.risk_coverage_area(scores, right) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert measures.wrong_at(0.75, scores, right) == 1
    assert measures.wrong_at_best(0.75, right) == max(0, 3 - right.sum())
    assert measures.wrong_at_best(1.0, np.zeros(4, dtype=bool)) == 4
    assert measures.calibration_error(scores, right) == pytest.approx((0.1 + 0.2 + 0.6 + 0.1) / 4)
    assert measures.at_threshold(0.7, scores, right) == {"threshold": 0.7, "coverage": 0.5, "precision": 1.0}


def test_what_true_probabilities_would_show_is_less_the_more_there_are():
    few, many = (measures.calibration_error_by_chance(np.full(count, 0.55)) for count in (20, 2_000))
    # The mean of |share right - .55| over draws: sqrt(2/pi) standard deviations.
    assert few == pytest.approx(0.089, abs=0.015) and many == pytest.approx(0.0089, abs=0.0015)
    assert measures.calibration_error_by_chance(np.array([1.0, 1.0])) == 0.0


def test_the_interval_of_a_difference_holds_it_and_is_the_same_each_time():
    generator = np.random.default_rng(0)
    theirs = generator.random(400) < 0.5
    ours = theirs | (generator.random(400) < 0.3)
    low, high = measures.paired_interval(ours.astype(float), theirs.astype(float))
    assert 0 < low < (ours.mean() - theirs.mean()) < high
    assert (low, high) == measures.paired_interval(ours.astype(float), theirs.astype(float))
