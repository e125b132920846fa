"""Everything that has to be there before the processes start; each step only when its inputs changed."""

import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from actions.order_book import load_orders, orders_table
from bot.accounts import services as accounts
from bot.operations import training
from bot.operations.installation import SERVICE_PYTHON, CannotRun, Installation
from bot.operations.training import Tell, run
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.importing import build, import_articles
from kb_index.schema import migrate
from kb_index.settings import ROOT, KnowledgeSettings
from kb_index.tables import kb_articles

MIN_FREE_BYTES = 500 * 1024 * 1024
SIGN_INS = "sign-ins.txt"
DEMO_ACCOUNTS = (
    ("agent@example.com", "Mia Novak", "agent"),
    ("agent2@example.com", "Jonas Weber", "agent"),
    ("writer@example.com", "Aoife Byrne", "writer"),
    ("operator@example.com", "Sam Okafor", "operator"),
)
# The others are made with `scripts/run account`.
FIRST_ACCOUNTS = (("operator@example.com", "Operator", "operator"),)


def prepare(place: Installation, console: Console) -> list[tuple[str, str, str]]:
    """Returns the sign-ins (role, e-mail, password) that this installation made for itself."""
    check_disk(place.folder)
    try:
        _steps(place, console)
        return _sign_ins(place)
    except DBAPIError as problem:
        where = make_url(place.database_url).render_as_string(hide_password=True)
        reason = " ".join(str(problem.orig).split())
        raise CannotRun(f"The database {where} cannot be used ({reason}). See SWITCHBOARD_DATABASE_URL.") from problem


def _steps(place: Installation, console: Console) -> None:
    _step(console, "Encoder", lambda tell: _encoder(place, tell))
    _step(console, "Database", lambda _: migrate(place.database_url))
    _step(console, "Knowledge base", lambda tell: _knowledge(place, tell))
    _step(console, "Demo orders", lambda _: _orders(place))
    _step(console, "Dialogue model", lambda tell: training.train(place, tell))


def check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise CannotRun(
            f"Only {free // 2**20} MB are free in {folder}; {MIN_FREE_BYTES // 2**20} MB are needed. Make room there."
        )


def _step(console: Console, name: str, work: Callable[[Tell], object]) -> None:
    """`work` may tell how far it is; that stands beside the step's name while it lasts."""
    started = time.monotonic()
    with console.status(f"{name} …") as status:
        result = work(lambda text: status.update(f"{name}: {text} …"))
    took = time.monotonic() - started
    note = f" ({result})" if isinstance(result, str) and result else ""
    console.print(f"  [green]✓[/green] {name}{note} [dim]{took:.1f} s[/dim]")


def _encoder(place: Installation, tell: Tell) -> str:
    tell("exporting, about 20 s" if not KnowledgeSettings().encoder_dir.exists() else "checking")
    return run(place, [str(SERVICE_PYTHON), "-m", "kb_index.export"], "The encoder")


def _knowledge(place: Installation, tell: Tell) -> str:
    def progress(done: int, total: int) -> None:
        tell(f"{done} of {total} articles")

    encoder = Encoder.load(KnowledgeSettings().encoder_dir)
    engine = create_database_engine(place.database_url)
    try:
        with engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(kb_articles)).scalar_one()
        if count == 0 and place.demo:
            # Only into an empty knowledge base: what writers changed since is theirs.
            done = import_articles(engine, encoder, ROOT / "data" / "knowledge", progress=progress)
            if done.skipped:
                raise CannotRun("The demo article {} cannot be read: {}".format(*done.skipped[0]))
            return f"{done.imported} articles"
        return f"{build(engine, encoder, progress=progress).articles} articles"
    finally:
        engine.dispose()


def _orders(place: Installation) -> str:
    if not place.demo:
        return "not in use"
    engine = create_database_engine(place.database_url)
    try:
        with engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(orders_table)).scalar_one()
        if count == 0:
            count = load_orders(engine, ROOT / "data" / "demo" / "orders.csv")
    finally:
        engine.dispose()
    return f"{count}"


def _sign_ins(place: Installation) -> list[tuple[str, str, str]]:
    """Accounts for a first look, with passwords of this installation's own, kept readable to its owner."""
    path = place.folder / SIGN_INS
    if path.exists():
        return [tuple(line.split("\t")) for line in path.read_text().splitlines()]  # type: ignore[misc]
    wanted = DEMO_ACCOUNTS if place.demo else FIRST_ACCOUNTS
    made = [(role, email, secrets.token_urlsafe(9)) for email, _, role in wanted]
    names = {email: name for email, name, _ in wanted}
    accounts.create_first_accounts(
        place.database_url, [(email, names[email], role, password) for role, email, password in made]
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join("\t".join(line) + "\n" for line in made))
    return made
