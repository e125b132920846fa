"""The intent classifier: by itself, as Rasa uses it, and in the trained model of the demo shop."""

import asyncio
import json

import numpy as np
import pytest
from rasa.core.channels.channel import UserMessage
from rasa.shared.importers.utils import training_data_from_paths

from bot.engine.featurizer import shared_encoder
from bot.engine.intent_calibration import certainty_features, left_out, left_out_cosines, unit
from bot.engine.intent_classifier import KernelIntentClassifier
from bot.engine.intent_model import TEXTS_FILE, IntentModel, Strength, _kernel, _solve
from bot.engine.ngrams import MAX_CHARACTERS, NGrams

EXAMPLES = {
    "play_music": (
        "play some jazz",
        "put on a song by the beatles",
        "i want to hear rock music",
        "start my running playlist",
        "play the new album",
        "turn on some classical music",
    ),
    "set_alarm": (
        "wake me up at seven",
        "set an alarm for six in the morning",
        "alarm at 8 please",
        "i need to get up at five tomorrow",
        "set my alarm clock",
        "please wake me at noon",
    ),
    "weather": (
        "will it rain tomorrow",
        "what's the weather in paris",
        "is it going to snow tonight",
        "how warm is it outside",
        "weather forecast for the weekend",
        "do i need an umbrella today",
    ),
    None: (
        "how tall is the eiffel tower",
        "who wrote hamlet",
        "solve this equation",
        "my shoes are too small",
        "sell my car",
        "what is the capital of peru",
    ),
}


def rows():
    texts = [text for group in EXAMPLES.values() for text in group]
    labels = [label for label, group in EXAMPLES.items() for _ in group]
    return shared_encoder().encode(texts), texts, labels


def ask(model, text):
    probabilities, outside = model.probabilities(shared_encoder().encode([text])[0], text)
    return dict(zip(model.intents, probabilities, strict=True)), outside


@pytest.fixture(scope="module")
def model():
    return IntentModel.fit(*rows(), Strength())


def test_new_wordings_get_their_intent_and_the_probabilities_sum_to_one(model):
    for text, intent in (
        ("play a blues track", "play_music"),
        ("get me up at half past six", "set_alarm"),
        ("is rain expected on sunday", "weather"),
    ):
        intents, outside = ask(model, text)
        assert max(intents, key=intents.get) == intent
        assert sum(intents.values()) + outside == pytest.approx(1, abs=1e-5)


def test_what_no_intent_fits_is_more_probably_out_of_scope_than_what_one_fits(model):
    inside = [ask(model, text)[1] for text in ("play a blues track", "set the alarm to nine", "is it raining")]
    outside = [ask(model, text)[1] for text in ("who painted the mona lisa", "buy a house", "my knee hurts")]
    assert max(inside) < 0.5 < min(outside)


def test_the_more_messages_are_expected_to_be_out_of_scope_the_more_are_doubted():
    texts = ("play a blues track", "is rain expected on sunday", "who wrote faust")
    few, many = (IntentModel.fit(*rows(), Strength(share_outside=share)) for share in (0.2, 0.6))
    for text in texts:
        (intents, doubt), (others, more_doubt) = ask(few, text), ask(many, text)
        assert doubt < more_doubt
        assert max(intents, key=intents.get) == max(others, key=others.get)
        # The odds move as those of the share do: by (0.6 / 0.4) / (0.2 / 0.8).
        assert more_doubt / (1 - more_doubt) == pytest.approx(6 * doubt / (1 - doubt), rel=1e-3)


@pytest.mark.parametrize("text", ["", " ", "👍", "?!", "ÄÖÜ ß", "\ud800", "a" * 100_000, "\x00", "كيف حالك"])
def test_any_text_gets_finite_probabilities(model, text):
    intents, outside = ask(model, text)
    assert np.isfinite([*intents.values(), outside]).all() and 0 <= outside <= 1


def test_a_model_that_was_saved_says_the_same_when_it_is_loaded(model, tmp_path):
    model.save(tmp_path)
    loaded = IntentModel.load(tmp_path)
    for text in ("play a blues track", "who wrote faust"):
        assert ask(loaded, text) == ask(model, text)


def test_a_model_of_another_version_or_with_objects_in_it_is_refused(model, tmp_path):
    model.save(tmp_path)
    described = json.loads((tmp_path / TEXTS_FILE).read_text(encoding="utf-8"))
    (tmp_path / TEXTS_FILE).write_text(json.dumps({**described, "format": 0}), encoding="utf-8")
    with pytest.raises(ValueError, match="train it again"):
        IntentModel.load(tmp_path)
    (tmp_path / TEXTS_FILE).write_text(json.dumps(described), encoding="utf-8")
    np.savez(tmp_path / "intents.npz", embeddings=np.array([{"an": "object"}], dtype=object))
    with pytest.raises((ValueError, KeyError)):
        IntentModel.load(tmp_path)


def test_one_intent_alone_is_refused():
    with pytest.raises(ValueError, match="at least two intents"):
        IntentModel.fit(shared_encoder().encode(["a", "b"]), ["a", "b"], ["only", None], Strength())


