"""An excerpt is as much as answers: the sentence, its list, what announces it, and no more."""

import numpy as np
import pytest

from kb_index.answers import ANSWER_WORDS, MAX_BLOCKS, compose, pick
from kb_index.encoder import Encoder
from kb_index.sentences import sentences, spans
from kb_index.settings import ROOT
from kb_index.sources import Source, rejoined
from kb_index.store import PASSAGE, entries

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


def source(encoder: Encoder, text: str, anchor: str = "") -> Source:
    return Source(text, anchor, anchor, encoder.encode_parts(text, spans(text))[1])


def composed(encoder: Encoder, texts: list[str], question: str):
    return compose([source(encoder, text) for text in texts], encoder.encode([question])[0], question)


def test_of_a_whole_article_a_few_blocks_are_quoted_word_for_word_in_its_order(encoder: Encoder):
    texts = [LONG, LONG + " Refunds take five working days. " + LONG, LONG]
    blocks = composed(encoder, texts, "how long does a refund take")
    assert 1 <= len(blocks) <= MAX_BLOCKS
    assert all(block.text in texts[block.source] for block in blocks)
    assert [(b.source, b.first) for b in blocks] == sorted((b.source, b.first) for b in blocks)
    assert sum(len(block.text.split()) for block in blocks) <= ANSWER_WORDS
    assert "Refunds take five working days." in max(blocks, key=lambda block: block.score).text


def test_all_of_the_steps_are_quoted_or_as_many_as_fit_from_where_they_lead_to_the_answer(encoder: Encoder):
    steps = "To wash it:\n" + "\n".join(f"{n}. Do thing number {n}." for n in range(1, 9))
    blocks = composed(encoder, [LONG, steps], "do thing number 5")
    assert any(block.text == steps for block in blocks)


def test_a_rare_word_finds_its_row_of_a_table(encoder: Encoder):
    rows = [f"Zone: {n}; Country: {land}; Price: {n} euro" for n, land in enumerate(("Peru", "Chad", "Fiji", "Oman"))]
    filler = [
        f"Zone: {n}; Country: Nowhere number {n}, a long way away from here; Price: {n} euro" for n in range(9, 30)
    ]
    blocks = composed(encoder, ["\n".join([*filler, *rows])], "what is the price to Fiji")
    assert any("Fiji" in block.text for block in blocks)


def test_a_name_that_one_sentence_has_brings_that_sentence(encoder: Encoder):
    rows = [
        f"Zone: {zone}; Countries: {name}; Price: €{zone}.50; Days: {zone}-{zone + 3}"
        for zone, name in enumerate(
            ("Ireland", "Great Britain", "Austria, Belgium", "Iceland, Norway", "Australia, Canada", "Chile, Peru"), 1
        )
    ]
    filler = "Standard delivery costs little and takes some days, depending on the zone that your address is in. "
    blocks = composed(encoder, ["\n".join([filler, *rows])], "how long does delivery take to canada")
    assert any("Canada" in block.text for block in blocks)


ZONES = [
    f"Zone: {zone}; Countries: {name}; Price: €{zone}.50"
    for zone, name in enumerate(("Ireland", "Great Britain", "Austria, Belgium", "Iceland, Norway"), 1)
]


def test_of_a_table_the_row_that_is_asked_for_is_shown_and_otherwise_all_of_it_or_none(encoder: Encoder):
    lead = "Standard delivery has a price for each zone."
    asked = " ".join(block.text for block in composed(encoder, ["\n".join([lead, *ZONES])], "delivery price to Norway"))
    assert ZONES[3] in asked and not any(row in asked for row in ZONES[:3])
    whole = " ".join(block.text for block in composed(encoder, ["\n".join([lead, *ZONES])], "the price of each zone"))
    assert all(row in whole for row in ZONES)
    parted = [lead + "\n" + "\n".join(ZONES[:2]), "\n".join(ZONES[2:]) + "\nIslands cost more."]
    shown = " ".join(block.text for block in composed(encoder, parted, "what is the price of each zone"))
    assert lead in shown and not any(row in shown for row in ZONES)


def test_a_row_is_named_by_its_first_cell_and_may_have_several_sentences(encoder: Encoder):
    rows = [
        "Status: placed; Meaning: We have it. Nothing is packed yet.; Cancel?: yes",
        "Status: packed; Meaning: It is closed. It waits for the carrier.; Cancel?: no",
    ]
    shown = composed(encoder, ["An order moves on day by day.\n" + "\n".join(rows)], "it says packed, what now")
    assert any(rows[1] in block.text for block in shown)
    assert not any("Status: placed" in block.text for block in shown)


