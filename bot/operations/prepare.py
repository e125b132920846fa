"""Everything that has to be there before the processes start; each step only when its inputs changed."""

import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from actions.order_book import load_orders, orders_table
from bot.accounts import services as accounts
from bot.operations.installation import ENGINE_PYTHON, MODEL, SERVICE_PYTHON, CannotRun, Installation
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.importing import build, import_articles
from kb_index.schema import migrate
from kb_index.settings import ROOT, KnowledgeSettings
from kb_index.tables import kb_articles

Tell = Callable[[str], None]

MIN_FREE_BYTES = 500 * 1024 * 1024
TRAIN_TIMEOUT_S = 900
SIGN_INS = "sign-ins.txt"
DEMO_ACCOUNTS = (
    ("agent@example.com", "Mia Novak", "agent"),
    ("agent2@example.com", "Jonas Weber", "agent"),
    ("writer@example.com", "Aoife Byrne", "writer"),
    ("operator@example.com", "Sam Okafor", "operator"),
)


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
    _step(console, "Dialogue model", lambda tell: train(place, tell))


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


def _run(place: Installation, command: list[str], what: str, timeout: float = TRAIN_TIMEOUT_S) -> str:
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=place.env, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise CannotRun(f"{what} was not done after {timeout:.0f} s.") from problem
    if done.returncode != 0:
        log = place.folder / "log" / "prepare.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout + done.stderr)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise CannotRun(f"{what} failed; all of it is in {log}. It ended with: {lines[-1] if lines else '(nothing)'}")
    return ""


def _encoder(place: Installation, tell: Tell) -> str:
    tell("exporting, about 20 s" if not KnowledgeSettings().encoder_dir.exists() else "checking")
    return _run(place, [str(SERVICE_PYTHON), "-m", "kb_index.export"], "The encoder")


def _knowledge(place: Installation, tell: Tell) -> str:
    def progress(done: int, total: int) -> None:
        tell(f"{done} of {total} articles")

    encoder = Encoder.load(KnowledgeSettings().encoder_dir)
    engine = create_database_engine(place.database_url)
    try:
        with engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(kb_articles)).scalar_one()
        if count == 0 and place.env.get("SWITCHBOARD_DEMO") == "true":
            # Only into an empty knowledge base: what writers changed since is theirs.
            done = import_articles(engine, encoder, ROOT / "data" / "knowledge", progress=progress)
            if done.skipped:
                raise CannotRun("The demo article {} cannot be read: {}".format(*done.skipped[0]))
            return f"{done.imported} articles"
        return f"{build(engine, encoder, progress=progress).articles} articles"
    finally:
        engine.dispose()


def _orders(place: Installation) -> str:
    if place.env.get("SWITCHBOARD_DEMO") != "true":
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


def train(place: Installation, tell: Tell = lambda _: None) -> str:
    """Train Rasa unless the model was made from these very inputs."""
    stamp = MODEL.with_suffix(".inputs")
    wanted = fingerprint(_model_inputs())
    if MODEL.exists() and stamp.exists() and stamp.read_text() == wanted:
        return "unchanged"
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    tell("training, about half a minute")
    # Without --force, Rasa takes from its cache what was trained before a change in a module that a component uses.
    command = [str(ENGINE_PYTHON), "-m", "rasa", "train", "--force", "--out", str(MODEL.parent)]
    _run(place, [*command, "--fixed-model-name", MODEL.name.removesuffix(".tar.gz")], "Training")
    stamp.write_text(wanted)
    return "trained"


def fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _model_inputs() -> list[Path]:
    folders = [ROOT / "data" / name for name in ("nlu", "rules", "stories")]
    files = [path for folder in folders for path in folder.rglob("*.yml")]
    files += (ROOT / "bot" / "engine").glob("*.py")
    # What the engine's policy imports; the rest of that package is not part of the model.
    files += [ROOT / "bot" / "escalation" / name for name in ("decision.py", "score.py", "signals.py")]
    files += [ROOT / "config.yml", ROOT / "domain.yml", ROOT / "requirements" / "engine.txt"]
    return [*files, ROOT / "models" / "encoder" / "encoder.json", ROOT / "kb_index" / "encoder.py"]


def _sign_ins(place: Installation) -> list[tuple[str, str, str]]:
    """Accounts for a first look, with passwords of this installation's own, kept readable to its owner."""
    path = place.folder / SIGN_INS
    if path.exists():
        return [tuple(line.split("\t")) for line in path.read_text().splitlines()]  # type: ignore[misc]
    made = [(role, email, secrets.token_urlsafe(9)) for email, _, role in DEMO_ACCOUNTS]
    names = {email: name for email, name, _ in DEMO_ACCOUNTS}
    accounts.create_first_accounts(
        place.database_url, [(email, names[email], role, password) for role, email, password in made]
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join("\t".join(line) + "\n" for line in made))
    return made
