"""What a customer who waits is told, over both transports, and how they go on by e-mail; on both databases."""

import pytest

from bot.conversations import customers
from bot.conversations import services as conversations
from bot.desk import services as desk
from bot.desk.models import Agent
from tests.channels.test_http import HELLO, Poller
from tests.desk.queueing import claim, on_duty
from tests.service import Client, on_loop, running

MAIL = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "Shop <shop@example.com>", "mail_listen": "127.0.0.1:2"}


@pytest.fixture
def mailing(db_url, engine):
    with running(db_url, engine, **MAIL) as service:
        yield service


def hand_over(session, conversation_id):
    conversation = conversations.get(session, conversation_id, for_update=True)
    desk.hand_over(session, conversation, "asked_for_person", [])


def waiting(service, client):
    """Somebody who waits, and the first thing they are told about it."""
    client.say("hello")
    on_loop(service, hand_over, client.welcome["conversation"])
    client.expect("owner", owner="queue")
    return client.expect("queue")


def identified(session, customer_id, email):
    customer = customers.get(session, customer_id)
    customer.external_id, customer.email = "anna", email


def customer_of(session, conversation_id):
    return conversations.get(session, conversation_id).customer_id


def test_who_waits_is_told_the_position_and_the_range_and_the_bots_customers_nothing(service, visitor):
    on_loop(service, on_duty)
    assert waiting(service, visitor) == {
        "type": "queue",
        "key": "up_to",
        "position": 1,
        "high": 2,
        "text": "You are number 1 in the queue. It will take less than 2 minutes.",
        "email": False,
    }
    with Client(service.url) as other:
        other.ask("hello")
        other.send({"type": "ping"})
        frame = other.receive()
        assert (frame["type"], other.welcome["owner"]) == ("heartbeat", "bot")


def test_nobody_on_duty_is_said(service, visitor):
    frame = waiting(service, visitor)
    assert frame["key"] == "nobody_on_duty" and frame["position"] == 1
    assert "low" not in frame and "high" not in frame


def test_it_is_said_again_after_coming_back_and_when_the_place_changes(service, visitor):
    on_loop(service, on_duty, "mia", 0)
    with Client(service.url) as first:
        waiting(service, first)
        assert waiting(service, visitor)["position"] == 2
        with Client(service.url, token=visitor.token) as tab:
            assert tab.welcome["owner"] == "queue"
            assert tab.expect("queue")["position"] == 2
        on_loop(service, claim, first.welcome["conversation"], ("agent-1", "Mia"))
        assert visitor.expect("queue", timeout=30)["position"] == 1


def test_when_an_agent_joins_nothing_more_is_said_of_the_queue(service, visitor):
    waiting(service, visitor)
    on_loop(service, claim, visitor.welcome["conversation"], ("agent-1", "Mia"))
    visitor.expect("owner", owner="agent")
    on_loop(service, change_agents)
    visitor.say("thanks for coming")
    visitor.send({"type": "ping"})
    seen = []
    while not seen or seen[-1] != "heartbeat":
        seen.append(visitor.receive()["type"])
    assert "queue" not in seen


def change_agents(session):
    for agent in session.query(Agent):
        agent.state = "available"


def test_over_http_it_comes_with_every_answer(service):
    with service.http() as http:
        visitor = Poller(http)
        visitor.send({"type": "message", "client_id": "c1", "text": "hello"})
        visitor.until(2)
        on_loop(service, hand_over, visitor.welcome["conversation"])
        found = []
        while not found:
            answer = http.get(
                "/channel/frames", params={"cursor": 9, "wait": 5}, headers=visitor.headers, timeout=30
            ).json()["frames"]
            found = [frame for frame in answer if frame["type"] == "queue"]
        assert found[0]["key"] == "nobody_on_duty"
        again = visitor.send(HELLO).json()["frames"]
        assert [frame["type"] for frame in again if frame["type"] != "message"] == ["welcome", "queue"]


def test_an_answer_by_email_is_offered_and_taken(mailing):
    with Client(mailing.url) as visitor:
        assert visitor.welcome["email"] is True
        assert waiting(mailing, visitor)["email"] is True
        visitor.send({"type": "email_me", "email": "anna@example.com", "client_id": "form"})
        told: dict[str, dict] = {}
        while not {"by_email", "notice"} <= told.keys():
            frame = visitor.receive()
            told["notice" if frame.get("notice") == "by_email" else frame["type"]] = frame
        assert "anna@example.com" in told["notice"]["text"]
        assert told["by_email"]["email"]
        with Client(mailing.url, token=visitor.token) as again:
            again.send({"type": "ping"})
            seen = []
            while not seen or seen[-1] != "heartbeat":
                seen.append(again.receive()["type"])
            assert "queue" not in seen, "nothing more is said of the queue"


@pytest.mark.parametrize(
    ("email", "code"),
    [
        (None, "email_needed"),
        ("   ", "email_needed"),
        ("not an address", "email_invalid"),
        (f"{'x' * 250}@example.com", "email_invalid"),
        ("x" * 5000, "bad_frame"),
        (5, "bad_frame"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_forms_own_id(mailing, email, code):
    with Client(mailing.url) as visitor:
        waiting(mailing, visitor)
        visitor.send({"type": "email_me", "email": email, "client_id": "form"})
        error = visitor.expect("error")
        assert (error["code"], error["client_id"]) == (code, "form") and error["message"]


def test_the_shops_own_customers_need_give_no_address_and_nobody_elses_is_told(mailing):
    with Client(mailing.url) as visitor:
        assert "email" not in visitor.welcome["customer"]
        waiting(mailing, visitor)
        customer = on_loop(mailing, customer_of, visitor.welcome["conversation"])
        on_loop(mailing, identified, customer, "anna@example.com")
        with Client(mailing.url, token=visitor.token) as again:
            assert again.welcome["customer"]["email"] == "anna@example.com"
            again.send({"type": "email_me"})
            assert again.expect("by_email")["email"]


def test_who_has_said_nothing_cannot_choose_email_and_neither_where_it_is_not_offered(mailing, service, visitor):
    with Client(mailing.url) as calm:
        calm.send({"type": "email_me", "email": "anna@example.com"})
        assert calm.expect("error")["code"] == "conflict"
    assert visitor.welcome["email"] is False
    waiting(service, visitor)
    visitor.send({"type": "email_me", "email": "anna@example.com"})
    assert visitor.expect("error")["code"] == "email_unavailable"


def test_trying_addresses_without_end_is_stopped(mailing):
    with Client(mailing.url) as visitor:
        waiting(mailing, visitor)
        for _ in range(8):
            visitor.send({"type": "email_me", "email": "no"})
        codes = [visitor.expect("error")["code"] for _ in range(8)]
        assert codes == ["email_invalid"] * 5 + ["rate_limited"] * 3
