"""Starts the processes, waits until each is healthy, restarts what dies, and stops all of it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from rich.console import Console

from bot.operations.installation import ENGINE_PYTHON, SERVICE_PYTHON, CannotRun, Installation
from bot.settings import Settings
from kb_index.settings import ROOT

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 10
RESTART_DELAYS_S = (0.2, 1, 2, 5, 10, 30)
# A process that lived this long starts its delays anew.
STEADY_S = 60
# util-linux: a supervisor that is killed takes its processes along. Elsewhere they stay behind then.
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


@dataclass
class Program:
    """One process of the installation; `health` is the address that answers 200, or `tcp://` takes connections, once
    it is ready."""

    name: str
    command: list[str]
    health: str
    headers: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0


def programs(place: Installation) -> list[Program]:
    ports = place.ports
    rasa = [str(ENGINE_PYTHON), "-m", "rasa", "run", "--model", str(place.model), "--interface", "127.0.0.1"]
    found = [
        Program("actions", [str(SERVICE_PYTHON), "-m", "actions"], f"http://127.0.0.1:{ports.actions}/health"),
        Program(
            "engine",
            [*rasa, "--port", str(ports.engine), "--endpoints", "endpoints.yml", "--credentials", "credentials.yml"],
            f"http://127.0.0.1:{ports.engine}/webhooks/switchboard/",
        ),
        Program("web", [str(SERVICE_PYTHON), "-m", "bot.cli", "web"], f"http://127.0.0.1:{ports.web}/health"),
    ]
    settings = _mail_settings(place)
    if settings.offers_email:
        listen = settings.mail_listen.replace("0.0.0.0:", "127.0.0.1:")
        found.append(Program("mail", [str(SERVICE_PYTHON), "-m", "bot.cli", "mail"], f"tcp://{listen}"))
    return found


def _mail_settings(place: Installation) -> Settings:
    """As the processes will read them: this environment first, then `.env`."""
    names = ("secret_key", "identity_secret", "engine_token", "smtp_url", "mail_from", "mail_listen")
    given = {name: place.env.get(f"SWITCHBOARD_{name.upper()}") for name in names}
    return Settings(**{name: value for name, value in given.items() if value is not None})


class Supervisor:
    def __init__(self, place: Installation, console: Console) -> None:
        self._place = place
        self._console = console
        self._programs = programs(place)
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator["Supervisor"]:
        """All processes, healthy; stopped at the end whatever happened."""
        try:
            for program in self._programs:
                self._start(program)
            self._await_health()
            self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
            self._watcher.start()
            yield self
        finally:
            self.stop()

    def process_id(self, name: str) -> int:
        process = self._named(name).process
        if process is None:
            raise KeyError(name)
        return process.pid

    def wait(self) -> None:
        """Until somebody asks for the end."""
        while not self._stopping.wait(1.0):
            pass

    def stop(self) -> None:
        self._stopping.set()
        if self._watcher:
            self._watcher.join(timeout=STOP_TIMEOUT_S)
        running = [program.process for program in reversed(self._programs) if program.process]
        for process in running:
            _signal_group(process, signal.SIGTERM)
        until = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
        for process in running:
            # Children of a process that ended politely may still be there.
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def await_health(self, name: str, timeout: float = START_TIMEOUT_S) -> None:
        """Raises CannotRun when the process is not healthy in time."""
        program = self._named(name)
        until = time.monotonic() + timeout
        while not _healthy(program):
            if time.monotonic() > until:
                raise CannotRun(f"{name} was not ready after {timeout:.0f} s; see {self._log(program)}.")
            time.sleep(0.1)

    def _named(self, name: str) -> Program:
        return next(program for program in self._programs if program.name == name)

    def _log(self, program: Program) -> Path:
        return self._place.folder / "log" / f"{program.name}.log"

    def _start(self, program: Program) -> None:
        log = self._log(program)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            program.process = subprocess.Popen(
                [*_DIE_WITH_PARENT, *program.command],
                cwd=ROOT,
                env=self._place.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        program.started = time.monotonic()

    def _await_health(self) -> None:
        waiting = list(self._programs)
        began = time.monotonic()
        with self._console.status("Starting …") as status:
            while waiting:
                status.update(f"Starting {', '.join(p.name for p in waiting)} … {time.monotonic() - began:.0f} s")
                for program in tuple(waiting):
                    assert program.process is not None
                    if program.process.poll() is not None:
                        raise CannotRun(f"{program.name} ended at once; {self._last_words(program)}")
                    if _healthy(program):
                        waiting.remove(program)
                        took = time.monotonic() - began
                        self._console.print(f"  [green]✓[/green] {program.name} is up [dim]{took:.1f} s[/dim]")
                if time.monotonic() - began > START_TIMEOUT_S:
                    names = ", ".join(program.name for program in waiting)
                    raise CannotRun(f"{names}: not ready after {START_TIMEOUT_S} s; see {self._place.folder / 'log'}.")
                time.sleep(0.1)

    def _last_words(self, program: Program) -> str:
        log = self._log(program)
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return f"its log {log} ends with: {lines[-1] if lines else '(nothing)'}"

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            for program in self._programs:
                if program.process is not None and program.process.poll() is not None:
                    self._restart(program)

    def _restart(self, program: Program) -> None:
        assert program.process is not None
        if time.monotonic() - program.started > STEADY_S:
            program.restarts = 0
        delay = RESTART_DELAYS_S[min(program.restarts, len(RESTART_DELAYS_S) - 1)]
        program.restarts += 1
        code = program.process.returncode
        self._console.print(f"  [yellow]![/yellow] {program.name} ended (code {code}); starting it again in {delay} s")
        # What it left of its own goes with it: the port has to be free.
        _signal_group(program.process, signal.SIGKILL)
        if not self._stopping.wait(delay):
            self._start(program)


def _healthy(program: Program) -> bool:
    address = urlsplit(program.health)
    try:
        if address.scheme == "tcp":
            with socket.create_connection((address.hostname, address.port), timeout=2.0):
                return True
        return httpx.get(program.health, timeout=2.0, trust_env=False).status_code == httpx.codes.OK
    except (httpx.HTTPError, OSError):
        return False


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
