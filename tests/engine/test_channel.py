"""The channel on a real Sanic server: who may speak, and what comes back."""

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest
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
    """The channel with a handler of the test's own in Rasa's place."""

    def __init__(self, domain, handler, ready=True):
        self.store = TravellingTrackerStore(domain)
        self.app = Sanic(f"test-{id(self)}", configure_logging=False)
        self.app.ctx.agent = SimpleNamespace(is_ready=lambda: ready, tracker_store=self.store)
        self.app.blueprint(
            SwitchboardInput(TOKEN).blueprint(lambda message: handler(message, self.store)),
            url_prefix="/webhooks/switchboard",
        )

    async def __aenter__(self):
        self.server = await self.app.create_server(host="127.0.0.1", port=0, return_asyncio_server=True)
        await self.server.startup()
        await self.server.start_serving()
        port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/webhooks/switchboard"
        return self

    async def __aexit__(self, *_):
        await self.server.close()


def call(domain, handler, body, token=TOKEN, ready=True):
    async def work():
        async with Served(domain, handler, ready) as served, aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.post(served.url + "/turn", json=body, headers=headers) as response:
                return response.status, await response.json()

    return asyncio.run(work())


async def greet(message: UserMessage, store: TravellingTrackerStore):
    tracker = await store.retrieve(message.sender_id)
    tracker.update(UserUttered(message.text, {"name": "greet", "confidence": 0.9}), store.domain)
    tracker.update(SlotSet("last_question", message.text), store.domain)
    await message.output_channel.send_text_message(message.sender_id, "Hello!")
    await message.output_channel.send_custom_json(message.sender_id, {"type": "handoff", "reason": "complaint"})


def test_a_turn_comes_back_typed_with_what_was_understood_and_the_state(domain):
    status, answer = call(domain, greet, {"conversation": "c", "turn": 1, "text": "/hi", "state": None})
    assert status == 200 and answer["error"] is None
    assert answer["messages"] == [{"type": "text", "text": "Hello!"}, {"type": "handoff", "reason": "complaint"}]
    assert (answer["intent"], answer["confidence"]) == ("greet", 0.9)
    assert answer["state"] == {"slots": {"last_question": "hi"}, "active_loop": None}


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x"])
def test_without_the_token_nothing_is_answered(domain, token):
    status, answer = call(domain, greet, {"text": "hi"}, token)
    assert status == 401 and answer == {"error": "unauthorized"}


@pytest.mark.parametrize("body", [[], {"text": 5}, {"conversation": "c"}, "hi"])
def test_a_body_that_does_not_fit_is_refused(domain, body):
    status, answer = call(domain, greet, body)
    assert status == 400 and answer == {"error": "bad_request"}


def test_a_crash_is_no_silence(domain):
    async def crash(message, store):
        raise ValueError("broken")

    status, answer = call(domain, crash, {"conversation": "c", "turn": 1, "text": "hi"})
    assert status == 200 and answer["messages"] == [] and answer["error"] == "ValueError: broken"


def test_an_engine_that_is_still_loading_says_so(domain):
    status, answer = call(domain, greet, {"conversation": "c", "turn": 1, "text": "hi"}, ready=False)
    assert status == 503 and answer == {"error": "starting"}
