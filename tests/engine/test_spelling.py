"""Slips of the keyboard in a message, by the words of the training."""

from types import SimpleNamespace

import pytest
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message

from bot.engine.featurizer import shared_encoder
from bot.engine.intent_classifier import OUT_OF_SCOPE_PROBABILITY, KernelIntentClassifier
from bot.engine.intent_model import IntentModel, Strength
from bot.engine.spelling import MAX_UNKNOWN, Speller
from tests.engine.test_intents import rows

TEXTS = (
    "where is my delivery",
    "is my delivery late",
    "track my order",
    "tracking of an order",
    "tracking number",
    "my lapsang tastes odd",
    "lapsang souchong",
    "souchong for a friend",
    "a zygote typo: delivary",
)


@pytest.fixture(scope="module")
def speller():
    return Speller.learn(TEXTS, common={"friend", "track", "number", "late"}.__contains__)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("where is my delivry?", "where is my delivery?"),
        ("Dleivery late", "delivery late"),
        ("edlivery late", "delivery late"),
        ("deliveryy and ordre", "delivery and order"),
        ("trckng of my OREDR", "tracking of my order"),
        ("lapsamg", "lapsang"),
        # What only one text has, and nobody knows, may be a slip itself.
        ("delivary", "delivery"),
    ],
)
def test_a_word_that_is_nearly_one_of_the_training_is_read_as_that(speller, typed, meant):
    assert speller.correct(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "where is my order",
        "friends",  # no slip: a plural
        "deliveries",
        "hte ma ord",  # too short to tell
        "peckish",
        "👍 \ud800 ÄÖÜß كيف",
        "d" * 10_000,
        " ".join(f"delivery{letter}" for letter in "abcdefghijklmn"[: MAX_UNKNOWN + 1]),
    ],
)
def test_what_is_known_or_near_nothing_stays_as_it_is(speller, text):
    assert speller.correct(text) == text


def test_of_two_words_as_near_the_commoner_is_meant():
    texts = ["the coast", "a coast", "roast it", "roast more", "a roast", "roost", "the roost"]
    assert Speller.learn(texts, common=lambda word: False).correct("rosst") == "roast"


def test_a_speller_that_was_saved_says_the_same_when_it_is_loaded(speller, tmp_path):
    speller.save(tmp_path)
    loaded = Speller.load(tmp_path, common=lambda word: False)
    assert loaded.correct("delivry of lapsamg") == "delivery of lapsang"


def test_only_what_would_be_out_of_scope_is_read_without_its_slips():
    corrections = {"who wrote hamlet": "set my alarm clock", "play a blues track": "who wrote hamlet"}
    component = KernelIntentClassifier(
        KernelIntentClassifier.get_default_config(),
        None,
        None,
        IntentModel.fit(*rows(), Strength()),
        SimpleNamespace(correct=lambda text: corrections.get(text, text)),
    )
    texts = ("who wrote hamlet", "set my alarm clock", "play a blues track", "sell my car")
    slip, meant, understood, outside = component.process([_message(text) for text in texts])
    assert slip.get(INTENT)["name"] == meant.get(INTENT)["name"] == "set_alarm"
    assert slip.get(OUT_OF_SCOPE_PROBABILITY) == pytest.approx(meant.get(OUT_OF_SCOPE_PROBABILITY))
    assert understood.get(INTENT)["name"] == "play_music"
    assert outside.get(INTENT)["name"] == "out_of_scope"


def _message(text):
    message = Message({TEXT: text})
    message.add_features(Features(shared_encoder().encode([text]), "sentence", TEXT, "encoder"))
    return message
