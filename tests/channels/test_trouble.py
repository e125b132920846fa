"""What a shop's page reports of itself: heard before and during a chat, whatever it says."""

import pytest

from bot.conversations import services as conversations
from bot.dialogue.engine import TurnResult
from bot.dialogue.scripted import ScriptedEngine
from tests.service import Client, on_loop, running


async def script(request):
    return TurnResult([{"type": "text", "text": "Let us see."}], "ask_question", 0.6, "RulePolicy", None)


@pytest.fixture
def engine():
    return ScriptedEngine(script)


@pytest.fixture
def service(db_url, engine):
    with running(db_url, engine) as service:
        yield service


def trouble_of(service, chat):
    return on_loop(service, lambda session: conversations.get(session, chat.welcome["conversation"]).page_trouble)


def test_trouble_before_the_chat_is_acknowledged_in_it(service, engine):
    with Client(service.url, trouble="payment_failed") as chat:
        assert "your payment did not go through" in chat.ask("hello")["text"]
        assert engine.requests[0].signals["trouble"] == "payment_failed"


def test_trouble_during_the_chat_counts_and_counts_up(service, engine):
    with Client(service.url) as chat:
        for _ in range(2):
            chat.send({"type": "trouble", "trouble": "validation_errors"})
        chat.ask("it does not let me")
        assert (engine.requests[0].signals["trouble"], engine.requests[0].signals["troubles"]) == (
            "validation_errors",
            2,
        )


@pytest.mark.parametrize("said", ["no such trouble", 7, {"a": ["b"]}, "x" * 5000, ""])
def test_whatever_the_page_says_the_chat_goes_on(service, said):
    with Client(service.url, trouble=said) as chat:
        chat.send({"type": "trouble", "trouble": said})
        chat.ask("hello")
        assert (trouble_of(service, chat)["what"], trouble_of(service, chat)["times"]) == ("page_error", 2)
