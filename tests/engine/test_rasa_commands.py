"""What any Rasa user would type works here, and the model is as good as promised."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "models" / "rasa" / "switchboard.tar.gz"

# Of the held-out messages in tests/engine/nlu; docs/intents.md has what it reaches.
NLU_ACCURACY = 0.95


def rasa(*arguments: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "SWITCHBOARD_ENGINE_TOKEN": "a-token-of-the-test",
        "SWITCHBOARD_ACTIONS_URL": "http://127.0.0.1:9/webhook",
    }
    command = [sys.executable, "-W", "ignore", "-m", "rasa", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def test_the_training_data_is_valid():
    said = rasa("data", "validate", "--fail-on-warnings")
    assert "No story structure conflicts found" in said


def test_the_test_stories_hold(tmp_path):
    stories = ("--stories", "tests/engine/stories", "--fail-on-prediction-errors")
    rasa("test", "core", "--model", str(MODEL), *stories, "--out", str(tmp_path), "--no-plot")
    report = json.loads((tmp_path / "story_report.json").read_text())
    assert report["accuracy"] == 1.0


def test_messages_it_was_not_trained_on_are_understood(tmp_path):
    rasa("test", "nlu", "--model", str(MODEL), "--nlu", "tests/engine/nlu", "--out", str(tmp_path), "--no-plot")
    report = json.loads((tmp_path / "intent_report.json").read_text())
    weak = {name: round(row["f1-score"], 2) for name, row in report.items() if isinstance(row, dict)}
    assert report["accuracy"] >= NLU_ACCURACY, weak
