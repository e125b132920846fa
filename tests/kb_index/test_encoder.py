"""The exported encoder says what the original says, and nothing that comes in can break it."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from kb_index import graph
from kb_index.encoder import Encoder, EncoderError
from kb_index.export import PLAIN, TAUGHT, export, load, resolve, up_to_date
from kb_index.pictographs import in_words
from kb_index.settings import ROOT

ARTEFACT = ROOT / "models" / "encoder"

TEXTS = [
    "Where is my parcel?",
    "do u ship to norway",
    "I'd like my money back, the grinder arrived broken!!",
    "Can I still change the address after I have ordered?",
    "my coupon code doesnt work",
    "WHAT IS YOUR PHONE NUMBER",
    "¿Puedo pagar con PayPal?",
    "Wie lange dauert der Versand nach Deutschland?",
    "Quel moulin pour un espresso ?",
    "how do I descale the kettle",
    "subscription skip next delivery",
    "Is the Chemex dishwasher-safe?",
    "order #KF-20931 is missing two bags of beans",
    "invoice with VAT number for my company please",
    "what's the difference between sencha and gyokuro",
    "Returns are free within 30 days of delivery. Register the return in your account, print the label and hand the "
    "parcel in at any drop-off point; we refund within five working days of its arrival at our warehouse.",
    "1. Unplug the kettle and let it cool.\n2. Fill it half with water and one spoon of citric acid.\n"
    "3. Boil, wait 15 minutes, empty it and rinse it twice.",
    "Paid by: PayPal; After our refund: same day\nPaid by: Card; After our refund: 3 to 5 working days",
    "Gift cards are valid for three years and can be used in several orders. The balance is shown under Account. "
    "A lost card can be replaced as long as you have the e-mail with which it was sent. " * 4,
]


@pytest.mark.filterwarnings("ignore")
def test_vectors_are_those_of_sentence_transformers_on_torch(encoder: Encoder):
    original = load(TAUGHT)
    expected = original.encode(TEXTS, batch_size=1, normalize_embeddings=True, show_progress_bar=False)
    cosines = (encoder.encode(TEXTS) * expected).sum(axis=1)
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.98, TEXTS[int(cosines.argmin())]


@pytest.mark.filterwarnings("ignore")
def test_the_taught_encoder_reads_slips_and_other_words_better_than_the_plain_one(encoder: Encoder):
    """What is asked, the same with slips of the keyboard, and the same in other words."""
    asked = [
        ("where is my parcel", "wher is my parcle", "my package has not arrived"),
        ("can i get my money back", "can i get my mony bakc", "how do refunds work"),
        ("cancel my subscription", "cancle my subscripton", "i no longer want the monthly delivery"),
        ("how do i change my password", "how do i chnage my pasword", "i want another secret word to sign in with"),
    ]
    plain = load(PLAIN)

    def nearness(encode) -> np.ndarray:
        first, slipped, others = (np.asarray(encode(list(texts))) for texts in zip(*asked, strict=True))
        # Less what any two of them have in common: an encoder for which all is alike is no better.
        common = (first @ first.T)[~np.eye(len(first), dtype=bool)].mean()
        return np.array([(first * each).sum(axis=1).mean() - common for each in (slipped, others)])

    assert encoder.name == TAUGHT
    assert (nearness(encoder.encode) > nearness(lambda texts: plain.encode(texts, normalize_embeddings=True))).all()


def test_vectors_have_length_one_whatever_the_text(encoder: Encoder):
    nasty = ["", " ", "\0", "\ud800", "😀😀😀", "שלום עולם", "x" * 200_000, "word " * 50_000, "<b>&amp;", "a"]
    vectors = encoder.encode(nasty)
    assert vectors.shape == (len(nasty), encoder.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_text_has_the_same_vector_in_any_company(encoder: Encoder):
    together = encoder.encode(TEXTS)
    for row, text in enumerate(TEXTS):
        assert np.array_equal(encoder.encode([text])[0], together[row])


def test_parts_of_a_text_are_told_apart_and_know_what_it_is_about(encoder: Encoder):
    text = "Gift cards: They are valid for three years. A lost one is replaced. Pets are welcome in the shop."
    spans = [(12, 43), (44, 67), (68, 97)]
    whole, parts = encoder.encode_parts(text, spans)
    assert np.allclose(whole, encoder.encode([text])[0], atol=1e-5)
    assert parts.shape == (3, encoder.dimensions)
    assert np.allclose(np.linalg.norm(parts, axis=1), 1, atol=1e-3)
    questions = encoder.encode(
        ["how long are gift cards valid", "I can't find my gift card any more", "may I bring my dog"]
    )
    assert (questions @ parts.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_parts_beyond_the_models_length_are_read_by_themselves(encoder: Encoder):
    text = "word " * 400 + "The end is here. \N{PARTY POPPER}"
    _, parts = encoder.encode_parts(text, [(0, 4), (2000, 2016), (2017, 2018)])
    assert np.allclose(parts[1:], encoder.encode([text[2000:2016], text[2017:]]), atol=1e-5)
    assert encoder.encode_parts(text, [])[1].shape == (0, encoder.dimensions)
    assert np.isfinite(encoder.encode_parts("", [(0, 0)])[1]).all()


def test_no_texts_give_no_vectors(encoder: Encoder):
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_one_encoder_serves_many_threads(encoder: Encoder):
    expected = encoder.encode(TEXTS)
    wrong: list[str] = []

    def ask() -> None:
        for row, text in enumerate(TEXTS):
            if not np.array_equal(encoder.encode([text])[0], expected[row]):
                wrong.append(text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_missing_artefact_is_named(tmp_path: Path):
    with pytest.raises(EncoderError, match=r"no exported encoder in .*kb_index\.export"):
        Encoder.load(tmp_path)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_damaged_artefact_is_refused(tmp_path: Path, file: str):
    shutil.copytree(ARTEFACT, tmp_path / "encoder")
    damaged = tmp_path / "encoder" / file
    damaged.write_bytes(damaged.read_bytes()[:-10])
    with pytest.raises(EncoderError, match="damaged"):
        Encoder.load(tmp_path / "encoder")


@pytest.mark.parametrize("content", ["not json", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_description_that_makes_no_sense_is_refused(tmp_path: Path, content: str):
    shutil.copytree(ARTEFACT, tmp_path / "encoder")
    (tmp_path / "encoder" / "encoder.json").write_text(content)
    with pytest.raises(EncoderError):
        Encoder.load(tmp_path / "encoder")


def make_model(folder: Path, architecture: str = "Bert") -> None:
    """Save a tiny sentence-transformers model with random weights, and no normalisation of its own."""
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import AutoTokenizer

    raw = folder.with_name("raw")
    tokenizer = AutoTokenizer.from_pretrained(resolve(PLAIN))
    config = getattr(transformers, f"{architecture}Config")(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    getattr(transformers, f"{architecture}Model")(config).save_pretrained(raw)
    tokenizer.save_pretrained(raw)
    transformer = Transformer(str(raw), max_seq_length=48)
    SentenceTransformer(modules=[transformer, Pooling(32, pooling_mode="cls")]).save(str(folder))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("architecture", ["Bert", "MPNet", "XLMRoberta"])
def test_another_model_is_exported_once_and_again_when_it_changes(tmp_path: Path, architecture: str):
    from sentence_transformers import SentenceTransformer

    make_model(tmp_path / "model", architecture)
    output = tmp_path / "models" / "encoder"
    said: list[str] = []
    assert export(str(tmp_path / "model"), output, say=said.append)
    assert said
    encoder = Encoder.load(output)
    assert (encoder.dimensions, encoder.max_length) == (32, 48)
    original = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    expected = original.encode(TEXTS, batch_size=1, normalize_embeddings=True, show_progress_bar=False)
    assert (encoder.encode(TEXTS) * expected).sum(axis=1).min() >= 0.98

    assert not export(str(tmp_path / "model"), output, say=said.append)
    (tmp_path / "model" / "README.md").write_text("changed")
    assert export(str(tmp_path / "model"), output, say=said.append)
    assert [path.name for path in output.parent.iterdir()] == ["encoder"], "something was left beside it"


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_the_lean_graph_does_not_fit_is_exported_as_it_is(tmp_path: Path, monkeypatch):
    def unfit(*args):
        raise AttributeError("no attention that could be replaced")

    monkeypatch.setattr(graph, "write_lean", unfit)
    make_model(tmp_path / "model")
    said: list[str] = []
    assert export(str(tmp_path / "model"), tmp_path / "encoder", say=said.append)
    assert any("taking the general one" in line for line in said)
    assert np.allclose(np.linalg.norm(Encoder.load(tmp_path / "encoder").encode(TEXTS), axis=1), 1, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_cannot_be_loaded_leaves_the_artefact_alone(tmp_path: Path):
    shutil.copytree(ARTEFACT, tmp_path / "encoder")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{")
    with pytest.raises(EncoderError, match="cannot load the model"):
        export(str(tmp_path / "model"), tmp_path / "encoder", say=lambda _: None)
    before = json.loads((ARTEFACT / "encoder.json").read_text())
    assert Encoder.load(tmp_path / "encoder").version == before["version"]
    assert up_to_date(tmp_path / "encoder", before["inputs"])


def test_an_emoji_is_read_by_its_name_however_often_and_in_whatever_colour(encoder: Encoder):
    liked, toned, disliked, named = encoder.encode(
        ["\U0001f44d", "\U0001f44d\U0001f3fd" * 3, "\U0001f44e", "thumbs up sign"]
    )
    assert np.array_equal(liked, toned) and np.array_equal(liked, named)
    assert liked @ disliked < 0.9


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "\N{EURO SIGN}5 \N{RIGHTWARDS ARROW} 2\N{DEGREE SIGN}",
        "12  00\n1. step",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
def test_a_text_without_emoji_is_left_as_it_is(text: str):
    assert in_words(text) == text
