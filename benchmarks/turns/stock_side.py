"""Stock Rasa, running: its two processes, and its customers over the REST channel."""

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
from rich.console import Console

from benchmarks.turns import stock
from benchmarks.turns.load import REPLY_TIMEOUT_S, Said, TurnFailed
from bot.operations.installation import ENGINE_PYTHON, SERVICE_PYTHON, CannotRun, free_ports

START_TIMEOUT_S = 600
STOP_TIMEOUT_S = 10
CONNECTIONS = 256


class RestCustomer:
    """One customer of the REST channel; the connections are kept and shared, which favours this side."""

    def __init__(self, client: httpx.AsyncClient, article_of: dict[str, str]) -> None:
        self._client = client
        self._article_of = article_of
        self._sender = ""

    async def arrive(self) -> None:
        self._sender = uuid.uuid4().hex

    async def say(self, text: str) -> Said:
        try:
            response = await self._client.post("/webhooks/rest/webhook", json={"sender": self._sender, "message": text})
        except httpx.HTTPError as problem:
            raise TurnFailed(f"{type(problem).__name__} {problem}") from problem
        if response.status_code != httpx.codes.OK:
            raise TurnFailed(f"HTTP {response.status_code}")
        replies = [message.get("text") or "" for message in response.json()]
        if not any(replies):
            raise TurnFailed("an empty reply")
        return Said(replies[0], self._article_of.get(replies[0]))

    async def leave(self) -> None:
        return None


class StockSide:
    """`project` is a trained one of `stock.trained_project`; `durable`: trackers in SQLite, else in memory."""

    title = "stock Rasa"

    def __init__(self, project: Path, durable: bool = False) -> None:
        self._project = project
        self._endpoints = "endpoints-durable.yml" if durable else "endpoints.yml"
        self._article_of = {said: name for name, (_, said) in stock.faq().items()}
        self._url = ""
        self.processes: dict[str, int] = {}

    @contextlib.contextmanager
    def running(self, console: Console) -> Iterator[None]:
        """Both processes, answering; stopped at the end. Raises CannotRun."""
        ports = free_ports()
        self._url = f"http://127.0.0.1:{ports.engine}"
        rasa = [str(ENGINE_PYTHON), "-m", "rasa", "run", "--interface", "127.0.0.1", "--port", str(ports.engine)]
        rasa += ["--endpoints", self._endpoints]
        (self._project / "tracker.db").unlink(missing_ok=True)
        sdk = [str(SERVICE_PYTHON), "-m", "rasa_sdk", "--actions", "actions", "--port", str(ports.actions)]
        with contextlib.ExitStack() as stack:
            for name, command, health in (
                ("actions", sdk, f"http://127.0.0.1:{ports.actions}/health"),
                ("engine", rasa, f"{self._url}/webhooks/rest/"),
            ):
                process = stack.enter_context(self._process(name, command, ports.actions))
                self.processes[name] = process.pid
                with console.status(f"Starting stock Rasa: {name} …"):
                    self._await(name, process, health)
            self._await_reply()
            yield

    @contextlib.asynccontextmanager
    async def customers(self) -> AsyncIterator[Callable[[], RestCustomer]]:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with httpx.AsyncClient(
            base_url=self._url, timeout=REPLY_TIMEOUT_S, limits=limits, trust_env=False
        ) as client:
            yield lambda: RestCustomer(client, self._article_of)

    @contextlib.contextmanager
    def _process(self, name: str, command: list[str], actions_port: int) -> Iterator[subprocess.Popen]:
        with self._log(name).open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self._project,
                env=stock.environment(actions_port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            _stop(process)

    def _await(self, name: str, process: subprocess.Popen, health: str) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            if process.poll() is not None or time.monotonic() > until:
                raise CannotRun(f"Stock Rasa's {name} did not start; see {self._log(name)}.")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(health, timeout=2, trust_env=False).status_code == httpx.codes.OK:
                    return
            time.sleep(0.2)

    def _await_reply(self) -> None:
        """The channel is there before the model is: until then it answers nothing."""
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                said = {"sender": uuid.uuid4().hex, "message": "hello"}
                answer = httpx.post(f"{self._url}/webhooks/rest/webhook", json=said, timeout=30, trust_env=False)
                if answer.status_code == httpx.codes.OK and answer.json():
                    return
            time.sleep(0.5)
        raise CannotRun(f"Stock Rasa does not answer; see {self._log('engine')}.")

    def _log(self, name: str) -> Path:
        return self._project / f"{name}.log"


def _stop(process: subprocess.Popen) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
