"""What the tests stand on: real databases of both kinds, and the whole product running once."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from rich.console import Console
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bot.db import Database
from bot.events import MemoryHub
from bot.operations.installation import Installation, free_ports, installation
from bot.operations.prepare import prepare
from bot.operations.supervise import Supervisor
from kb_index.encoder import Encoder
from kb_index.schema import migrate
from kb_index.settings import ROOT
from tests.postgres import temporary_cluster


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of our own, with a migrated database to copy."""
    with temporary_cluster() as url:
        base = make_url(url)
        _administer(url, "CREATE DATABASE migrated")
        migrate(base.set(database="migrated").render_as_string(hide_password=False))
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database at the present schema; the test runs once on each kind."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "test.db")
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE migrated")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def db(db_url: str) -> Iterator[Database]:
    database = Database(db_url, MemoryHub())
    yield database
    database.close()


def _administer(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return Encoder.load(ROOT / "models" / "encoder")


@dataclass(frozen=True)
class LiveApp:
    """The running product: three processes, one database, the demo shop."""

    place: Installation
    supervisor: Supervisor
    agent: tuple[str, str]
    second_agent: tuple[str, str]
    writer: tuple[str, str]
    operator: tuple[str, str]

    @property
    def url(self) -> str:
        return self.place.url


def start_live_app(folder: Path, **overrides: str) -> tuple[Installation, Supervisor, list[tuple[str, str, str]]]:
    ports = free_ports()
    settings = {
        "SWITCHBOARD_HOST": "127.0.0.1",
        "SWITCHBOARD_PUBLIC_URL": f"http://127.0.0.1:{ports.web}",
        "SWITCHBOARD_DATABASE_URL": f"sqlite:///{folder / 'switchboard.db'}",
        "SWITCHBOARD_DEMO": "true",
        # Many tests share one visitor's address.
        "SWITCHBOARD_VISITORS_PER_MINUTE": "10000",
        "SWITCHBOARD_ADDRESS_MESSAGES_PER_MINUTE": "10000",
        **overrides,
    }
    place = installation(folder, ports, **settings)
    console = Console(quiet=True)
    sign_ins = prepare(place, console)
    return place, Supervisor(place, console), sign_ins


@pytest.fixture(scope="session")
def live_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    place, supervisor, sign_ins = start_live_app(tmp_path_factory.mktemp("live"))
    by_email = {email: (email, password) for _, email, password in sign_ins}
    with supervisor.running():
        yield LiveApp(
            place,
            supervisor,
            agent=by_email["agent@example.com"],
            second_agent=by_email["agent2@example.com"],
            writer=by_email["writer@example.com"],
            operator=by_email["operator@example.com"],
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in this thread, where no other can run then.

    That holds for each process of several (scripts/test), as long as files are handed out in this order.
    """
    items.sort(key=lambda item: "/tests/browser/" in item.path.as_posix())


# A busy machine is no reason to fail: timings belong in benchmarks.
hypothesis.settings.register_profile(
    "switchboard", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("switchboard")
