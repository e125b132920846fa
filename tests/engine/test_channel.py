"""The channel on a real Sanic server: who may speak, and what comes back."""

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest
import requests
from rasa.core.channels.channel import UserMessage
from rasa.shared.core.events import SlotSet, UserUttered
from sanic import Sanic

from bot.engine.channel import SwitchboardInput, plain_text
from bot.engine.tracker_store import TravellingTrackerStore

TOKEN = "a-token-of-the-test"


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("/restart", "restart"),
        ("  //greet{}", "greet{}"),
        ("/", "slash"),
        ("and/or", "and/or"),
        ("hello", "hello"),
        ("x" * 9000, "x" * 4000),
    ],
)
def test_a_leading_slash_is_no_command(typed, understood):
    assert plain_text(typed) == understood


class Served:
    """The channel on a socket, with a handler of the test's own in Rasa's place."""

    def __init__(self, domain):
        self.store = TravellingTrackerStore(domain)
        self.handler = greet
        self.ready = True
        self._loop = asyncio.new_event_loop()
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/webhooks/switchboard"
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        app = Sanic("channel_test", configure_logging=False)
        app.ctx.agent = SimpleNamespace(is_ready=lambda: self.ready, tracker_store=self.store, parse_message=understand)

        async def handle(message):
            await self.handler(message, self.store)

        app.blueprint(SwitchboardInput(TOKEN).blueprint(handle), url_prefix="/webhooks/switchboard")
        server = self._loop.run_until_complete(app.create_server(sock=self._listening, return_asyncio_server=True))
        self._loop.run_until_complete(server.startup())
        self._loop.run_until_complete(server.start_serving())
        self._serving.set()
        self._loop.run_forever()
        self._loop.run_until_complete(server.close())

    def __enter__(self):
        self._thread.start()
        assert self._serving.wait(timeout=30)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)


@pytest.fixture(scope="module")
def served(domain):
    # Sanic rewrites its own code when a server starts, which works once a process: one server for all.
    with Served(domain) as served:
        yield served


@pytest.fixture
def call(served):
    def post(body, token=TOKEN, handler=greet, ready=True, path="/turn"):
        served.handler, served.ready = handler, ready
        answer = requests.post(served.url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        return answer.status_code, answer.json()

    return post


async def greet(message: UserMessage, store: TravellingTrackerStore):
    tracker = await store.retrieve(message.sender_id)
    tracker.update(UserUttered(message.text, {"name": "greet", "confidence": 0.9}), store.domain)
    tracker.update(SlotSet("last_question", message.text), store.domain)
    await message.output_channel.send_text_message(message.sender_id, "Hello!")
    await message.output_channel.send_custom_json(message.sender_id, {"type": "handoff", "reason": "complaint"})


async def understand(text):
    ranking = [{"name": "greet", "confidence": 0.8}, {"name": "goodbye", "confidence": 0.2}]
    return {"text": text, "intent": ranking[0], "intent_ranking": ranking, "entities": [], "embedding": "long"}


def test_parsing_only_understands_and_needs_the_token_too(call, served):
    status, answer = call({"text": "hi"}, path="/parse")
    assert status == 200
    assert answer["intent"]["name"] == "greet" and len(answer["intent_ranking"]) == 2
    assert set(answer) == {"intent", "intent_ranking", "entities"}
    assert call({"text": "hi"}, "wrong", path="/parse")[0] == 401
    assert call({"text": 5}, path="/parse")[0] == 400
    assert call({"text": "hi"}, ready=False, path="/parse")[0] == 503


def test_a_turn_comes_back_typed_with_what_was_understood_and_the_state(call):
    status, answer = call({"conversation": "c", "turn": 1, "text": "/hi", "state": None})
    assert status == 200 and answer["error"] is None
    assert answer["messages"] == [{"type": "text", "text": "Hello!"}, {"type": "handoff", "reason": "complaint"}]
    assert (answer["intent"], answer["confidence"]) == ("greet", 0.9)
    assert answer["state"] == {"slots": {"last_question": "hi"}, "active_loop": None}


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x"])
def test_without_the_token_nothing_is_answered(call, token):
    status, answer = call({"text": "hi"}, token)
    assert status == 401 and answer == {"error": "unauthorized"}


@pytest.mark.parametrize("body", [[], {"text": 5}, {"conversation": "c"}, "hi"])
def test_a_body_that_does_not_fit_is_refused(call, body):
    status, answer = call(body)
    assert status == 400 and answer == {"error": "bad_request"}


def test_a_crash_is_no_silence(call):
    async def crash(message, store):
        raise ValueError("broken")

    status, answer = call({"conversation": "c", "turn": 1, "text": "hi"}, handler=crash)
    assert status == 200 and answer["messages"] == [] and answer["error"] == "ValueError: broken"


def test_an_engine_that_is_still_loading_says_so(call):
    status, answer = call({"conversation": "c", "turn": 1, "text": "hi"}, ready=False)
    assert status == 503 and answer == {"error": "starting"}
