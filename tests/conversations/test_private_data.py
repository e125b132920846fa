"""Personal data that somebody pastes is stored nowhere and sent to nobody, whatever way it came in."""

import pytest
from sqlalchemy import text

from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.conversations.records import Reply
from bot.dialogue.scripted import ScriptedEngine, echo
from tests.people import add_people, signed_in
from tests.service import Client, on_loop, running

CARD = "4111 1111 1111 1111"
PASTED = f"Charge {CARD} please, cvc 123, my password is hunter2"
STORED = "Charge •••• 1111 please, cvc •••, my password is ••••"


@pytest.fixture
def engine():
    return ScriptedEngine(echo)


@pytest.fixture
def service(db_url, engine):
    add_people(db_url, "mia")
    with running(db_url, engine) as service:
        yield service


async def test_it_is_masked_before_it_is_stored_and_told_once(db):
    def say(session):
        customer = customers.new_visitor(session, "en")
        chat = conversations.current_of(session, customer.id).id
        posted = [turns.post_customer_message(session, chat, customer.id, "c1", PASTED) for _ in range(2)]
        return chat, posted

    chat, (first, again) = await db.write(say)
    assert first.turn.text == STORED
    assert again.repeated and again.message.sequence == first.message.sequence
    messages = await db.read(conversations.messages_after, chat, 0)
    assert [(m.author, (m.extra or {}).get("notice")) for m in messages] == [
        ("customer", None),
        ("system", "personal_data_masked"),
    ]
    assert messages[0].text == STORED and [m.sequence for m in messages] == [1, 2]


async def test_a_message_behind_a_masked_one_is_answered_after_it(db):
    def talk(session):
        customer = customers.new_visitor(session, "en")
        chat = conversations.current_of(session, customer.id).id
        turn = turns.post_customer_message(session, chat, customer.id, "c1", PASTED).turn
        turns.post_customer_message(session, chat, customer.id, "c2", "and when is it delivered?")
        return turns.finish_turn(session, turn, [Reply("All right.")], None)

    kept, following = await db.write(talk)
    assert kept and following.text == "and when is it delivered?"
    assert [(said.by_customer, said.text) for said in following.before] == [(True, STORED)]


def test_over_a_socket_the_customer_sees_what_was_stored_and_the_engine_gets_no_more(service, engine):
    with Client(service.url) as visitor:
        ack = visitor.say(PASTED)
        assert ack["text"] == STORED
        notice = visitor.expect("message", author="system")
        assert notice["notice"] == "personal_data_masked" and "card number" in notice["text"]
        assert visitor.expect("message", author="bot")["text"] == f"You said: {STORED}"
        again = visitor.say(PASTED, ack["client_id"])
        assert (again["sequence"], again["text"]) == (ack["sequence"], STORED)
    assert [request.text for request in engine.requests] == [STORED]
    assert "hunter2" not in everything(service) and "4111" not in everything(service)


def test_over_http_it_is_the_same(service):
    with service.http() as http:
        welcome = http.post("/channel/frames", json={"type": "hello", "protocol": 1}).json()["frames"][0]
        frame = {"type": "message", "client_id": "c1", "text": PASTED}
        headers = {"Authorization": f"Bearer {welcome['token']}"}
        ack = http.post("/channel/frames", json=frame, headers=headers).json()["frames"][0]
    assert ack["text"] == STORED
    assert "hunter2" not in everything(service) and "4111" not in everything(service)


def test_an_ordinary_message_is_acknowledged_without_its_text(service):
    with Client(service.url) as visitor:
        assert "text" not in visitor.say("Where is KF-12345? Call +353 87 123 4567, I paid 45.00 on 12.11.2026")


def test_a_card_number_in_an_agents_reply_is_masked_and_an_iban_is_not(service):
    with Client(service.url) as visitor, signed_in(service, "mia") as mia:
        visitor.say("hello")
        chat = visitor.welcome["conversation"]

        def to_mia(session):
            conversation = conversations.get(session, chat, for_update=True)
            account = session.execute(text("SELECT id FROM accounts")).scalar_one()
            conversations.change_owner(session, conversation, conversations.AGENT, (account, "Mia"))

        on_loop(service, to_mia)
        reply = {"text": f"I see {CARD}; we pay from DE89370400440532013000.", "client_id": "0" * 32}
        for _ in range(2):
            assert mia.post(f"/desk/chats/{chat}/reply", data=reply).status_code == 303
        shown = visitor.expect("message", author="agent")["text"]
    assert shown == "I see •••• 1111; we pay from DE89370400440532013000."


def everything(service) -> str:
    """All that the database holds of messages and conversations."""

    def read(session):
        tables = ("messages", "conversations", "handoffs")
        return "\n".join(repr(row) for table in tables for row in session.execute(text(f"SELECT * FROM {table}")))

    return on_loop(service, read)
