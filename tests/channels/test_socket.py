"""The protocol over a real WebSocket, on both databases."""

import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from websockets.exceptions import ConnectionClosed

from bot.channels import tokens
from bot.conversations import services as conversations
from bot.desk import claims
from bot.desk import services as desk
from tests.service import SECRET, Client, on_loop, running

AGENT = ("agent-1", "Mia")


def test_a_message_is_acknowledged_stored_and_answered(visitor):
    reply = visitor.ask("hello")
    assert reply["author"] == "bot" and reply["text"] == "You said: hello"
    assert sorted(visitor.messages) == [1, 2]
    assert visitor.messages[1]["client_id"]


def test_history_is_there_after_coming_back(service, visitor):
    visitor.ask("first")
    visitor.close()
    with Client(service.url, token=visitor.token) as back:
        assert back.welcome["conversation"] == visitor.welcome["conversation"]
        assert "token" not in back.welcome, "a young token is kept"
        back.expect("message", sequence=2)
        assert [back.messages[n]["text"] for n in (1, 2)] == ["first", "You said: first"]


def test_only_what_is_after_the_cursor_is_sent_again(service, visitor):
    visitor.ask("first")
    visitor.close()
    with Client(service.url, token=visitor.token, cursor=1) as back:
        back.expect("message")
        assert list(back.messages) == [2]


def test_two_tabs_see_the_same_conversation_live(service, visitor):
    with Client(service.url, token=visitor.token) as tab:
        visitor.ask("from the first tab")
        tab.expect("message", sequence=2)
        assert tab.messages == visitor.messages


def test_the_same_client_id_again_is_acknowledged_again_and_stored_once(visitor):
    first = visitor.say("hello", "same")
    visitor.expect("message", author="bot")
    assert visitor.say("hello", "same")["sequence"] == first["sequence"]
    visitor.ask("next")
    assert [visitor.messages[n]["text"] for n in sorted(visitor.messages)] == [
        "hello",
        "You said: hello",
        "next",
        "You said: next",
    ]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("this is not JSON", "bad_json"),
        ("[" * 50_000, "bad_json"),
        ("[]", "bad_frame"),
        ('"hello"', "bad_frame"),
        ({"type": "teleport"}, "unknown_type"),
        ({"text": "no type"}, "unknown_type"),
        ({"type": "message", "client_id": "c1"}, "bad_frame"),
        ({"type": "message", "client_id": "", "text": "x"}, "bad_frame"),
        ({"type": "message", "client_id": "c 1", "text": "x"}, "bad_frame"),
        ({"type": "message", "client_id": "c1", "text": 5}, "bad_frame"),
        ({"type": "message", "client_id": "c1", "text": "x" * 10_000}, "too_large"),
        ({"type": "message", "client_id": "c1", "text": ""}, "empty"),
        ({"type": "message", "client_id": "c1", "text": "\x00\x01"}, "empty"),
        ({"type": "message", "client_id": "c1", "text": "x", "vote": {"sequence": 99, "helped": True}}, "bad_frame"),
        ({"type": "read", "sequence": -1}, "bad_frame"),
        ({"type": "read", "sequence": 10**30}, "bad_frame"),
        ({"type": "hello", "protocol": 2}, "bad_frame"),
    ],
)
def test_a_bad_frame_gets_a_clear_error_and_the_chat_goes_on(visitor, frame, code):
    visitor.send(frame)
    error = visitor.expect("error")
    assert error["code"] == code and error["message"]
    if isinstance(frame, dict) and frame.get("client_id"):
        assert error["client_id"] == frame["client_id"]
    assert visitor.ask("still here")["text"] == "You said: still here"


@pytest.mark.parametrize(
    "text",
    ["👍", "👩🏽‍🚀 🇮🇪", "مرحبا بالعالم", "a\x00b", "<script>alert(1)</script>", "/restart", "x" * 4000, "😀" * 4000],
)
def test_strange_text_arrives_as_it_was_written(visitor, text):
    visitor.say(text)
    visitor.expect("message", sequence=1)
    assert visitor.messages[1]["text"] == text.replace("\x00", "")


def test_a_frame_beyond_the_limit_ends_the_socket_and_loses_nothing(service, visitor):
    visitor.ask("kept")
    with pytest.raises(ConnectionClosed) as closed:
        visitor.send(json.dumps({"type": "message", "client_id": "big", "text": "x" * 200_000}))
        while True:
            visitor.receive()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
    visitor.connect()
    assert visitor.ask("again")["sequence"] == 4


def test_bad_frames_without_end_close_the_socket(visitor):
    with pytest.raises(ConnectionClosed) as closed:
        for _ in range(25):
            visitor.send("nonsense")
        while True:
            visitor.receive()
    assert closed.value.rcvd.code == 4400


def test_hello_comes_first(service):
    client = Client(service.url)
    client.greet = lambda: {}
    client.connect()
    client.send({"type": "message", "client_id": "c1", "text": "hi"})
    assert client.expect("error")["code"] == "not_greeted"
    client.close()


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("nonsense", "token_invalid"),
        (jwt.encode({"sub": "x"}, "another-secret-" + "q" * 32, algorithm="HS256"), "token_invalid"),
        (jwt.encode({"sub": "x", "aud": tokens.AUDIENCE}, None, algorithm="none"), "token_invalid"),
        (
            jwt.encode(
                {
                    "sub": "x",
                    "aud": tokens.AUDIENCE,
                    "iat": datetime.now(UTC) - timedelta(days=300),
                    "exp": datetime.now(UTC) - timedelta(days=1),
                },
                SECRET,
                algorithm="HS256",
            ),
            "token_expired",
        ),
    ],
)
def test_a_forged_or_old_token_is_nobodys(service, visitor, token, code):
    visitor.send({"type": "hello", "protocol": 1, "token": token})
    assert visitor.expect("error")["code"] == code


