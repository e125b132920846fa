"""What is noticed of a turn: in its words, in what the assistant did before, and in how it went on."""

import numpy as np
import pytest

from bot.escalation import mood
from bot.escalation.mood import FITTED_FILE, OPENING_WORDS, FittedError, Said, fitted, frustration, read, wants_person
from kb_index.encoder import Encoder
from kb_index.settings import ROOT


@pytest.fixture(scope="module")
def encoder():
    return Encoder.load(ROOT / "models" / "encoder")


@pytest.fixture(scope="module")
def feel(encoder):
    """The mood of the last text; the texts before it are the customer's and the assistant's by turns."""

    def of(*texts):
        *before, last = encoder.encode(texts)
        said = [Said(place % 2 == 0, text, each) for place, (text, each) in enumerate(zip(texts, before, strict=False))]
        return frustration(last, texts[-1], said)

    return of


def test_the_committed_weights_are_for_the_encoder_that_runs(encoder):
    fitted().check(encoder.name, encoder.dimensions)


@pytest.mark.parametrize(
    "text",
    [
        "this shop is a disgrace, I have had enough of your excuses",
        "my machine leaks AGAIN and nobody has called me back for weeks!",
        "you keep sending me the wrong beans, how hard can it be",
    ],
)
def test_an_angry_message_is_told_from_its_words_and_says_why(feel, text):
    found = feel(text)
    assert found.probability > 0.5
    assert found.reasons


@pytest.mark.parametrize(
    "text",
    [
        "what grind size do I need for a moka pot?",
        "could you send the invoice to my office as well please",
        "I don't mind which colour it is",
        "many thanks, the teapot arrived in one piece and is beautiful!!!",
        "the spout of my kettle is chipped, how do I get a new one",
    ],
)
def test_a_calm_message_is_calm_and_has_no_reasons(feel, text):
    found = feel(text)
    assert found.probability < 0.5
    assert found.reasons == ()


def test_the_same_words_weigh_more_after_an_answer_to_something_else(feel):
    asked = "how long does the delivery to Belgium take"
    again = "I would like to know how long the delivery to Belgium takes"
    answered = feel(asked, "Delivery to Belgium takes three to five days.", "thanks, and what does it cost?")
    missed = feel(asked, "Our teapots are made of cast iron.", again)
    assert missed.probability > answered.probability
    assert missed.probability > feel(again).probability
    assert "Asks for the same again." in missed.reasons


def test_the_mood_moves_over_turns(feel):
    failed = "Sorry, I did not understand that. Could you say it in other words?"
    asked = ["my gift card is not accepted", "the gift card I got says it is invalid", "the gift card is refused, why?"]
    once = feel(asked[0], failed, asked[2])
    twice = feel(asked[0], failed, asked[1], failed, asked[2])
    assert twice.probability > once.probability


def test_thanks_after_a_failure_is_no_frustration(feel):
    found = feel(
        "can I change the address of my order",
        "Sorry, I found no article about that. A colleague has changed it for you, it is done.",
        "perfect, thank you so much",
    )
    assert found.probability < 0.5


def test_old_turns_do_not_count(feel):
    """What lies further back than the window changes nothing, however angry it was."""
    calm = ["what tea is mild", "Our white tea is mild."] * (mood.HISTORY // 2)
    last = "and which one is strong"
    angry = ["I am furious, you are useless", "I am sorry."]
    assert feel(*angry, *calm, last) == feel(*calm, last)


@pytest.mark.parametrize(
    "text",
    [
        "is there somebody in your office who could ring me about this",
        "I'd sooner discuss it with one of your colleagues",
        "No bots. Put a human on, please",
        "Not with a machine, sorry. May I talk to an employee?",
        "my order is wrong and I would like to speak with your manager about it",
    ],
)
def test_a_wish_for_a_person_is_understood_in_other_wordings(encoder, text):
    assert wants_person(encoder.encode([text])[0], text) > 0.5


@pytest.mark.parametrize(
    "text",
    [
        "can someone else collect my parcel",
        "your agent told me it would be here on Friday",
        "how many people does the large teapot serve",
        "does the coffee machine switch itself off",
        "please transfer the money to my other card",
        "that did not help",
        "something stops the page from talking to the little agent program, what do I need to allow",
        "is there an agent app that I need to install",
    ],
)
def test_people_who_are_only_mentioned_are_no_wish_for_one(encoder, text):
    assert wants_person(encoder.encode([text])[0], text) < 0.5


@pytest.mark.parametrize(
    "text", ["", " ", "!" * 5000, "no " * 20000, "can't find " * 5000, "\ud800", "ÄÖ" * 3000, "\0"]
)
def test_whatever_is_written_gets_a_probability(encoder, text):
    embedding = encoder.encode([text])[0]
    found = frustration(embedding, text, [Said(True, text, embedding), Said(False, text, embedding)] * 8)
    assert 0 <= found.probability <= 1
    assert 0 <= wants_person(embedding, text) <= 1


def test_a_turn_without_an_assistant_before_it_is_read_by_itself(encoder):
    text = "still no parcel"
    embedding = encoder.encode([text])[0]
    alone = frustration(embedding, text, [])
    followed = frustration(embedding, text, [Said(True, "hello, I'm Aoife", encoder.encode(["hello, I'm Aoife"])[0])])
    assert 0 < alone.probability < 1
    assert 0 < followed.probability < 1


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"encoder": "x", "directions": {}}', "null"])
def test_damaged_weights_are_refused_with_the_way_to_make_them(tmp_path, damage):
    path = tmp_path / "fitted.json"
    path.write_text(damage)
    with pytest.raises(FittedError, match="scripts/train escalation"):
        read(path)


def test_another_encoder_is_refused():
    with pytest.raises(FittedError, match="fitted for"):
        read(FITTED_FILE).check("another-encoder", 384)


def test_reasons_are_the_heaviest_and_few(feel):
    found = feel(
        "cancel my subscription",
        "You can start a subscription at checkout.",
        "I said CANCEL it, are you stupid?! CANCEL my subscription!!!",
        "You can start a subscription at checkout.",
        "NO!!! I SAID CANCEL MY SUBSCRIPTION, YOU USELESS BOT!!!",
    )
    assert found.probability > 0.9
    assert 1 <= len(found.reasons) <= mood.REASONS
    assert "The assistant said the same as before." in found.reasons
    assert np.isfinite(found.probability)


def test_of_a_long_reply_the_beginning_is_heard_and_of_a_customer_everything():
    heard = []
    text = " ".join(f"word{number}" for number in range(100))
    for by_customer in (True, False):
        assert Said.of(by_customer, text, lambda part: heard.append(part) or np.zeros(3)).text == text
    assert heard == [text, " ".join(text.split()[:OPENING_WORDS])]
