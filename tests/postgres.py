"""A PostgreSQL server of the tests' own: made, started, and gone again afterwards."""

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")
START_TIMEOUT_S = 60
ACCOUNT = "postgres"  # who runs the server when the tests run as root, which PostgreSQL refuses


@contextmanager
def temporary_cluster(*, durable: bool = False) -> Iterator[str]:
    """Yield `postgresql://...` of an empty server on loopback; it and its files are removed at the end.

    `durable` makes its commits wait for the disk, as those of a real one do.

    Raises `RuntimeError` that says what is missing or what the server wrote when it cannot start.
    """
    programs = _programs()
    account = _account()
    directory = Path(tempfile.mkdtemp(prefix="switchboard-postgres-"))
    password = secrets.token_hex(16)
    try:
        (directory / "password").write_text(password)
        if account:
            for path in (directory, directory / "password"):
                shutil.chown(path, account, pwd.getpwnam(account).pw_gid)
        _run([programs / "initdb", "-D", directory / "data", "-U", "postgres", "--pwfile", directory / "password",
              "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"], account)  # fmt: skip
        with _server(programs, directory, account, durable) as port:
            yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL installed."""
    versions = [path for path in DEBIAN.glob("*/bin") if (path / "initdb").exists()]
    if versions:
        return max(versions, key=lambda path: float(re.sub(r"[^\d.]", "", path.parent.name) or 0))
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise RuntimeError("no PostgreSQL found: install the Debian package postgresql, or put initdb on the PATH")


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT).pw_name
    except KeyError:
        raise RuntimeError(f"running as root, and there is no user {ACCOUNT!r} to run PostgreSQL as") from None


def _run(command: list, account: str | None) -> None:
    done = subprocess.run(command, user=account, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")


@contextmanager
def _server(programs: Path, directory: Path, account: str | None, durable: bool) -> Iterator[int]:
    port = _free_port()
    log = directory / "log"
    with log.open("wb") as output:
        # Nothing here outlives the tests, so the server need not wait for the disk unless that is what is measured.
        process = subprocess.Popen(
            [programs / "postgres", "-D", directory / "data", "-p", str(port), "-k", "", "-c",
             "listen_addresses=127.0.0.1", "-c", f"fsync={'on' if durable else 'off'}", "-c", "max_connections=200"],
            user=account, cwd="/", stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_for(programs, port, process, log)
        yield port
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # a fast shutdown: sessions are cut, nothing is waited for
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(programs: Path, port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
