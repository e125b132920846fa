"""The desk through the web service."""

import json
import time

import pytest

from bot.conversations import customers
from bot.conversations import services as conversations
from bot.desk import services
from bot.dialogue.scripted import ScriptedEngine, echo
from bot.events import QUEUE, conversation_topic
from tests.people import add_people, signed_in, visitor
from tests.service import Client, on_loop, running

HTMX = {"HX-Request": "true"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def service(db_url):
    add_people(db_url, "mia", "jonas")
    with running(db_url, ScriptedEngine(echo)) as running_service:
        yield running_service


def ask(session, text="Where is my refund?", name=None, page=None):
    customer = customers.new_visitor(session, "en")
    customer.name = name
    conversation = conversations.current_of(session, customer.id, page)
    conversations.add_message(session, conversation, author="customer", text=text, client_id="c")
    services.hand_over(session, conversation, "frustrated", ["The customer sounds frustrated."])
    return conversation.id


def texts(service, chat, author="agent"):
    return [m.text for m in on_loop(service, services.transcript, chat) if m.author == author]


def test_the_customer_sees_that_their_agent_is_typing_and_nobody_else_can_say_so(service):
    with Client(service.url) as customer, signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        customer.say("I want a person")
        chat = customer.welcome["conversation"]

        def hand_over(session):
            services.hand_over(session, conversations.get(session, chat, for_update=True), "asked_for_person", [])

        on_loop(service, hand_over)
        mia.post(f"/desk/chats/{chat}/claim")
        assert jonas.post(f"/desk/chats/{chat}/typing").status_code == 409
        assert mia.post(f"/desk/chats/{chat}/typing").status_code == 204
        assert customer.expect("typing", author="agent")["on"]


def test_an_empty_desk_says_so(service):
    with signed_in(service, "mia") as mia:
        page = mia.get("/desk").text
    assert "Nobody is waiting" in page and "You have no chat just now" in page


def test_an_agent_reads_why_claims_replies_and_resolves(service):
    chat = on_loop(service, ask, "Where is my refund?", "Anna Lindqvist", "https://shop.example/kettle")
    with signed_in(service, "mia") as mia:
        queue = mia.get("/desk").text
        assert "(1) Desk" in queue and "Frustrated" in queue and "Where is my refund?" in queue
        page = mia.get(f"/desk/chats/{chat}").text
        for shown in ("The customer sounds frustrated.", "Anna Lindqvist", "https://shop.example/kettle", "Claim"):
            assert shown in page
        assert mia.post(f"/desk/chats/{chat}/claim").headers["location"] == f"/desk/chats/{chat}"
        parts = mia.post(
            f"/desk/chats/{chat}/reply", data={"text": "I look into it.", "client_id": "a" * 32}, headers=HTMX
        )
        assert parts.status_code == 200 and "sb_client_id" in parts.text
        messages = mia.get(f"/desk/chats/{chat}/messages?after=3", headers=HTMX).text
        assert "I look into it." in messages and "Where is my refund?" not in messages
        parts = mia.post(f"/desk/chats/{chat}/resolve", headers=HTMX)
        assert "Resolved" in parts.text and "Reopen" in parts.text
    assert texts(service, chat) == ["I look into it."]
    assert on_loop(service, conversations.get, chat).owner == "bot"


def test_an_agent_takes_the_next_chat_with_one_button(service):
    chat = on_loop(service, ask, "Where is my refund?", "Anna Lindqvist", "https://shop.example/kettle")
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        assert "Take the next chat" in mia.get("/desk").text
        assert mia.post("/desk/next").headers["location"] == f"/desk/chats/{chat}"
        assert "Take the next chat" not in jonas.get("/desk").text
        refused = jonas.post("/desk/next", headers=HTMX)
        assert refused.status_code == 409 and "Nobody is waiting just now" in refused.text
    assert on_loop(service, conversations.get, chat).agent_name == "Mia Novak"


def test_a_reply_to_a_chat_that_is_lost_is_refused_with_a_notice_and_nothing_is_sent(service):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        jonas.post(f"/desk/chats/{chat}/claim")
        claim = mia.post(f"/desk/chats/{chat}/claim", headers=HTMX)
        assert claim.status_code == 409 and "Jonas Weber has claimed this chat already." in claim.text
        answer = mia.post(f"/desk/chats/{chat}/reply", data={"text": "Hello", "client_id": "b" * 32}, headers=HTMX)
        assert answer.status_code == 409
        assert answer.headers["hx-retarget"] == "#sb_notices"
        assert "your reply was not sent" in answer.text
        assert "Jonas Weber has this chat" in mia.get(f"/desk/chats/{chat}").text
    assert texts(service, chat) == []


def test_a_reply_repeated_after_a_lost_answer_is_sent_once_and_a_changed_one_is_not_swallowed(service):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia:
        mia.post(f"/desk/chats/{chat}/claim")
        form = {"text": "Hello Anna", "client_id": "c" * 32}
        for _ in range(2):
            assert mia.post(f"/desk/chats/{chat}/reply", data=form, headers=HTMX).status_code == 200
        changed = mia.post(f"/desk/chats/{chat}/reply", data={**form, "text": "Hello Anne"}, headers=HTMX)
        assert changed.status_code == 409
        assert "had been sent already" in changed.text and "sb_client_id" in changed.text
    assert texts(service, chat) == ["Hello Anna"]


def test_a_reply_that_cannot_be_shown_is_refused_with_the_reason(service):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia:
        mia.post(f"/desk/chats/{chat}/claim")
        for text in ("", "   \n", "\u200b", "x" * 8001):
            form = {"text": text, "client_id": "d" * 32}
            answer = mia.post(f"/desk/chats/{chat}/reply", data=form, headers=HTMX)
            assert answer.status_code == 400
            assert "sb_notices" in answer.headers["hx-retarget"]
    assert texts(service, chat) == []


def test_nothing_that_a_customer_typed_runs_in_the_desk(service):
    chat = on_loop(service, ask, EVIL + " <hx-partial hx-target='body'>x</hx-partial>", EVIL, "javascript:alert(1)")
    with signed_in(service, "mia") as mia:
        for path in (f"/desk/chats/{chat}", "/desk/queue", f"/desk/chats/{chat}/messages", f"/desk/chats/{chat}/state"):
            answer = mia.get(path, headers=HTMX)
            assert answer.status_code == 200
            assert EVIL not in answer.text and "<hx-partial hx-target='body'" not in answer.text
            assert 'href="javascript:' not in answer.text
        policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy


def test_pages_of_agents_are_not_kept_by_the_browser(service):
    with signed_in(service, "mia") as mia:
        assert mia.get("/desk").headers["cache-control"] == "no-store"


def test_strange_addresses_are_not_found_and_never_an_error_of_ours(service):
    with signed_in(service, "mia") as mia:
        for chat in ("x", "0" * 32, "%00", "../../etc", "0" * 31 + "'"):
            for path in (f"/desk/chats/{chat}", f"/desk/chats/{chat}/messages"):
                assert mia.get(path).status_code == 404, path
            assert mia.post(f"/desk/chats/{chat}/claim").status_code == 404
        assert mia.post(f"/desk/chats/{'0' * 32}/reply", data={"text": "x" * 400_000}).status_code == 413


def test_the_desk_is_closed_to_everybody_else(service):
    chat = on_loop(service, ask)
    with visitor(service) as nobody:
        for path in ("/desk", f"/desk/chats/{chat}", "/desk/queue", "/desk/events", f"/desk/chats/{chat}/messages"):
            assert nobody.get(path).status_code in (303, 401), path
        assert nobody.get("/desk/pulse", headers={"Accept": "application/json"}).status_code == 401
        assert nobody.post(f"/desk/chats/{chat}/claim", headers=HTMX).status_code == 401


def test_the_stream_tells_of_the_queue_of_messages_and_of_being_signed_out(service):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        with mia.stream("GET", f"/desk/events?chat={chat}", timeout=20) as stream:
            events = _events(stream)
            first = next(events)
            assert first[0] == "pulse" and first[1]["waiting"] == 1
            jonas.post(f"/desk/chats/{chat}/claim")
            claimed = _until(events, lambda data: data["waiting"] == 0)
            jonas.post(f"/desk/chats/{chat}/reply", data={"text": "Hello", "client_id": "e" * 32})
            written = _until(events, lambda data: data["latest"] > claimed["latest"])
            assert written["owner_version"] == claimed["owner_version"]
            with service.http(headers={"Origin": service.url}, cookies=mia.cookies) as other_tab:
                other_tab.post("/sign-out")
            jonas.post(f"/desk/chats/{chat}/resolve")
            assert [name for name, _ in events][-1] == "signed_out"


def test_a_service_that_stops_ends_its_streams_and_cuts_none_off(service, capfd):
    chat = on_loop(service, ask)
    with signed_in(service, "mia") as mia, Client(service.url):
        with mia.stream("GET", f"/desk/events?chat={chat}", timeout=20) as stream:
            events = _events(stream)
            assert next(events)[0] == "pulse"
            service.stop()
            # A stream that is cut off raises here.
            assert [name for name, _ in events if name != "pulse"] == []
    assert "Cancel" not in capfd.readouterr().err


def test_a_stream_that_nobody_reads_any_more_stops_listening(service):
    chat = on_loop(service, ask)
    hub = service.app.state.hub
    with signed_in(service, "mia") as mia, signed_in(service, "jonas") as jonas:
        with mia.stream("GET", f"/desk/events?chat={chat}", timeout=20) as stream:
            events = _events(stream)
            next(events)
            # The other one is the waiting room's.
            assert len(hub._listeners[QUEUE]) == 2
        until = time.monotonic() + 10
        while len(hub._listeners[QUEUE]) > 1:
            assert time.monotonic() < until, "the listener is still there"
            jonas.get("/desk")
    assert conversation_topic(chat) not in hub._listeners


def _events(stream):
    name = ""
    for line in stream.iter_lines():
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield name, json.loads(line.removeprefix("data:"))


def _until(events, wanted):
    return next(data for name, data in events if name == "pulse" and wanted(data))
