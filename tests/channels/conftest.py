import pytest

from bot.dialogue.scripted import ScriptedEngine, echo
from tests.service import Client, running


@pytest.fixture
def engine():
    return ScriptedEngine(echo)


@pytest.fixture
def service(db_url, engine):
    with running(db_url, engine) as service:
        yield service


@pytest.fixture
def visitor(service):
    with Client(service.url) as client:
        yield client
