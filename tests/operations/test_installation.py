"""What stops an installation says so in one line, with what to do."""

import json
import os
import socket
import stat
import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError

from bot.operations import installation as installing
from bot.operations import prepare, training
from bot.operations.installation import CannotRun, Ports, check_ports, free_ports, installation
from bot.operations.supervise import programs
from kb_index.settings import ROOT, explain


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


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        (["-m", "bot.cli", "web"], "SWITCHBOARD_ENGINE_TIMEOUT_S", "a valid number"),
        (["-m", "actions"], "SWITCHBOARD_ANSWER_THRESHOLD", "a valid number"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_in_one_line(command, name, said, tmp_path):
    secrets = {each: "x" * 40 for each in ("SECRET_KEY", "IDENTITY_SECRET", "ENGINE_TOKEN")}
    env = {**os.environ, **{f"SWITCHBOARD_{key}": value for key, value in secrets.items()}, name: "soon"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert name in done.stderr and said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_database_that_is_not_there_is_said_without_its_password(tmp_path):
    env = {**os.environ, "SWITCHBOARD_DATABASE_URL": "postgresql://someone:secret-word@127.0.0.1:1/nothing"}
    ports = free_ports()
    options = ["--port", str(ports.web), "--engine-port", str(ports.engine), "--actions-port", str(ports.actions)]
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", "run", *options, "--data", str(tmp_path)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "someone:***@127.0.0.1:1/nothing cannot be used" in done.stderr
    assert "SWITCHBOARD_DATABASE_URL" in done.stderr and "secret-word" not in done.stderr + done.stdout


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


def test_settings_in_the_env_file_win_over_the_defaults_and_lose_to_the_environment(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(
        "SWITCHBOARD_DEMO=false\nSWITCHBOARD_BOT_NAME=Robin\nPATH=/nowhere\nSWITCHBOARD_HOST=\n"
    )
    monkeypatch.setattr(installing, "ROOT", tmp_path)
    monkeypatch.delenv("SWITCHBOARD_DEMO", raising=False)
    monkeypatch.setenv("SWITCHBOARD_BOT_NAME", "Fern")
    place = installation(tmp_path / "var", Ports(1, 2, 3))
    assert not place.demo and place.env["SWITCHBOARD_BOT_NAME"] == "Fern"
    assert place.env["SWITCHBOARD_HOST"] == "127.0.0.1" and place.env["PATH"] != "/nowhere"


def test_only_an_installation_with_articles_of_its_own_has_a_model_of_its_own(tmp_path):
    demo = installation(tmp_path, Ports(1, 2, 3), SWITCHBOARD_DEMO="true")
    own = installation(tmp_path, Ports(1, 2, 3), SWITCHBOARD_DEMO="False")
    assert demo.model == installing.MODEL and own.model.is_relative_to(tmp_path)
    for place in (demo, own):
        engine = next(program for program in programs(place) if program.name == "engine")
        assert str(place.model) in engine.command


def test_titles_are_examples_of_a_question_whatever_stands_in_them():
    titles = ["Use [this](that) board", '- Two\nlines: "here"', "# {braces} & 'quotes' \\ %", "  ", "日本語"]
    read = yaml.safe_load(training.questions_about(titles))
    (intent,) = read["nlu"]
    assert intent["intent"] == "ask_question"
    assert intent["examples"].splitlines() == [
        "- Use (this)(that) board",
        '- - Two lines: "here"',
        "- # {braces} & 'quotes' \\ %",
        "- 日本語",
    ]


def test_a_model_is_made_anew_only_when_many_titles_are_new(tmp_path):
    stamp = tmp_path / "stamp"
    wanted = {"inputs": "x", "titles": [f"title {n}" for n in range(20)]}
    assert not training.is_current(stamp, wanted)
    stamp.write_text(json.dumps(wanted))
    assert training.is_current(stamp, wanted)
    assert training.is_current(stamp, {**wanted, "titles": [*wanted["titles"], "one more"]})
    assert not training.is_current(stamp, {**wanted, "titles": [f"title {n}" for n in range(10, 30)]})
    assert not training.is_current(stamp, {**wanted, "inputs": "y"})
    stamp.write_text("an older version's")
    assert not training.is_current(stamp, wanted)


def test_the_model_is_made_again_when_an_input_changes(tmp_path):
    path = tmp_path / "nlu.yml"
    path.write_text("one")
    before = training.fingerprint([path])
    assert training.fingerprint([path]) == before
    path.write_text("two")
    assert training.fingerprint([path]) != before


def test_a_process_for_mail_is_started_only_where_e_mail_is_offered(tmp_path):
    names = [program.name for program in programs(installation(tmp_path, free_ports()))]
    assert names == ["actions", "engine", "web"]
    mail = {
        "SWITCHBOARD_SMTP_URL": "smtp://127.0.0.1:25",
        "SWITCHBOARD_MAIL_FROM": "Shop <support@shop.example>",
        "SWITCHBOARD_MAIL_LISTEN": "0.0.0.0:2525",
    }
    *_, last = programs(installation(tmp_path, free_ports(), **mail))
    assert (last.name, last.health) == ("mail", "tcp://127.0.0.1:2525")


@pytest.mark.parametrize(
    ("name", "value"),
    [("SMTP_URL", "http://user:hunter2@x"), ("MAIL_FROM", "Shop"), ("MAIL_LISTEN", "2525")],
)
def test_a_setting_for_mail_that_cannot_be_is_named_without_its_secret(tmp_path, name, value):
    with pytest.raises(ValidationError) as problem:
        programs(installation(tmp_path, free_ports(), **{f"SWITCHBOARD_{name}": value}))
    said = explain(problem.value)
    assert f"SWITCHBOARD_{name}: " in said and "write it as" in said and "hunter2" not in said
