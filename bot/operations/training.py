"""Rasa's model, trained when its inputs changed: the project's own examples, and what the articles are about."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sqlalchemy import select

from bot.operations.installation import ENGINE_PYTHON, MODEL, CannotRun, Installation
from kb_index.database import create_database_engine
from kb_index.settings import ROOT
from kb_index.tables import kb_articles

Tell = Callable[[str], None]

TRAIN_TIMEOUT_S = 900
DATA = [ROOT / "data" / name for name in ("nlu", "rules", "stories")]
# A hundred titles teach most of what an article collection is about: of 340 questions to a real help centre, 221 were
# out of scope for a model of the demo shop's examples, 36 with a hundred of its 414 titles, and 11 with all of them.
MOST_TITLES = 500
# As long as so many of the titles are known to the model, it need not be trained anew at a start.
ENOUGH_KNOWN = 0.8


def train(place: Installation, tell: Tell = lambda _: None) -> str:
    """Train Rasa unless the model was made from these very inputs, or nearly these titles.

    The demo shop's examples are in the project. Where the articles are others, their titles are examples of a question:
    else the classifier takes most of what customers ask for out of scope.
    """
    model, stamp = place.model, place.model.with_suffix(".inputs")
    wanted = {"inputs": fingerprint(_model_inputs()), "titles": titles(place)}
    if model.exists() and is_current(stamp, wanted):
        return "unchanged"
    model.parent.mkdir(parents=True, exist_ok=True)
    tell("training, about half a minute")
    data = [str(folder) for folder in DATA]
    if wanted["titles"]:
        examples = model.parent / "articles.yml"
        examples.write_text(questions_about(wanted["titles"]), encoding="utf-8")
        data.append(str(examples))
    # Without --force, Rasa takes from its cache what was trained before a change in a module that a component uses.
    command = [str(ENGINE_PYTHON), "-m", "rasa", "train", "--force", "--out", str(model.parent), "--data", *data]
    run(place, [*command, "--fixed-model-name", model.name.removesuffix(".tar.gz")], "Training", TRAIN_TIMEOUT_S)
    stamp.write_text(json.dumps(wanted))
    return f"trained, with {len(wanted['titles'])} of the articles' titles" if wanted["titles"] else "trained"


def titles(place: Installation) -> list[str]:
    """Return what the articles are about, at most `MOST_TITLES`, always the same of the same; none for the demo."""
    if place.model == MODEL:
        return []
    engine = create_database_engine(place.database_url)
    try:
        with engine.connect() as connection:
            found = set(connection.execute(select(kb_articles.c.title)).scalars())
    finally:
        engine.dispose()
    return sorted(sorted(found, key=_digest)[:MOST_TITLES])


def questions_about(wanted: Sequence[str]) -> str:
    """Return titles as examples of a question, in Rasa's format, where a square bracket begins an entity."""
    lines = (" ".join(title.replace("[", "(").replace("]", ")").split()) for title in wanted)
    examples = "".join(f"      - {line}\n" for line in lines if line)
    return f'version: "3.1"\nnlu:\n  - intent: ask_question\n    examples: |\n{examples}'


def fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def run(place: Installation, command: list[str], what: str, timeout: float = TRAIN_TIMEOUT_S) -> str:
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


def is_current(stamp: Path, wanted: dict) -> bool:
    """Whether the model was made of what is wanted, which `train` wrote down in `stamp`."""
    try:
        made = json.loads(stamp.read_text())
        same = made["inputs"] == wanted["inputs"]
        known, now = set(made["titles"]), set(wanted["titles"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return same and len(now & known) >= ENOUGH_KNOWN * len(now | known)


def _digest(title: str) -> str:
    return hashlib.sha256(title.encode()).hexdigest()


def _model_inputs() -> list[Path]:
    files = [path for folder in DATA for path in folder.rglob("*.yml")]
    files += (ROOT / "bot" / "engine").glob("*.py")
    # What the engine's policy imports; the rest of that package is not part of the model.
    files += [ROOT / "bot" / "escalation" / name for name in ("decision.py", "score.py", "signals.py")]
    files += [ROOT / "config.yml", ROOT / "domain.yml", ROOT / "requirements" / "engine.txt"]
    return [*files, ROOT / "models" / "encoder" / "encoder.json", ROOT / "kb_index" / "encoder.py"]
