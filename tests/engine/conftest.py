"""Runs in the engine's interpreter (3.10): the files of bot/engine against the real Rasa."""

from pathlib import Path

import pytest
from rasa.core.agent import Agent
from rasa.shared.core.domain import Domain

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "models" / "rasa" / "switchboard.tar.gz"


@pytest.fixture(scope="session")
def domain() -> Domain:
    return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture(scope="session")
def agent() -> Agent:
    assert MODEL.exists(), "train first: scripts/train"
    return Agent.load(str(MODEL))
