"""Switchboard, running: all three processes on a throw-away database, and its customers over the WebSocket."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.turns.load import Gone, Said, TurnFailed
from bot.operations.installation import Installation, free_ports, installation
from bot.operations.prepare import prepare
from bot.operations.supervise import Supervisor

# All customers of a run share one address and speak without pause.
UNLIMITED = "100000000"
NO_LIMITS = {
    "SWITCHBOARD_MESSAGES_PER_MINUTE": UNLIMITED,
    "SWITCHBOARD_VISITORS_PER_MINUTE": UNLIMITED,
    "SWITCHBOARD_ADDRESS_MESSAGES_PER_MINUTE": UNLIMITED,
}
HANDED_OVER = "handoff_requested"


class SocketCustomer:
    """One customer on a socket of their own, as docs/protocol.md has it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: ClientConnection | None = None
        self._sequence = 0
        self.conversation = ""

    async def arrive(self) -> None:
        try:
            self._socket = await connect(self._url, compression=None, proxy=None)
        except WebSocketException as problem:
            raise TurnFailed(f"no socket: {problem}") from problem
        await self._send({"type": "hello", "protocol": 1, "locale": "en"})
        welcome = await self._receive()
        if welcome["type"] != "welcome":
            raise TurnFailed(f"{welcome['type']} in place of welcome")
        self.conversation = welcome["conversation"]
        self._sequence = welcome["latest"]

    async def say(self, text: str) -> Said:
        """From the message frame to the first of the bot's messages that came after it. Raises TurnFailed, Gone."""
        client_id = await self._say(text)
        acknowledged: int | None = None
        said: Said | None = None
        while acknowledged is None or said is None:
            frame = await self._receive()
            if frame["type"] == "ack" and frame["client_id"] == client_id:
                acknowledged = frame["sequence"]
            elif frame["type"] == "message":
                self._in_order(frame)
                if frame.get("client_id") == client_id:
                    acknowledged = frame["sequence"]
                # An earlier turn may have said two things: only what follows our own message answers it.
                elif acknowledged is None or frame["sequence"] < acknowledged:
                    if frame.get("notice") == HANDED_OVER:
                        raise Gone
                else:
                    said = _said(frame)
        return said

    async def leave(self) -> None:
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def _say(self, text: str) -> str:
        client_id = uuid.uuid4().hex
        await self._send({"type": "message", "client_id": client_id, "text": text})
        return client_id

    async def _send(self, frame: dict[str, Any]) -> None:
        assert self._socket is not None, "arrive() comes first"
        try:
            await self._socket.send(json.dumps(frame))
        except WebSocketException as problem:
            raise TurnFailed(f"the socket closed: {problem}") from problem

    async def _receive(self) -> dict[str, Any]:
        assert self._socket is not None, "arrive() comes first"
        try:
            frame = json.loads(await self._socket.recv())
        except WebSocketException as problem:
            raise TurnFailed(f"the socket closed: {problem}") from problem
        if frame["type"] == "error":
            raise TurnFailed(f"error {frame['code']}: {frame['message']}")
        return frame

    def _in_order(self, frame: dict[str, Any]) -> None:
        if frame["sequence"] != self._sequence + 1:
            raise TurnFailed(f"message {frame['sequence']} after {self._sequence}")
        self._sequence = frame["sequence"]


def _said(frame: dict[str, Any]) -> Said | None:
    """What a message after the customer's own says; None for one that is no answer."""
    if frame["author"] == "system":
        if frame.get("notice") != HANDED_OVER:
            raise TurnFailed(f"notice {frame.get('notice')}")
        return Said(frame["text"], over=True)
    if not frame["text"].strip():
        raise TurnFailed("an empty reply")
    return Said(frame["text"], (frame.get("article") or {}).get("id"))


class OurSide:
    """The product in `folder`, prepared once, started as often as wanted."""

    title = "Switchboard"

    def __init__(self, folder: Path, console: Console) -> None:
        self.place = self._place(folder)
        self.processes: dict[str, int] = {}
        prepare(self.place, console)

    @staticmethod
    def _place(folder: Path) -> Installation:
        ports = free_ports()
        return installation(
            folder,
            ports,
            SWITCHBOARD_DATABASE_URL=f"sqlite:///{folder / 'switchboard.db'}",
            SWITCHBOARD_HOST="127.0.0.1",
            SWITCHBOARD_PUBLIC_URL=f"http://127.0.0.1:{ports.web}",
            SWITCHBOARD_REDIS_URL="",
            SWITCHBOARD_DEMO="true",
            **NO_LIMITS,
        )

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.place.ports.web}/channel/socket"

    @contextlib.contextmanager
    def running(self, console: Console) -> Iterator[None]:
        """All three processes, healthy; stopped at the end. Raises CannotRun."""
        supervisor = Supervisor(self.place, console)
        with supervisor.running():
            self.processes = {name: supervisor.process_id(name) for name in ("engine", "actions", "web")}
            yield

    @contextlib.asynccontextmanager
    async def customers(self) -> AsyncIterator[Callable[[], SocketCustomer]]:
        yield lambda: SocketCustomer(self.socket_url)
