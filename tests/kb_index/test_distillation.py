"""What the encoder is taught with, and that it learns it."""

import random
from pathlib import Path

import numpy as np
import pytest

from kb_index.distillation import matching, sources, student, teacher, texts, written
from kb_index.distillation.cli import main
from kb_index.distillation.student import Lesson, Student
from kb_index.distillation.texts import Texts
from kb_index.distillation.written import Written
from tests.kb_index.test_encoder import make_model

PAGE = """<!DOCTYPE html><html><head><title>Sharing a printer</title>
<script>var no = "thing to read here";</script></head>
<body><h1>Share it</h1><p>Open the settings and choose the printer that the others in the office are to use. Then
switch sharing on.</p>
<pre>lpadmin -p office -o printer-is-shared=true and other words that are no prose</pre>
<h2>Undo</h2><p>Choose the printer again &amp; switch sharing off whenever you like, nothing else is changed by
doing so.</p>
</body></html>"""


def test_a_page_gives_headings_sentences_and_passages_but_no_code():
    found = Texts()
    texts.add_page(found, "manual", PAGE)
    assert [text for text, source in found.short.items() if source == "manual"] == ["Sharing a printer", "Share it"]
    assert "Then switch sharing on." not in found.short, "too short to be a sentence by itself"
    assert any(text.startswith("Open the settings") for text in found.short)
    assert [text.split()[0] for text in found.passages] == ["Open", "Choose"]
    everything = " ".join([*found.short, *found.passages])
    assert "lpadmin" not in everything
    assert "thing to read" not in everything


def test_no_source_is_chosen_too_often_and_nothing_twice():
    found = Texts()
    for number in range(sources.MOST["sayings"] + 500):
        found.add_short("sayings", "word " * (number % 20 + 2) + "x" * (number // 20 + 1))
        found.add_short("sayings", "the same again")
    short, _ = texts.chosen(found, random.Random(1))
    assert len(short) == len(set(short)) == sources.MOST["sayings"]


def test_other_languages_of_a_manual_are_left_alone(tmp_path: Path):
    for language in ("C", "de"):
        page = tmp_path / "usr" / "share" / "help" / language / "app" / "page.html"
        page.parent.mkdir(parents=True)
        page.write_text(PAGE.replace("Sharing", f"Sharing in {language}"))
    found = Texts()
    texts.add_manual(found, "manual", tmp_path)
    assert "Sharing in C a printer" in found.short
    assert "Sharing in de a printer" not in found.short


@pytest.mark.parametrize("seed", range(20))
def test_a_slip_changes_one_longer_word_and_no_other(seed: int):
    before = "where is my parcel from yesterday"
    after = student.slip(before, random.Random(seed))
    changed = [(a, b) for a, b in zip(before.split(), after.split(), strict=True) if a != b]
    assert len(changed) <= 1, "two letters that change places may be the same"
    assert all(len(a) >= student.SLIP_LETTERS and a[0] == b[0] for a, b in changed)
    assert student.slip("a b c", random.Random(seed)) == "a b c"


@pytest.mark.filterwarnings("ignore")
def test_a_student_comes_nearer_to_its_teacher(tmp_path: Path):
    make_model(tmp_path / "model")
    dice = np.random.default_rng(0)
    said = [f"message {number} about {topic}" for number in range(40) for topic in ("parcels", "refunds", "coffee")]
    # A teacher that knows what a message is about, in more directions than the student has.
    topics = dice.normal(size=(3, 48))
    vectors = np.stack([topics[number % 3] + 0.1 * dice.normal(size=48) for number in range(len(said))])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    given = [Lesson(said[:60], vectors[:60]), Lesson(said[60:], vectors[60:])]
    cosines = student.train(Student(str(tmp_path / "model"), 0), given, most=20_000, held=30, say=lambda _: None)
    assert cosines["after"] > cosines["before"] + 0.05


def test_what_was_written_to_teach_with_is_whole_and_nothing_stands_twice():
    topics = written.read(written.WRITTEN)
    articles = [article for topic in topics for article in topic]
    assert all(len(topic) >= 6 for topic in topics), "neighbours are what it teaches to tell apart"
    assert all(len(article.questions) == 4 and len(article.answer.split()) >= 35 for article in articles)
    texts = [text.casefold() for article in articles for text in article.questions]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"topic": "a", "title": "b", "answer": "c"}',
        '{"topic": "a", "title": "", "answer": "c", "questions": ["d"]}',
    ],
)
def test_a_written_article_that_cannot_be_read_is_named_by_its_line(tmp_path: Path, capsys, line: str):
    good = '{"topic": "a", "title": "b", "answer": "c", "questions": ["d"]}'
    (tmp_path / "home.jsonl").write_text(f"{good}\n{line}\n")
    assert main(["--written", str(tmp_path), "--work", str(tmp_path / "work")]) == 2
    assert "home.jsonl, line 2" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_the_teacher_reads_a_lesson_again_only_where_its_texts_changed(tmp_path: Path):
    make_model(tmp_path / "model")
    read: list[str] = []
    for lesson in (["a parcel"], ["a parcel"], ["a parcel", "a refund"]):
        teacher.teach(tmp_path / "model", {tmp_path / "lessons" / "0000.npz": lesson}, read.append)
    assert len(read) == 2
    [found] = student.lessons(tmp_path / "lessons")
    assert found.texts == ["a parcel", "a refund"] and len(found.vectors) == 2


