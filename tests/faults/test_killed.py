"""Each process killed in turn during a chat: what was acknowledged is there, once, in order, and the customer told."""

import os
import signal
import time

import pytest
from websockets.exceptions import WebSocketException

from tests.conftest import start_live_app
from tests.service import Client

QUESTION = "How long do I have to return something?"
# Long enough for a killed engine to load its model again on a busy machine.
RECOVERY_S = 120


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    place, supervisor, _ = start_live_app(tmp_path_factory.mktemp("faults"), SWITCHBOARD_MESSAGES_PER_MINUTE="1000")
    with supervisor.running():
        yield place, supervisor


@pytest.fixture
def customer(app):
    place, supervisor = app
    for name in ("actions", "engine", "web"):
        supervisor.await_health(name)
    with Client(place.url) as client:
        yield client


def kill(supervisor, name: str) -> None:
    os.kill(supervisor.process_id(name), signal.SIGKILL)


def reconnect(customer: Client) -> None:
    """As the widget does it: again and again, until somebody answers."""
    until = time.monotonic() + RECOVERY_S
    while True:
        try:
            customer.connect()
            return
        except (OSError, WebSocketException, TimeoutError, EOFError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def check_history(customer: Client, texts: list[str]) -> None:
    """Everything this customer said is stored once and in order, and no number is missing."""
    with Client(customer._url, token=customer.token) as fresh:
        fresh.send({"type": "ping"})
        latest = fresh.expect("heartbeat")["latest"]
        while len(fresh.messages) < latest:
            fresh.receive()
        assert sorted(fresh.messages) == list(range(1, latest + 1))
        said = [m["text"] for _, m in sorted(fresh.messages.items()) if m["author"] == "customer"]
        assert said == texts


def test_a_killed_engine_is_told_to_the_customer_and_a_person_is_asked_for(app, customer):
    place, supervisor = app
    assert customer.ask(QUESTION)["kind"] == "answer"
    kill(supervisor, "engine")
    reply = customer.ask("and what does it cost?", timeout=30)
    assert reply["notice"] == "bot_unavailable"
    customer.expect("owner", owner="queue")
    customer.say("I will wait")
    check_history(customer, [QUESTION, "and what does it cost?", "I will wait"])
    supervisor.await_health("engine", RECOVERY_S)
    with Client(place.url) as other:
        assert other.ask(QUESTION, timeout=30)["kind"] == "answer", "the engine is back for everybody else"


def test_a_killed_engine_forgets_no_open_form(app, customer):
    _, supervisor = app
    assert "order number" in customer.ask("where is my order?")["text"]
    kill(supervisor, "engine")
    supervisor.await_health("engine", RECOVERY_S)
    assert "e-mail" in customer.ask("KF-10205", timeout=30)["text"]


def test_a_killed_action_server_is_told_to_the_customer(app, customer):
    _, supervisor = app
    kill(supervisor, "actions")
    reply = customer.ask(QUESTION, timeout=30)
    assert reply.get("notice") == "bot_unavailable" or reply["kind"] == "answer"
    supervisor.await_health("actions", RECOVERY_S)
    check_history(customer, [QUESTION])


def test_a_killed_web_service_loses_nothing_that_it_acknowledged(app, customer):
    _, supervisor = app
    customer.ask("hello")
    customer.say(QUESTION)
    kill(supervisor, "web")
    reconnect(customer)
    until = time.monotonic() + 30
    while not any(m["kind"] == "answer" for m in customer.messages.values()):
        customer.receive(max(0.1, until - time.monotonic()))
    time.sleep(1)
    answers = [m for m in customer.messages.values() if m["kind"] == "answer"]
    assert len(answers) == 1, "the question is answered once, before or after the kill"
    check_history(customer, ["hello", QUESTION])


def test_killed_again_and_again_while_writing_every_acknowledged_message_is_there_once(app, customer):
    _, supervisor = app
    sent = []
    for number in range(9):
        text, client_id = f"message {number}", f"id-{number}"
        if number % 3 == 1:
            kill(supervisor, "web")
        while True:
            try:
                customer.say(text, client_id)
                break
            except (OSError, WebSocketException, TimeoutError, EOFError):
                # Not acknowledged: sent again under the same id, as the widget's outbox does.
                reconnect(customer)
        sent.append(text)
    reconnect(customer)
    check_history(customer, sent)