def test_a_token_for_nobody_is_refused(service, visitor):
    from pydantic import SecretStr

    visitor.send({"type": "hello", "protocol": 1, "token": tokens.issue(SecretStr(SECRET), "f" * 32)})
    assert visitor.expect("error")["code"] == "token_invalid"


def test_another_visitors_conversation_is_forbidden(service, visitor):
    visitor.ask("private")
    with Client(service.url) as other:
        frame = {"type": "hello", "protocol": 1, "token": other.token, "conversation": visitor.welcome["conversation"]}
        other.send(frame)
        assert other.expect("error")["code"] == "forbidden"
        assert other.messages == {}


def identity(**claims):
    secret = "identity-" + "y" * 32
    return jwt.encode({"exp": datetime.now(UTC) + timedelta(hours=1), **claims}, secret, algorithm="HS256")


def test_a_signed_identity_names_the_customer_and_keeps_what_was_said(service, visitor):
    visitor.ask("anonymous words")
    visitor.greet(identity=identity(sub="anna", name="Anna"), cursor=0)
    assert visitor.welcome["customer"] == {"name": "Anna", "identified": True}
    with Client(service.url, identity=identity(sub="anna")) as elsewhere:
        elsewhere.expect("message", sequence=2)
        assert elsewhere.messages[1]["text"] == "anonymous words"


@pytest.mark.parametrize(
    ("signed", "code"),
    [
        (
            jwt.encode({"sub": "anna", "exp": 9999999999}, "not-the-secret" + "q" * 32, algorithm="HS256"),
            "identity_invalid",
        ),
        (identity(name="nobody"), "identity_invalid"),
        (identity(sub="anna", exp=datetime.now(UTC) - timedelta(minutes=1)), "identity_expired"),
        (identity(sub="a" * 500), "identity_invalid"),
    ],
)
def test_an_identity_that_does_not_check_out_names_nobody(visitor, signed, code):
    visitor.send({"type": "hello", "protocol": 1, "token": visitor.token, "identity": signed})
    assert visitor.expect("error")["code"] == code
    assert visitor.ask("still anonymous")["author"] == "bot"


def test_a_flood_is_stopped_and_the_visitor_told_for_how_long(db_url, engine):
    with running(db_url, engine, messages_per_minute=5) as service, Client(service.url) as flooding:
        for number in range(8):
            flooding.send({"type": "message", "client_id": f"c{number}", "text": "spam"})
        error = flooding.expect("error")
        assert error["code"] == "rate_limited" and 0 < error["retry_after_s"] <= 60
        # Where a minute of the counter ends between two of them, what is left of it lets one more through.
        assert error["client_id"] in ("c5", "c6")
        with Client(service.url) as other:
            assert other.ask("not disturbed")["author"] == "bot"


def test_visitors_without_end_from_one_address_are_stopped(db_url, engine):
    with running(db_url, engine, visitors_per_minute=3) as service:
        for _ in range(3):
            with Client(service.url):
                pass
        client = Client(service.url)
        client.greet = lambda: {}
        client.connect()
        client.send({"type": "hello", "protocol": 1})
        assert client.expect("error")["code"] == "rate_limited"
        client.close()


def test_an_origin_that_is_not_allowed_is_refused(db_url, engine):
    with running(db_url, engine, allowed_origins=["https://shop.example"]) as service:
        client = Client(service.url)
        client.greet = lambda: {}
        client.connect(origin="https://evil.example")
        assert client.expect("error")["code"] == "origin_refused"
        with pytest.raises(ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd.code == 4403
        client = Client(service.url)
        client.connect(origin="https://shop.example")
        assert client.ask("hello")["author"] == "bot"
        client.close()


def test_the_bot_never_talks_over_a_person(service, visitor):
    conversation_id = visitor.welcome["conversation"]

    def to_agent(session):
        conversation = conversations.get(session, conversation_id, for_update=True)
        desk.hand_over(session, conversation, "asked_for_person", [])
        claims.claim(session, conversation_id, AGENT)

    visitor.ask("hello")
    on_loop(service, to_agent)
    visitor.expect("owner", owner="agent")
    visitor.say("are you a person?")
    on_loop(service, conversations.post_agent_message, conversation_id, AGENT, "yes, I'm Mia", "a1")
    reply = visitor.expect("message", author="agent")
    assert reply["agent"] == {"name": "Mia"}
    on_loop(service, desk.resolve, conversation_id, AGENT)
    visitor.expect("message", notice="resolved")
    assert visitor.ask("thanks, bot")["text"] == "You said: thanks, bot"
    assert "You said: are you a person?" not in [message["text"] for message in visitor.messages.values()]


def test_a_ping_says_which_number_is_the_newest(visitor):
    visitor.ask("hello")
    visitor.send({"type": "ping"})
    assert visitor.expect("heartbeat")["latest"] == 2


def test_hundreds_of_messages_come_as_the_newest_and_say_that_there_are_more(service, visitor):
    conversation_id = visitor.welcome["conversation"]

    def fill(session):
        conversation = conversations.get(session, conversation_id, for_update=True)
        for number in range(250):
            conversations.add_message(session, conversation, author="bot", text=f"line {number}")

    on_loop(service, fill)
    visitor.close()
    with Client(service.url, token=visitor.token) as back:
        assert back.welcome["earlier"] is True and back.welcome["latest"] == 250
        back.expect("message", sequence=250)
        assert min(back.messages) == 51 and len(back.messages) == 200
