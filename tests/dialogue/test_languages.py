"""Who writes in another language than the articles', and what becomes of them."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.desk import services as desk
from bot.dialogue.languages import HANDED_ON, NAMES, Languages, plainly_english
from bot.dialogue.scripted import ScriptedEngine, echo
from bot.dialogue.services import foreign
from kb_index.settings import ROOT
from tests.service import Client, on_loop, running

EVALUATION = ROOT / "data" / "evaluation"


def cases(name: str) -> list[dict]:
    return [json.loads(line) for line in (EVALUATION / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def languages():
    return Languages("en")


def test_no_english_message_of_the_shop_is_taken_for_another_language(languages):
    english = [case["text"] for case in cases("messages.jsonl") if case["kind"] != "other_language"]
    assert len(english) >= 200
    assert [text for text in english if languages.foreign(text)] == []


def test_nine_of_ten_foreign_messages_are_recognised_and_none_for_a_wrong_language(languages):
    foreign_ones = [case for case in cases("languages.jsonl") if case["language"]]
    assert len(foreign_ones) >= 40
    found = Counter()
    for case in foreign_ones:
        guess = languages.foreign(case["text"])
        found["right" if guess == case["language"] else "missed" if guess is None else "wrong"] += 1
    assert found["wrong"] == 0
    assert found["right"] / len(foreign_ones) >= 0.9, found


def test_a_language_that_looks_like_its_neighbours_is_recognised_without_its_accents(languages):
    assert languages.foreign("hola, donde esta mi pedido?") == "es"


def test_plainly_english_is_said_only_of_english(languages):
    messages = [*cases("languages.jsonl"), *cases("messages.jsonl"), *cases("conversations.jsonl")]
    texts = [text for case in messages for text in case.get("turns", [case.get("text")])]
    plain = [text for text in texts if plainly_english(text)]
    assert len(plain) > len(texts) / 3
    assert [text for text in plain if (guess := languages.guess(text)) and guess.foreign] == []
    for text in (
        "Wo ist mein Paket? Please help",
        "You're the best, danke! Wann kommt meine Lieferung?",
        "waar is mijn pakket of is het weg",
        "когда придёт the parcel with what I ordered",
    ):
        assert not plainly_english(text)


def test_names_addresses_numbers_single_words_and_typos_say_nothing(languages):
    others = [case["text"] for case in cases("languages.jsonl") if case["language"] is None]
    flagged = [text for text in others if languages.foreign(text)]
    # “Café au lait” is French, and what a coffee shop's English customers order: known, and accepted.
    assert set(flagged) <= {"café au lait"}
    assert len(others) >= 40


def test_a_guess_says_why(languages):
    assert "fewer than 3 words" in languages.guess("Grazie mille").why
    assert "name or an address" in languages.guess("Calle de Alcalá 42, Madrid").why
    assert languages.guess("🫖 42 !!") is None
    guess = languages.guess("Wann kommt das Paket, das ich letzte Woche bestellt habe?")
    assert (guess.language, guess.foreign) == ("de", True) and guess.probability > 0.9 > guess.expected


def test_with_german_articles_german_is_at_home_and_english_is_foreign():
    german = Languages("de")
    assert german.foreign("Wann kommt mein Paket an?") is None
    assert german.foreign("Where is the parcel that I ordered last week?") == "en"


def test_articles_in_a_language_that_is_not_known_are_refused_at_the_start():
    with pytest.raises(ValueError, match="no such language"):
        Languages("xx")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wo ist mein Paket? Ich warte seit einer Woche.", "de"),
        ("¿Dónde está mi pedido? Llevo una semana esperando.", "es"),
        ("Où est mon colis ? J'attends depuis une semaine.", "fr"),
        ("Gdzie jest moja przesyłka? Czekam od tygodnia.", "pl"),
    ],
)
def test_a_foreign_message_is_met_in_its_language_and_passed_on_without_asking_the_engine(db_url, text, language):
    engine = ScriptedEngine(echo)
    with running(db_url, engine) as service, Client(service.url) as visitor:
        visitor.say(text)
        said = visitor.expect("message", author="bot")
        notice = visitor.expect("message", author="system")
        chat = visitor.welcome["conversation"]
        entry = on_loop(service, desk.entry, chat)
    assert said["text"] == HANDED_ON.get(language, HANDED_ON["en"])
    assert notice["notice"] == "handoff_requested"
    assert (entry.handoff.reason, entry.reason) == ("other_language", "Other language")
    assert NAMES[language] in entry.handoff.reasons[0] and "English" in entry.handoff.reasons[0]
    assert text.split("?")[0] in entry.handoff.summary
    assert engine.requests == []


def test_an_english_message_goes_to_the_engine(db_url):
    engine = ScriptedEngine(echo)
    with running(db_url, engine) as service, Client(service.url) as visitor:
        assert visitor.ask("Do you deliver to Köln or only to Paris?")["text"].startswith("You said")
    assert len(engine.requests) == 1


async def test_what_a_form_asked_for_and_a_vote_are_in_no_language(db, languages):
    german = "Wo ist mein Paket, das ich bestellt habe?"

    def ask(session):
        customer = customers.new_visitor(session, "de")
        chat = conversations.current_of(session, customer.id)
        return turns.post_customer_message(session, chat.id, customer.id, "c1", german).turn

    turn = await db.write(ask)
    assert foreign(turn, languages) == "de"
    assert foreign(replace(turn, state={"slots": {}, "active_loop": None}), languages) == "de"
    assert foreign(replace(turn, state={"slots": {}, "active_loop": "order_form"}), languages) is None
    assert foreign(replace(turn, vote=True), languages) is None
