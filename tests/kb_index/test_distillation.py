"""What the encoder is taught with, and that it learns it."""

import random
from pathlib import Path

import numpy as np
import pytest

from kb_index.distillation import sources, student, texts
from kb_index.distillation.cli import main
from kb_index.distillation.student import Lesson, Student
from kb_index.distillation.texts import Texts
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


def test_a_file_that_is_not_there_is_named_before_anything_is_fetched(tmp_path: Path, capsys):
    assert main(["--messages", str(tmp_path / "none.jsonl"), "--work", str(tmp_path / "work")]) == 2
    assert "none.jsonl does not exist" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
