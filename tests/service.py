"""The web service in this process, on a real socket, with an engine of the test's own making."""

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
from fastapi import FastAPI
from websockets.sync.client import ClientConnection, connect

from bot.app import create_app
from bot.dialogue.scripted import ScriptedEngine
from bot.serving import Server
from bot.settings import Settings

SECRET = "test-secret-" + "x" * 32


def settings(database_url: str, **overrides: Any) -> Settings:
    defaults = {
        "secret_key": SECRET,
        "identity_secret": "identity-" + "y" * 32,
        "engine_token": "engine-" + "z" * 32,
        "demo": True,
        "public_url": "http://testserver",
    }
    return Settings(_env_file=None, database_url=database_url, **{**defaults, **overrides})


class Service:
    """`url` is where it listens; `app` is the running application."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._server = Server(app, port=0)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __enter__(self) -> "Service":
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                raise RuntimeError("the service did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(timeout=20)

    def stop(self) -> None:
        """As a signal stops it; does not wait."""
        self._server.should_exit = True

    def http(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, **options)


@contextlib.contextmanager
def running(database_url: str, engine: ScriptedEngine, **overrides: Any) -> Iterator[Service]:
    with Service(create_app(settings(database_url, **overrides), engine)) as service:
        yield service


class Client:
    """A visitor on a socket, as the protocol has it."""

    def __init__(self, url: str, **hello: Any) -> None:
        self._url = url
        self.hello = hello
        self.token: str | None = hello.get("token")
        self.welcome: dict[str, Any] = {}
        self.messages: dict[int, dict[str, Any]] = {}
        self.socket: ClientConnection | None = None
        # What came while an acknowledgement was waited for, in its order: a message may overtake its own.
        self._overtook: list[dict[str, Any]] = []

    def __enter__(self) -> "Client":
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, **options: Any) -> None:
        self._overtook = []
        self.socket = connect(self._url.replace("http", "ws", 1) + "/channel/socket", proxy=None, **options)
        self.greet()

    def greet(self, **extra: Any) -> dict[str, Any]:
        cursor = max(self.messages, default=0)
        hello = {"type": "hello", "protocol": 1, "cursor": cursor, **self.hello, **extra}
        if self.token:
            hello["token"] = self.token
        self.send(hello)
        self.welcome = self.expect("welcome")
        self.token = self.welcome.get("token", self.token)
        return self.welcome

    def close(self) -> None:
        if self.socket:
            self.socket.close()

    def send(self, frame: dict[str, Any] | str | bytes) -> None:
        assert self.socket is not None
        self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def receive(self, timeout: float = 10) -> dict[str, Any]:
        assert self.socket is not None
        if self._overtook:
            return self._overtook.pop(0)
        frame = json.loads(self.socket.recv(timeout))
        if frame["type"] == "message":
            known = self.messages.setdefault(frame["sequence"], frame)
            assert known == frame, "a number stands for one message"
        return frame

    def expect(self, kind: str, timeout: float = 10, **fields: Any) -> dict[str, Any]:
        """The next frame of that type with those fields; others are passed over."""
        until = time.monotonic() + timeout
        while True:
            frame = self.receive(max(0.01, until - time.monotonic()))
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame

    def say(self, text: str, client_id: str | None = None, **extra: Any) -> dict[str, Any]:
        """Send a message and wait for its acknowledgement."""
        client_id = client_id or uuid.uuid4().hex
        self.send({"type": "message", "client_id": client_id, "text": text, **extra})
        overtook: list[dict[str, Any]] = []
        while True:
            frame = self.receive()
            if frame["type"] == "ack" and frame["client_id"] == client_id:
                self._overtook = overtook
                return frame
            overtook.append(frame)

    def ask(self, text: str, timeout: float = 15, **extra: Any) -> dict[str, Any]:
        """Say something and wait for the next message that is not the customer's own."""
        sequence = self.say(text, **extra)["sequence"]
        until = time.monotonic() + timeout
        while True:
            later = [m for n, m in self.messages.items() if n > sequence and m["author"] != "customer"]
            if later:
                return min(later, key=lambda message: message["sequence"])
            self.receive(max(0.01, until - time.monotonic()))


def on_loop(service: Service, work: Any, *args: Any) -> Any:
    """Run `work(session, *args)` as a write transaction of the service, from the test's thread."""

    async def write() -> Any:
        return await service.app.state.db.write(work, *args)

    return asyncio.run(write())
