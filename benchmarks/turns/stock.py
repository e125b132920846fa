"""Stock Rasa: a project as `rasa init` makes it, with the shop's questions as its FAQ."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import yaml
from rich.console import Console

from benchmarks.turns.questions import ORDERS
from bot.operations.installation import ENGINE_PYTHON, CannotRun
from bot.operations.training import fingerprint
from kb_index.articles import find_files, read_file
from kb_index.settings import ROOT

TEMPLATE = Path(__file__).resolve().parent / "stock_project"
KNOWLEDGE = ROOT / "data" / "knowledge"
NLU = ROOT / "data" / "nlu"
# Its examples are covered by the articles' own questions, each under the retrieval intent of its article.
LEFT_OUT = "questions.yml"
MODEL = Path("models") / "stock.tar.gz"
TRAIN_TIMEOUT_S = 3600
# All of them would train for twenty minutes. Fewer mean a smaller vocabulary, so if anything a faster turn, and
# worse understanding: `right` is no measure of what Rasa can do.
EXAMPLES_AN_INTENT = 30
# Rasa's default pipeline and policies, as the installed package writes them into a project without any.
DEFAULT_CONFIG = "rasa/engine/recipes/config_files/default_config.yml"
# Colours and cursor movements of the training's progress bars.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def trained_project(folder: Path, console: Console) -> Path:
    """The project under `folder`, made and trained unless one of these very inputs is there. Raises CannotRun."""
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / "stock.making"
    shutil.rmtree(aside, ignore_errors=True)
    _write(aside)
    inputs = [aside / "config.yml", aside / "domain.yml", *(aside / "data").glob("*.yml")]
    project = folder / f"stock-{fingerprint([*inputs, ROOT / 'requirements' / 'engine.txt'])[:16]}"
    if (project / MODEL).exists():
        (aside / MODEL).parent.mkdir()
        (project / MODEL).rename(aside / MODEL)
    else:
        _train(aside, console)
    shutil.rmtree(project, ignore_errors=True)
    return aside.rename(project)


def environment(actions_port: int) -> dict[str, str]:
    """What its two processes get; Rasa's own defaults otherwise."""
    return {
        **os.environ,
        "STOCK_ACTIONS_URL": f"http://127.0.0.1:{actions_port}/webhook",
        "STOCK_ORDERS": str(ORDERS),
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONUNBUFFERED": "1",
    }


def faq() -> dict[str, tuple[list[str], str]]:
    """Article id to its questions (the title among them) and its first paragraph, which is the stock answer."""
    found = {}
    for path in find_files(KNOWLEDGE):
        article = read_file(path, KNOWLEDGE)
        paragraphs = (part for part in article.body.split("\n\n") if not part.lstrip().startswith("#"))
        found[article.id] = ([article.title, *article.questions], " ".join(next(paragraphs).split()))
    return found


def _write(project: Path) -> None:
    shutil.copytree(TEMPLATE, project, ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(NLU.glob("*.yml")):
        if path.name != LEFT_OUT:
            _dump(
                project / "data" / path.name, {"nlu": _fewer(yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"])}
            )
    site = next((ROOT / ".venv-engine" / "lib").glob("python*/site-packages"))
    config = (site / DEFAULT_CONFIG).read_text(encoding="utf-8")
    (project / "config.yml").write_text(config.replace("placeholder_default", "stock"), encoding="utf-8")
    articles = faq()
    _dump(
        project / "data" / "faq.yml",
        {"nlu": [{"intent": f"faq/{name}", "examples": _list(asked)} for name, (asked, _) in articles.items()]},
    )
    _dump(
        project / "data" / "faq_responses.yml",
        {"responses": {f"utter_faq/{name}": [{"text": said}] for name, (_, said) in articles.items()}},
    )


def _fewer(nlu: list[dict]) -> list[dict]:
    """At most so many examples an intent, taken evenly from the whole list."""
    for entry in nlu:
        if "intent" in entry:
            examples = entry["examples"].splitlines(keepends=True)
            step = max(1, -(-len(examples) // EXAMPLES_AN_INTENT))
            entry["examples"] = "".join(examples[::step])
    return nlu


def _list(examples: list[str]) -> str:
    # Brackets and pipes would be read as annotations.
    return "".join(f"- {re.sub(r'[][{}()|]', ' ', example)}\n" for example in examples)


def _dump(path: Path, content: dict) -> None:
    path.write_text(yaml.safe_dump({"version": "3.1", **content}, allow_unicode=True, width=1000), encoding="utf-8")


def _train(project: Path, console: Console) -> None:
    command = [str(ENGINE_PYTHON), "-m", "rasa", "train", "--fixed-model-name", MODEL.name.removesuffix(".tar.gz")]
    log = project.parent / "stock-training.log"
    started = time.monotonic()
    with log.open("wb") as output, console.status("Training stock Rasa …") as status:
        process = subprocess.Popen(
            command, cwd=project, env=environment(0), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while process.poll() is None:
                took = time.monotonic() - started
                if took > TRAIN_TIMEOUT_S:
                    raise CannotRun(f"Stock Rasa was not trained after {TRAIN_TIMEOUT_S} s; see {log}.")
                status.update(f"Training stock Rasa (once; kept in {project.parent}) … {took:.0f} s  {_last(log)}")
                time.sleep(1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0 or not (project / MODEL).exists():
        raise CannotRun(f"Training stock Rasa failed; see {log}.")
    console.print(f"  [green]✓[/green] Stock Rasa trained [dim]{time.monotonic() - started:.0f} s[/dim]")


def _last(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 400))
        lines = _CONTROL.sub("", file.read().decode(errors="replace")).replace("\r", "\n").split("\n")
    return next((line.strip()[:60] for line in reversed(lines) if line.strip()), "").replace("[", r"\[")