def test_left_out_scores_are_those_of_a_training_without_these_rows():
    """The closed form against doing it: each row by itself, and each intent as a whole."""
    embeddings, texts, labels = rows()
    words = NGrams.fit(texts).rows(texts)
    number = {label: index for index, label in enumerate(sorted(filter(None, EXAMPLES)))}
    targets_of = np.array([number.get(label, -1) for label in labels])
    targets = (targets_of[:, None] == [*range(len(number)), -1]).astype(np.float32)
    kernel = _kernel(embeddings, words, Strength()).astype(np.float64)

    def trained_without(gone):
        kept = np.setdiff1d(np.arange(len(texts)), gone)
        _, solution = _solve(kernel[np.ix_(kept, kept)], 0.3, targets[kept])
        return kernel[np.ix_(gone, kept)] @ solution

    factor, solution = _solve(kernel, 0.3, targets)
    alone, without_intent = left_out(factor, solution, targets, targets_of)
    for row in range(len(texts)):
        assert np.allclose(alone[row], trained_without(np.array([row]))[0], atol=1e-4)
    for intent in number.values():
        gone = np.flatnonzero(targets_of == intent)
        assert np.allclose(without_intent[gone], trained_without(gone), atol=1e-4)
    assert np.isfinite(certainty_features(alone, without_intent, alone[:, :-1])).all()


def test_left_out_cosines_are_those_to_centres_without_these_rows():
    embeddings, _, labels = rows()
    number = {label: index for index, label in enumerate(sorted(filter(None, EXAMPLES)))}
    targets_of = np.array([number.get(label, -1) for label in labels])

    def centres(kept):
        return unit(np.stack([embeddings[kept & (targets_of == each)].sum(axis=0) for each in number.values()]))

    sums = np.stack([embeddings[targets_of == each].sum(axis=0) for each in number.values()])
    alone, without_intent = left_out_cosines(embeddings, sums, targets_of)
    for row, intent in enumerate(targets_of):
        others = np.array([each != intent for each in number.values()])
        expected = centres(np.arange(len(labels)) != row) @ embeddings[row]
        assert np.allclose(alone[row], expected, atol=1e-5)
        assert np.allclose(without_intent[row, others], expected[others], atol=1e-5)
        assert intent < 0 or without_intent[row, intent] == -1


def test_unknown_words_make_a_message_resemble_nothing():
    grams = NGrams.fit(["return my order", "return my parcel", "where is my order"])
    known, half, none = (np.linalg.norm(grams.row(text)[1]) for text in ("my order", "my zygote", "qwx zzyv"))
    assert known > half > none == 0


def test_a_message_without_end_is_cut():
    grams = NGrams.fit(["return my order", "return my parcel"])
    text = "return my order " * (MAX_CHARACTERS // 16)
    assert len(text) <= MAX_CHARACTERS
    whole, longer = grams.row(text.ljust(MAX_CHARACTERS)), grams.row(text.ljust(MAX_CHARACTERS) + "parcel " * 99)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(whole, longer, strict=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"lexical": 1},
        {"unseen_weight": 2},
        {"ridge": 0},
        {"sharpness": -1},
        {"ranking_length": 0},
        {"share_outside": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match="KernelIntentClassifier"):
        KernelIntentClassifier({**KernelIntentClassifier.get_default_config(), **wrong}, None, None)


def test_background_that_is_near_an_intent_is_not_learned_as_out_of_scope():
    config = {**KernelIntentClassifier.get_default_config(), "background": ["data/nlu/smalltalk.yml"]}
    component = KernelIntentClassifier(config, None, None)
    greetings = shared_encoder().encode(["hello", "good morning", "hi there"])
    with_greetings, embeddings = component._background({"hello there"}, greetings)
    assert len(with_greetings) == len(embeddings) > 100
    assert "good morning" not in with_greetings and "hello there" not in with_greetings
    without, _ = component._background(set(), shared_encoder().encode(["set the alarm to nine"]))
    assert "good morning" in without


# From the demo shop's model, as it is served.


def understood(agent, text):
    return asyncio.run(agent.processor.parse_message(UserMessage(text)))


@pytest.mark.parametrize(
    "question",
    ["How do I return something?", "My kettle does not heat any more", "Could it come on a Saturday?"],
)
def test_a_question_in_general_does_not_open_the_order_form(agent, question):
    assert understood(agent, question)["intent"]["name"] == "ask_question"


def test_the_ranking_starts_with_the_intent_and_is_in_order(agent):
    for text in ("where is my order", "who won the world cup", "", "it", "return", "yes and no"):
        parsed = understood(agent, text)
        ranking = parsed["intent_ranking"]
        assert ranking[0]["name"] == parsed["intent"]["name"]
        confidences = [each["confidence"] for each in ranking if each["name"] != "nlu_fallback"]
        assert confidences == sorted(confidences, reverse=True)
        assert 0 <= parsed["out_of_scope_probability"] <= 1


def test_the_world_at_large_is_out_of_scope(agent):
    for text in ("who won the world cup in 1998", "write me a haiku about mountains"):
        parsed = understood(agent, text)
        assert parsed["intent"]["name"] == "out_of_scope" and parsed["out_of_scope_probability"] > 0.5


def test_the_served_background_files_are_there():
    data = training_data_from_paths(["data/nlu/out_of_scope.yml", "data/nlu/smalltalk.yml"], "en")
    assert len(data.intent_examples) > 1000
