"""The channel through which the service talks to Rasa: one turn in, typed messages out.

Rasa's REST channel has no authentication and answers `[]` both for silence and for a crash.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.io import raise_warning
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.engine import featurizer, tuning
from bot.engine.tracker_store import TravellingTrackerStore, state_of, travelling

TURN_TIMEOUT_S = 7
MAX_TEXT = 4000


class SwitchboardInput(InputChannel):
    """`POST /webhooks/switchboard/turn` with `Authorization: Bearer TOKEN`.

    In: `{"conversation", "turn", "text", "state", "signals", "context", "embedding"}`, the last one as
    `featurizer.accept` has it, or null.
    Out: `{"messages", "intent", "confidence", "policy", "state", "error"}`; `error` is null when all
    went well, so an empty list of messages is never mistaken for silence.

    `POST .../parse`, with the same token and the same `text` and `embedding`, only understands: it gives
    `{"intent", "intent_ranking", "entities"}`.
    """

    @classmethod
    def name(cls) -> str:
        return "switchboard"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> "SwitchboardInput":
        token = (credentials or {}).get("token") or ""
        if not token or token.startswith("${"):
            raise_warning("The switchboard channel has no token (SWITCHBOARD_ENGINE_TOKEN): every turn is refused.")
            token = ""
        tuning.apply()
        return cls(token)

    def __init__(self, token: str) -> None:
        self._token = token

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        channel = Blueprint("switchboard_webhook", __name__)

        @channel.get("/")
        async def health(request: Request) -> HTTPResponse:
            agent = request.app.ctx.agent
            ready = agent is not None and agent.is_ready()
            if ready:
                tuning.settle()
            return response.json({"status": "ok" if ready else "starting"}, status=200 if ready else 503)

        @channel.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            refused = self._refused(request)
            if refused:
                return refused
            store = travelling(request.app.ctx.agent.tracker_store)
            return response.json(await self._take_turn(request.json, store, on_new_message))

        @channel.post("/parse")
        async def parse(request: Request) -> HTTPResponse:
            refused = self._refused(request)
            if refused:
                return refused
            body = request.json
            text = plain_text(body["text"])
            featurizer.accept(text, body.get("embedding") if text == body["text"] else None)
            understood = await request.app.ctx.agent.parse_message(text)
            return response.json({name: understood.get(name) for name in ("intent", "intent_ranking", "entities")})

        return channel

    def _refused(self, request: Request) -> HTTPResponse | None:
        """The answer to a request that nobody may make, or that makes no sense, or None."""
        offered = (request.headers.get("authorization") or "").encode()
        if not self._token or not hmac.compare_digest(offered, f"Bearer {self._token}".encode()):
            return response.json({"error": "unauthorized"}, status=401)
        body = request.json
        if not isinstance(body, dict) or not isinstance(body.get("text"), str):
            return response.json({"error": "bad_request"}, status=400)
        agent = request.app.ctx.agent
        if agent is None or not agent.is_ready():
            return response.json({"error": "starting"}, status=503)
        return None

    async def _take_turn(
        self,
        body: dict[str, Any],
        store: TravellingTrackerStore,
        on_new_message: Callable[[UserMessage], Awaitable[Any]],
    ) -> dict[str, Any]:
        sender = f"{body.get('conversation')}.{body.get('turn')}"
        output = CollectingOutputChannel()
        failures: list[str] = []
        tuning.failed_actions.set(failures)
        error = None
        text = plain_text(body["text"])
        store.begin(sender, body.get("state"))
        try:
            featurizer.accept(text, body.get("embedding") if text == body["text"] else None)
            message = UserMessage(
                text,
                output,
                sender,
                input_channel=self.name(),
                metadata={"signals": body.get("signals") or {}, "context": body.get("context") or {}},
            )
            await asyncio.wait_for(on_new_message(message), timeout=TURN_TIMEOUT_S)
        except asyncio.TimeoutError:
            error = "timeout"
        except Exception as problem:
            # Whatever went wrong inside Rasa, the service has to hear of it and tell the customer.
            error = f"{type(problem).__name__}: {problem}"[:300]
        tracker = store.finish(sender)
        if failures:
            error = "action_failed: " + ", ".join(failures)
        return {
            "messages": [_typed(message) for message in output.messages],
            "error": error,
            **_understood(tracker),
        }


def plain_text(text: str) -> str:
    """The text without what Rasa would take for a command: to a customer, a leading `/` is just a slash."""
    return text[:MAX_TEXT].strip().lstrip("/").strip() or "slash"


def _typed(message: dict[str, Any]) -> dict[str, Any]:
    if isinstance(message.get("custom"), dict):
        return message["custom"]
    buttons = [
        {"title": button["title"], "text": button.get("payload") or button["title"]}
        for button in message.get("buttons") or []
    ]
    typed: dict[str, Any] = {"type": "text", "text": message.get("text") or ""}
    if buttons:
        typed["quick_replies"] = buttons
    return typed


def _understood(tracker: DialogueStateTracker | None) -> dict[str, Any]:
    if tracker is None:
        return {"intent": None, "confidence": None, "policy": None, "action": None, "state": None}
    action: ActionExecuted | None = None
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, ActionExecuted) and event.action_name != ACTION_LISTEN_NAME:
            action = event
    intent = tracker.latest_message.intent if tracker.latest_message else {}
    return {
        "intent": intent.get("name"),
        "confidence": intent.get("confidence"),
        "policy": action.policy if action else None,
        "action": action.action_name if action else None,
        "state": state_of(tracker),
    }
