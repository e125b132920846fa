"""An excerpt is as much as answers: the sentence, its list, what announces it, and no more."""

import numpy as np
import pytest

from kb_index.answers import pick
from kb_index.encoder import Encoder
from kb_index.sentences import sentences

LONG = " ".join(f"Filler sentence number {n} talks about nothing in particular at all." for n in range(12))
STEPS = "To descale your kettle:\n" + "\n".join(f"{n}. Step {n} has several words in it." for n in range(1, 13))


def answer(encoder: Encoder, text: str, question: str) -> tuple[str, str]:
    vectors = encoder.encode(sentences(text)).astype("<f2").tobytes()
    return pick(text, vectors, encoder.encode([question])[0], lambda _: 0.0)


def test_a_short_passage_is_shown_whole(encoder: Encoder):
    text = "Beans keep for six months. Ground coffee keeps for two weeks."
    assert answer(encoder, text, "how long do whole beans stay fresh") == ("Beans keep for six months.", text)


def test_of_a_long_passage_the_sentence_and_what_follows_is_shown(encoder: Encoder):
    text = LONG + " Refunds take five working days. They go to your card. " + LONG
    sentence, excerpt = answer(encoder, text, "how long does a refund take")
    assert sentence == "Refunds take five working days."
    assert excerpt.startswith("Refunds take five working days. They go to your card.")
    assert len(sentences(excerpt)) <= 4
    assert len(excerpt.split()) <= 60


def test_a_sentence_that_leans_on_the_one_before_brings_it_along(encoder: Encoder):
    text = LONG + " Gift cards expire. This happens after exactly three years, on the day of purchase. " + LONG
    sentence, excerpt = answer(encoder, text, "after three years, on the day of purchase")
    assert sentence.startswith("This happens")
    assert excerpt.startswith("Gift cards expire. This happens")


@pytest.mark.parametrize(("step", "first"), [(2, "To descale your kettle:\n1. "), (12, None)])
def test_steps_are_shown_from_the_first_as_far_as_they_fit(encoder: Encoder, step: int, first: str | None):
    text = STEPS + "\n" + LONG
    sentence, excerpt = answer(encoder, text, f"Step {step} has several words in it.")
    assert sentence == f"{step}. Step {step} has several words in it."
    assert sentence in excerpt
    assert len(excerpt.splitlines()) <= 8
    assert first is None or excerpt.startswith(first)


def test_embeddings_that_do_not_fit_the_sentences_are_done_without(encoder: Encoder):
    text = "One thing is here. Another thing is there."
    question = np.ones(encoder.dimensions, dtype=np.float32)
    assert pick(text, b"\0\0", question, lambda said: float("Another" in said))[0] == "Another thing is there."
