"""The socket cut, the reply late: nothing lost, nothing doubled, the customer told."""

import asyncio
import shutil

import pytest

from bot.dialogue.engine import EngineDown, TurnResult
from bot.dialogue.scripted import ScriptedEngine, echo
from tests.service import Client, running


@pytest.fixture
def sqlite_url(sqlite_template, tmp_path):
    shutil.copy(sqlite_template, tmp_path / "test.sqlite_url")
    return f"sqlite:///{tmp_path / 'test.sqlite_url'}"


def cut(customer: Client) -> None:
    """No goodbye: the connection is simply gone."""
    customer.socket.socket.close()


def test_a_cut_socket_before_the_acknowledgement_stores_the_message_once(sqlite_url):
    with running(sqlite_url, ScriptedEngine(echo)) as service:
        customer = Client(service.url)
        customer.connect()
        customer.send({"type": "message", "client_id": "c1", "text": "hello"})
        cut(customer)
        customer.connect()
        customer.say("hello", "c1")
        # Who writes again before the answer is there gets it behind both: that is another promise.
        while len(customer.messages) < 2:
            customer.receive()
        customer.ask("again")
        assert [customer.messages[n]["text"] for n in sorted(customer.messages)] == [
            "hello",
            "You said: hello",
            "again",
            "You said: again",
        ]
        customer.close()


def test_a_reply_made_while_the_customer_was_away_is_there_when_they_return(sqlite_url):
    async def slow(request):
        await asyncio.sleep(0.5)
        return await echo(request)

    with running(sqlite_url, ScriptedEngine(slow)) as service:
        customer = Client(service.url)
        customer.connect()
        customer.say("hello")
        cut(customer)
        customer.connect()
        assert customer.expect("message", author="bot")["text"] == "You said: hello"
        customer.close()


@pytest.mark.parametrize("failure", ["time-out", "error", "silence"])
def test_an_engine_that_does_not_answer_is_told_and_a_person_asked_for(sqlite_url, failure):
    async def fail(request):
        if failure == "silence":
            return TurnResult(messages=[], intent=None, confidence=0.0, policy=None, state=None)
        raise EngineDown(failure)

    with running(sqlite_url, ScriptedEngine(fail)) as service, Client(service.url) as customer:
        assert customer.ask("hello")["notice"] == "bot_unavailable"
        customer.expect("owner", owner="queue")
        customer.say("still there?")
        customer.send({"type": "ping"})
        assert customer.expect("heartbeat")["latest"] == 3


def test_a_late_reply_never_talks_over_a_person(sqlite_url):
    from bot.conversations import services as conversations
    from bot.desk import claims
    from bot.desk import services as desk
    from tests.service import on_loop

    async def late(request):
        await asyncio.sleep(1.0)
        return await echo(request)

    with running(sqlite_url, ScriptedEngine(late)) as service, Client(service.url) as customer:
        customer.say("slow question")
        conversation_id = customer.welcome["conversation"]

        def to_person(session):
            conversation = conversations.get(session, conversation_id, for_update=True)
            desk.hand_over(session, conversation, "asked_for_person", [])
            claims.claim(session, conversation_id, ("agent-1", "Mia"))

        on_loop(service, to_person)
        customer.expect("message", notice="agent_joined")
        with pytest.raises(TimeoutError):
            customer.expect("message", author="bot", timeout=2)


def test_messages_written_while_the_bot_thinks_are_answered_one_after_the_other(sqlite_url):
    running_now = []
    most = []

    async def counted(request):
        running_now.append(request.sequence)
        most.append(len(running_now))
        await asyncio.sleep(0.1)
        running_now.remove(request.sequence)
        return await echo(request)

    with running(sqlite_url, ScriptedEngine(counted)) as service, Client(service.url) as customer:
        for number in range(5):
            customer.say(f"m{number}")
        while sum(m["author"] == "bot" for m in customer.messages.values()) < 5:
            customer.receive()
        replies = [m["text"] for _, m in sorted(customer.messages.items()) if m["author"] == "bot"]
        assert replies == [f"You said: m{number}" for number in range(5)]
        assert max(most) == 1
