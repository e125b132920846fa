"""The NLU data keeps its promises: enough different examples for every intent, and a held-out set that is held out."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TRAINING = ROOT / "data" / "nlu"
HELD_OUT = ROOT / "tests" / "engine" / "nlu"
INTENTS = {
    *("greet", "goodbye", "thanks", "affirm", "deny", "small_talk", "are_you_a_bot", "what_can_you_do"),
    *("ask_question", "order_status", "cancel_order", "return_order", "give_order_details", "change_mind"),
    *("talk_to_person", "complaint", "stop_messages", "helped", "did_not_help", "out_of_scope"),
}
ANNOTATION = re.compile(r"\[([^\]]+)\]\([a-z_]+\)")
MIN_TRAINING = 20
MIN_HELD_OUT = 10


def normalise(text: str) -> str:
    """Lower case, without punctuation and repeated spaces: what is left when only the look of a message differs.

    A message without a single letter or digit (an emoji) stays as it is.
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    words = re.sub(r"[\W_]+", " ", re.sub(r"['\u2019]", "", folded)).strip()
    return words or folded.strip()


def read_examples(folder: Path) -> list[tuple[str, str]]:
    """All (intent, example without entity annotations) under `folder`; fails on a line that is no example."""
    found: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert document["version"] == "3.1", path
        for block in document["nlu"]:
            if "intent" not in block:  # regexes and lookup tables stand beside the intents
                continue
            for line in block["examples"].splitlines():
                assert line.startswith("- ") and line[2:].strip(), f"{path.name}: {block['intent']}: {line!r}"
                found.append((block["intent"], ANNOTATION.sub(r"\1", line[2:].strip())))
    return found


@pytest.fixture(scope="module")
def training() -> list[tuple[str, str]]:
    return read_examples(TRAINING)


@pytest.fixture(scope="module")
def held_out() -> list[tuple[str, str]]:
    return read_examples(HELD_OUT)


def different_per_intent(examples: list[tuple[str, str]]) -> Counter[str]:
    return Counter(intent for intent, _ in {(intent, normalise(text)) for intent, text in examples})


def test_every_intent_has_at_least_20_different_training_examples(training):
    counts = different_per_intent(training)
    assert set(counts) == INTENTS
    assert {intent: n for intent, n in counts.items() if n < MIN_TRAINING} == {}


def test_the_held_out_set_has_at_least_10_different_examples_of_every_intent(held_out):
    counts = different_per_intent(held_out)
    assert set(counts) == INTENTS
    assert {intent: n for intent, n in counts.items() if n < MIN_HELD_OUT} == {}


def test_no_held_out_example_is_trained_on(training, held_out):
    trained = {normalise(text) for _, text in training}
    assert [text for _, text in held_out if normalise(text) in trained] == []


def test_no_example_stands_twice_or_under_two_intents(training, held_out):
    for examples in (training, held_out):
        counts = Counter(normalise(text) for _, text in examples)
        assert [text for text, n in counts.items() if n > 1] == []


def test_no_example_looks_like_rasa_markup_or_a_rasa_command(training, held_out):
    assert [text for _, text in training + held_out if re.search(r"[\[\]{}]|^/", text)] == []
