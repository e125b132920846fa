"""What stops an installation says so in one line, with what to do."""

import json
import socket
import stat
import subprocess
import sys

import pytest

from bot.operations import prepare
from bot.operations.installation import CannotRun, Ports, check_ports, free_ports, installation
from kb_index.settings import ROOT


def test_a_port_in_use_names_the_option_to_change():
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.engine))
        taken.listen()
        with pytest.raises(CannotRun, match=rf"Port {ports.engine} .*--engine-port {ports.engine + 1000}"):
            check_ports("127.0.0.1", ports)


def test_the_command_says_it_in_one_line_and_fails():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "bot.cli", "run", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and f"Port {port}" in lines[0] and "Traceback" not in done.stdout + done.stderr


def test_no_room_on_the_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "MIN_FREE_BYTES", 2**60)
    with pytest.raises(CannotRun, match="Make room there"):
        prepare.check_disk(tmp_path)


def test_secrets_are_made_once_and_are_the_owners_alone(tmp_path):
    first = installation(tmp_path, Ports(1, 2, 3))
    again = installation(tmp_path, Ports(1, 2, 3))
    path = tmp_path / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = json.loads(path.read_text())
    assert len(set(secrets.values())) == len(secrets) == 3
    assert all(first.env[name] == again.env[name] == value for name, value in secrets.items())


def test_settings_in_the_environment_win_over_what_was_made(tmp_path, monkeypatch):
    monkeypatch.setenv("SWITCHBOARD_DATABASE_URL", "postgresql://elsewhere/db")
    assert installation(tmp_path, Ports(1, 2, 3)).database_url == "postgresql://elsewhere/db"


def test_the_model_is_made_again_when_an_input_changes(tmp_path):
    path = tmp_path / "nlu.yml"
    path.write_text("one")
    before = prepare.fingerprint([path])
    assert prepare.fingerprint([path]) == before
    path.write_text("two")
    assert prepare.fingerprint([path]) != before
