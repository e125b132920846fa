"""The interface to a dialogue engine, and Rasa behind it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import structlog

log = structlog.get_logger(__name__)

# Turns of different conversations run side by side; the engine itself works on one at a time.
CONNECTIONS = 64


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


class EngineDown(Exception):
    """The engine did not answer, or said that it could not."""


class Engine(Protocol):
    async def take_turn(self, request: TurnRequest) -> TurnResult:
        """Raises EngineDown."""
        ...

    async def healthy(self) -> bool: ...
    async def close(self) -> None: ...


class RasaEngine:
    """Rasa behind our own channel (bot/engine/channel.py)."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(timeout_s, connect=2.0, pool=timeout_s),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            trust_env=False,
        )

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        body = {
            "conversation": request.conversation_id,
            "turn": request.sequence,
            "text": request.text,
            "state": request.state,
            "signals": request.signals,
            "context": request.context,
        }
        try:
            response = await self._client.post("/webhooks/switchboard/turn", json=body)
            response.raise_for_status()
            answer = response.json()
        except (httpx.HTTPError, ValueError) as problem:
            raise EngineDown(f"{type(problem).__name__}: {problem}"[:300]) from problem
        if not isinstance(answer, dict) or answer.get("error"):
            raise EngineDown(str(answer.get("error") if isinstance(answer, dict) else "no object")[:300])
        return TurnResult(
            messages=[message for message in answer.get("messages") or [] if isinstance(message, dict)],
            intent=answer.get("intent"),
            confidence=float(answer.get("confidence") or 0.0),
            policy=answer.get("policy"),
            state=answer.get("state"),
        )

    async def healthy(self) -> bool:
        try:
            response = await self._client.get("/webhooks/switchboard/", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK

    async def close(self) -> None:
        await self._client.aclose()
