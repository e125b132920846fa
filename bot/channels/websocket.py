"""`/channel/socket`: one task reads the visitor's frames, one sends what is new after the cursor."""

import asyncio
import contextlib
import json
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketDisconnected

from bot import tasks
from bot.channels import frames, origins
from bot.channels.service import Channel, Greeting, Visitor
from bot.errors import Forbidden, Invalid, SwitchboardError, Unavailable
from bot.events import Hub, Listener, conversation_topic, typing_topic

log = structlog.get_logger(__name__)
router = APIRouter()

CLOSE_ORIGIN = 4403
CLOSE_BAD_FRAMES = 4400
BAD_FRAMES_LIMIT = 20
# A socket that never says hello is not kept open.
GREETING_TIMEOUT_S = 20
RETRY_S = 1.0


@router.websocket("/channel/socket")
async def socket(websocket: WebSocket) -> None:
    state = websocket.app.state
    await websocket.accept()
    if not origins.allowed(state.settings, websocket.headers):
        refused = Forbidden("This site may not use the chat.", code="origin_refused")
        await websocket.send_text(json.dumps(frames.error(refused)))
        await websocket.close(CLOSE_ORIGIN)
        return
    with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
        await Connection(websocket, state.channel, state.hub).run()


class Connection:
    """One open socket. A second `hello` on it starts over, as somebody else if it says so."""

    def __init__(self, websocket: WebSocket, channel: Channel, hub: Hub) -> None:
        self._websocket = websocket
        self._channel = channel
        self._hub = hub
        self._address = websocket.client.host if websocket.client else "unknown"
        self._greeting: Greeting | None = None
        self._sender: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self._bad_frames = 0

    async def run(self) -> None:
        try:
            while True:
                timeout = None if self._greeting else GREETING_TIMEOUT_S
                try:
                    raw = await asyncio.wait_for(self._websocket.receive(), timeout)
                except TimeoutError:
                    await self._websocket.close(1000)
                    return
                if raw["type"] == "websocket.disconnect":
                    return
                if not await self._received(raw.get("text") if raw.get("text") is not None else raw.get("bytes")):
                    return
        finally:
            await self._stop_sending()

    async def _received(self, raw: str | bytes | None) -> bool:
        """False when the socket has been closed."""
        client_id = None
        try:
            frame = frames.parse(raw or "")
            client_id = getattr(frame, "client_id", None)
            await self._dispatch(frame)
            self._bad_frames = 0
        except SwitchboardError as problem:
            await self._send([frames.error(problem, client_id)])
            self._bad_frames += isinstance(problem, Invalid)
            if self._bad_frames >= BAD_FRAMES_LIMIT:
                await self._websocket.close(CLOSE_BAD_FRAMES)
                return False
        return True

    async def _dispatch(self, frame: Any) -> None:
        if isinstance(frame, frames.Hello):
            # A hello that is refused changes nothing: the chat so far goes on.
            greeting = await self._channel.greet(frame, self._address)
            await self._stop_sending()
            self._greeting = greeting
            self._sender = asyncio.create_task(self._deliver(self._greeting))
        elif self._greeting is None:
            raise Invalid("The first frame is hello.", code="not_greeted")
        else:
            # Nothing cancels this half-way as it does `_deliver`: no shield, and the acknowledgement goes out at once.
            await self._send_all(await self._channel.handle(self._greeting.visitor, frame))

    async def _deliver(self, greeting: Greeting) -> None:
        visitor = greeting.visitor
        topics = (conversation_topic(visitor.conversation_id), typing_topic(visitor.conversation_id, "agent"))
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
            with (
                self._hub.listen(topics[0]) as listener,
                self._hub.listen(topics[1]) as typing,
                self._channel.line(visitor, listener),
            ):
                await self._send(greeting.frames)
                watcher = asyncio.create_task(self._show_typing(typing))
                try:
                    # What was stored between the greeting's look and the listening is fetched at once.
                    listener.wake()
                    await self._follow(greeting, listener)
                finally:
                    watcher.cancel()

    async def _follow(self, greeting: Greeting, listener: Listener) -> None:
        cursor, owner_version, owner = greeting.cursor, greeting.owner_version, greeting.frames[0]["owner"]
        queue: dict[str, Any] | None = None
        while True:
            woken = await listener.wait(frames.HEARTBEAT_S)
            told = self._channel.told(listener.take_stored(), cursor) if woken else None
            if told is not None:
                cursor += len(told)
                queue, said = self._queue_now(greeting.visitor, owner, queue)
                await self._send([*told, *said])
                continue
            try:
                news = await self._channel.news(greeting.visitor, cursor, owner_version)
            except Unavailable:
                await asyncio.sleep(RETRY_S)
                listener.wake()
                continue
            except SwitchboardError as problem:
                await self._send([frames.error(problem)])
                return
            cursor, owner_version, owner = news.cursor, news.owner_version, news.owner["owner"]
            queue, said = self._queue_now(greeting.visitor, owner, queue)
            beat = [] if woken else [frames.heartbeat(news.latest)]
            await self._send([*news.frames, *said, *beat])

    def _queue_now(
        self, visitor: Visitor, owner: str, before: dict[str, Any] | None
    ) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """What is to be said of the queue now, and the frame for it where something else was said before."""
        queue = self._channel.queue(visitor, owner)
        return queue, [queue] if queue and queue != before else []

    async def _show_typing(self, listener: Listener) -> None:
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
            while await listener.wait():
                await self._send([frames.typing("agent", True)])

    async def _send(self, wanted: list[dict[str, Any]]) -> None:
        # A frame that was begun is sent whole: cancelled half-way it would block every later one.
        if wanted:
            await asyncio.shield(self._send_all(wanted))

    async def _send_all(self, wanted: list[dict[str, Any]]) -> None:
        async with self._sending:
            for frame in wanted:
                await self._websocket.send_text(json.dumps(frame, ensure_ascii=False))

    async def _stop_sending(self) -> None:
        await tasks.end(self._sender)
        self._sender = None