def test_a_sentence_beyond_the_limit_is_still_an_answer(encoder: Encoder):
    text = "word " * 300 + "end."
    assert [block.text for block in composed(encoder, [text], "word")] == [text]


def test_passages_whose_embeddings_do_not_fit_are_quoted_all_the_same(encoder: Encoder):
    question = encoder.encode(["thing"])[0]
    source = Source.stored("One thing is here.", "", "", b"\1\2", b"\1\2", question.size)
    assert compose([source], question)[0].text == "One thing is here."


def test_no_sentence_that_says_it_is_quoted_without_what_it_is(encoder: Encoder):
    text = (
        "Write to privacy@example.org and name the day and the time of the chat, your name, your address and the "
        "e-mail address that you gave us in the chat. We delete it within 5 working days. "
        "Please do not write passwords in the chat."
    )
    for question in ("may I write my password here", "when is it gone"):
        vector = encoder.encode([question])[0]
        said = " ".join(block.text for block in compose([source(encoder, text)], vector, question, most_words=30))
        assert "We delete it" not in said or "name the day" in said, question


def test_of_no_passages_nothing_is_quoted():
    assert compose([], np.ones(3, dtype=np.float32)) == []


def test_of_a_short_list_all_is_shown_because_some_would_look_like_all(encoder: Encoder):
    article = (ROOT / "data" / "knowledge" / "shipping" / "countries-we-ship-to.md").read_text(encoding="utf-8")
    parts = [part.split("\n\n", 1)[-1] for part in article.split("---", 2)[2].split("\n## ")]
    shown = "\n".join(block.text for block in composed(encoder, parts, "Do you ship to France?"))
    assert "France" in shown
    assert ("French overseas departments" in shown) == ("the Isle of Man" in shown)


def stored(encoder: Encoder, body: str) -> list[Source]:
    made = [entry for entry in entries(encoder, "The device", (), body) if entry.kind == PASSAGE]
    size = encoder.dimensions
    return [Source.stored(e.text, e.heading, e.anchor, e.embedding, e.sentences, size) for e in made]


def test_steps_that_were_split_are_told_from_the_first_on(encoder: Encoder):
    steps = "\n".join(f"{n}. Do what the display says for part {n}, and wait for the long tone." for n in range(1, 10))
    sources = stored(encoder, f"## Steps\n\n{steps}")
    assert len(sources) > 1
    (whole,) = rejoined(sources)
    assert len(whole.vectors) == len(spans(whole.text)) == 9
    (block,) = compose([whole], encoder.encode(["what is said for part 6"])[0])
    assert block.text.startswith("1. Do what") and "part 6" in block.text


def test_sections_and_paragraphs_stay_apart(encoder: Encoder):
    body = f"## One\n\n- a first thing\n- a second thing\n\n## Two\n\n- a third thing\n\n## Three\n\n{LONG} {LONG}"
    sources = stored(encoder, body)
    assert rejoined(sources) == tuple(sources)


def test_what_stands_below_an_item_is_part_of_its_list(encoder: Encoder):
    text = "Do this:\n1. Open it.\n  The lamp is green. This takes a minute.\n2. Close it.\nThen you are done."
    question = encoder.encode(["This takes a minute."])[0]
    (block,) = compose([source(encoder, text + " " + LONG * 3)], question, most_words=25)
    assert block.text.startswith("Do this:\n1. Open it.\n  The lamp is green. This takes a minute.\n2. Close it.")


def test_of_a_long_article_the_section_that_is_asked_about_counts(encoder: Encoder):
    said = "Open the settings and press the button for three seconds. The lamp blinks twice, and a tone follows."
    rest = " It is best to do this with a full battery and a closed cover, as the lamp is hard to see in the sun." * 2
    names = ("Alarm", "Radio", "Heating", "Camera")
    sources = rejoined(stored(encoder, "\n\n".join(f"## {name}\n\n{said}{rest}" for name in names)))
    for name in names:
        blocks = compose(sources, encoder.encode([f"how do I turn on the {name.lower()}"])[0], most_words=40)
        best = max(blocks, key=lambda block: block.score)
        assert sources[best.source].heading == name
