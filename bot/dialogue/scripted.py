"""An engine for tests and benchmarks of everything around the engine: it answers from a function."""

from collections.abc import Awaitable, Callable

from bot.dialogue.engine import TurnRequest, TurnResult, Understanding


class ScriptedEngine:
    """`script` gets each request; it may wait, and may raise EngineDown."""

    def __init__(self, script: Callable[[TurnRequest], Awaitable[TurnResult]]) -> None:
        self._script = script
        self.requests: list[TurnRequest] = []

    async def take_turn(self, request: TurnRequest) -> TurnResult:
        self.requests.append(request)
        return await self._script(request)

    async def understand(self, text: str) -> Understanding:
        result = await self._script(TurnRequest("understand", 1, text, None, {}))
        return Understanding([(result.intent or "nlu_fallback", result.confidence)], [])

    async def healthy(self) -> bool:
        return True

    async def close(self) -> None:
        return None


async def echo(request: TurnRequest) -> TurnResult:
    """Says back what was said."""
    messages = [{"type": "text", "text": f"You said: {request.text}"}]
    return TurnResult(messages=messages, intent="ask_question", confidence=1.0, policy="scripted", state=None)
