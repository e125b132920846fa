"""Where one installation keeps its things, and the secrets it made for itself."""

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from kb_index.settings import ROOT

SERVICE_PYTHON = ROOT / ".venv" / "bin" / "python"
ENGINE_PYTHON = ROOT / ".venv-engine" / "bin" / "python"
MODEL = ROOT / "models" / "rasa" / "switchboard.tar.gz"
SECRET_NAMES = ("SWITCHBOARD_SECRET_KEY", "SWITCHBOARD_IDENTITY_SECRET", "SWITCHBOARD_ENGINE_TOKEN")


class CannotRun(Exception):
    """One clear line that says what to do."""


@dataclass(frozen=True)
class Ports:
    web: int
    engine: int
    actions: int


@dataclass(frozen=True)
class Installation:
    """`folder` holds the embedded database, secrets and logs; `env` is what every process gets."""

    folder: Path
    ports: Ports
    env: dict[str, str]

    @property
    def database_url(self) -> str:
        return self.env["SWITCHBOARD_DATABASE_URL"]

    @property
    def demo(self) -> bool:
        return self.env["SWITCHBOARD_DEMO"].lower() in ("1", "true", "yes", "on")

    @property
    def model(self) -> Path:
        """The dialogue model: the project's own for the demo shop, else one that knows this installation's articles."""
        return MODEL if self.demo else self.folder / "model" / MODEL.name

    @property
    def url(self) -> str:
        return self.env["SWITCHBOARD_PUBLIC_URL"]


def installation(folder: Path, ports: Ports, **overrides: str) -> Installation:
    """Settings that stand in the environment win, then those of `.env`; the rest fits this folder and these ports."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {**_written(ROOT / ".env"), **os.environ}
    host = given.get("SWITCHBOARD_HOST", "127.0.0.1")
    defaults = {
        "SWITCHBOARD_DATABASE_URL": f"sqlite:///{folder / 'switchboard.db'}",
        "SWITCHBOARD_HOST": host,
        "SWITCHBOARD_PUBLIC_URL": f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{ports.web}",
        "SWITCHBOARD_DEMO": "true",
        **_secrets(folder / "secrets.json"),
        **given,
    }
    fixed = {
        "SWITCHBOARD_PORT": str(ports.web),
        "SWITCHBOARD_ENGINE_URL": f"http://127.0.0.1:{ports.engine}",
        "SWITCHBOARD_ACTIONS_URL": f"http://127.0.0.1:{ports.actions}/webhook",
        "SWITCHBOARD_ACTIONS_PORT": str(ports.actions),
        "SWITCHBOARD_DATA_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "RASA_TELEMETRY_ENABLED": "false",
        "TQDM_DISABLE": "1",
        # Rasa's TensorFlow speaks about the CPU at every start.
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "HF_HUB_OFFLINE": "1",
        # Requests run side by side already: waking more threads for each small product took two thirds of the time.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return Installation(folder, ports, {**defaults, **fixed, **overrides})


def _written(path: Path) -> dict[str, str]:
    """Read the settings in a `.env` file, as the processes would, were they not given the defaults above."""
    return {name: value for name, value in dotenv_values(path).items() if value and name.startswith("SWITCHBOARD_")}


def _secrets(path: Path) -> dict[str, str]:
    if path.exists():
        return json.loads(path.read_text())
    made = {name: secrets.token_urlsafe(36) for name in SECRET_NAMES}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(made, file, indent=1)
    return made


def free_ports() -> Ports:
    """Three ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(3)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
    finally:
        for each in sockets:
            each.close()


def check_ports(host: str, ports: Ports) -> None:
    """Raises CannotRun with the setting to change when a port is taken."""
    wanted = ((host, ports.web, "--port"), ("127.0.0.1", ports.engine, "--engine-port"))
    for address, port, option in (*wanted, ("127.0.0.1", ports.actions, "--actions-port")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as problem:
                raise CannotRun(
                    f"Port {port} on {address} can't be used ({problem.strerror}). Stop what uses it, or choose "
                    f"another one: scripts/run {option} {port + 1000}"
                ) from problem