@pytest.mark.filterwarnings("ignore")
def test_a_student_learns_which_article_a_message_belongs_to(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(matching, "PASSES", 200)
    monkeypatch.setattr(matching, "LEARNING_RATE", 5e-3)
    make_model(tmp_path / "model")
    pupil = Student(str(tmp_path / "model"), 0)
    topics = [
        [
            Written(topic, f"the {name}", f"a long answer {topic} {name}", (f"{other} please", f"i want {other}"))
            for name, other in pairs
        ]
        for topic, pairs in (
            ("one", [("parcel", "refund"), ("coffee", "message")]),
            ("two", [("order", "return"), ("tea", "card")]),
        )
    ]
    texts = [text for topic in topics for each in topic for text in each.texts]
    dice = np.random.default_rng(0)
    lesson = Lesson(texts, dice.normal(size=(len(texts), 48)).astype(np.float16))
    monkeypatch.setattr(matching, "TO_PLACE", 0.0)
    monkeypatch.setattr(matching, "LABELS", 1.0)

    def found() -> list[bool]:
        rows = []
        for topic in topics:
            answers = pupil.vectors([each.answer for each in topic])
            for number, each in enumerate(topic):
                rows += ((pupil.vectors(list(each.questions)) @ answers.T).argmax(1) == number).tolist()
        return rows

    assert not all(found())
    projection = dice.normal(size=(48, pupil.net.config.hidden_size)).astype(np.float32)
    matching.train(matching.Matching(topics, lesson, [lesson], projection, pupil, "0"), say=lambda _: None)
    assert all(found())


@pytest.mark.filterwarnings("ignore")
def test_between_two_adapters_lies_what_is_partly_each(tmp_path: Path):
    make_model(tmp_path / "model")
    said = ["where is my parcel", "a refund please"]
    dice = np.random.default_rng(0)
    vectors = []
    for side in ("first", "second"):
        pupil = Student(str(tmp_path / "model"), 0)
        given = Lesson([f"message {number}" for number in range(40)], dice.normal(size=(40, 48)).astype(np.float16))
        student.train(pupil, [given, given], most=4_000, held=5, say=lambda _: None)
        student.write(pupil, tmp_path / side, 1.0)
        vectors.append(pupil.vectors(said))
    for share, expected in ((0.0, vectors[0]), (1.0, vectors[1])):
        pupil = Student(str(tmp_path / "model"), 0)
        state = matching.blended(tmp_path / "first", [tmp_path / "second"] * 2, share)
        student.write(pupil, tmp_path / "between", 1.0, state)
        pupil.go_on_from(tmp_path / "between")
        assert np.allclose(pupil.vectors(said), expected, atol=0.02)


def test_a_file_that_is_not_there_is_named_before_anything_is_fetched(tmp_path: Path, capsys):
    assert main(["--messages", str(tmp_path / "none.jsonl"), "--work", str(tmp_path / "work")]) == 2
    assert "none.jsonl does not exist" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
