"""The interface to a dialogue engine, and Rasa behind it."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp

from bot.dialogue.embeddings import Embeddings
from kb_index.encoder import pack

# Turns of different conversations run side by side; the engine itself works on one at a time.
CONNECTIONS = 64
CONNECT_TIMEOUT_S = 2.0
_HEALTH_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


@dataclass(frozen=True)
class TurnRequest:
    """One customer message: `state` is what the engine returned last, None for a fresh start."""

    conversation_id: str
    sequence: int
    text: str
    state: dict[str, Any] | None
    signals: dict[str, Any]
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TurnResult:
    """`messages` are typed replies (docs/message-route.md); `state` goes into the next request."""

    messages: list[dict[str, Any]]
    intent: str | None
    confidence: float
    policy: str | None
    state: dict[str, Any] | None
    action: str | None = None


@dataclass(frozen=True)
class Understanding:
    """What the engine takes a message to mean: `ranking` is intents with confidences (0 to 1), the likeliest first;
    `entities` are names with values."""

    ranking: list[tuple[str, float]]
    entities: list[tuple[str, str]]


class EngineDown(Exception):
    """The engine did not answer, or said that it could not."""


class Engine(Protocol):
    async def take_turn(self, request: TurnRequest) -> TurnResult:
        """Raises EngineDown."""
        ...

    async def understand(self, text: str) -> Understanding:
        """Without taking a turn. Raises EngineDown."""
        ...

    async def healthy(self) -> bool: ...
    async def close(self) -> None: ...


class RasaEngine:
    """Rasa behind our own channel (bot/engine/channel.py)."""

    def __init__(self, url: str, token: str, timeout_s: float, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._url = f"{url}/webhooks/switchboard"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_TIMEOUT_S)
        self._opened: aiohttp.ClientSession | None = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        # A session belongs to a running loop, and there is none yet where the service is put together.
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS)
            self._opened = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout, connector=connector)
        return self._opened

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        body = {
            "conversation": request.conversation_id,
            "turn": request.sequence,
            "text": request.text,
            "state": request.state,
            "signals": request.signals,
            "context": request.context,
        }
        body["embedding"] = await self._embedding(request.text)
        answer = await self._post("turn", body)
        return TurnResult(
            messages=[message for message in answer.get("messages") or [] if isinstance(message, dict)],
            intent=answer.get("intent"),
            confidence=float(answer.get("confidence") or 0.0),
            policy=answer.get("policy"),
            state=answer.get("state"),
            action=answer.get("action"),
        )

    async def understand(self, text: str) -> Understanding:
        answer = await self._post("parse", {"text": text, "embedding": await self._embedding(text)})
        ranking = answer.get("intent_ranking") or [answer.get("intent") or {}]
        return Understanding(
            [(str(each.get("name")), float(each.get("confidence") or 0.0)) for each in ranking],
            [(str(each.get("entity")), str(each.get("value"))) for each in answer.get("entities") or []],
        )

    async def _post(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises EngineDown."""
        try:
            async with self._session.post(f"{self._url}/{what}", json=body, raise_for_status=True) as response:
                answer = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise EngineDown(f"{type(problem).__name__}: {problem}"[:300]) from problem
        if not isinstance(answer, dict) or answer.get("error"):
            raise EngineDown(str(answer.get("error") if isinstance(answer, dict) else "no object")[:300])
        return answer

    async def healthy(self) -> bool:
        try:
            async with self._session.get(f"{self._url}/", timeout=_HEALTH_TIMEOUT) as response:
                return response.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _embedding(self, text: str) -> dict[str, str]:
        try:
            packed = pack(await self._embeddings.of(text))
        except Exception as problem:
            raise encoder_failed(problem) from problem
        return {"encoder": self._embeddings.version, "vector": packed}


def encoder_failed(problem: Exception) -> EngineDown:
    """Whatever fails in the encoder, the customer has to be told and offered a person."""
    return EngineDown(f"the encoder: {type(problem).__name__}: {problem}"[:300])
