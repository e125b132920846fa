"""`scripts/bench first_answers --corpus FOLDER --messages FILE`: what customers of other articles are answered first.

The whole product on a throw-away database with these articles, and each labelled question in a chat of its own: twice,
with the dialogue model that `scripts/run` trains with the articles' titles, and with the demo shop's examples alone.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from websockets.asyncio.client import connect

from benchmarks.turns.our_side import HANDED_OVER, NO_LIMITS
from bot.operations import training
from bot.operations.installation import MODEL, CannotRun, Installation, free_ports, installation
from bot.operations.prepare import prepare
from bot.operations.supervise import Supervisor
from kb_index import question_sets
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.importing import import_articles
from kb_index.question_sets import Question, QuestionSetError
from kb_index.schema import migrate
from kb_index.settings import ROOT, KnowledgeSettings

OUTCOMES = ("right", "wrong", "choices_with_it", "choices_without", "none", "person")
PATIENCE_S = 20.0


async def ask(url: str, text: str) -> dict:
    """Return the first message that follows a customer's own, in a new conversation."""
    async with connect(url, compression=None, proxy=None) as socket:
        await socket.send(json.dumps({"type": "hello", "protocol": 1, "locale": "en"}))
        await socket.send(json.dumps({"type": "message", "client_id": "1", "text": text}))
        own = None
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
            if frame["type"] == "error":
                raise CannotRun(f"{frame['code']}: {frame['message']}")
            if frame["type"] == "message" and frame["author"] == "customer":
                own = frame["sequence"]
            elif frame["type"] == "message" and own is not None:
                return frame


def outcome(said: dict, question: Question, titles: dict[str, str]) -> str:
    """Sort a first reply by what it is to who asked; a choice counts by the article whose title it shows."""
    if said.get("article"):
        return "right" if said["article"]["id"] in question.relevant else "wrong"
    if said["author"] == "system":
        return "person" if said.get("notice") == HANDED_OVER else "none"
    offered = {reply["text"].casefold() for reply in said.get("quick_replies", [])}
    if any(titles[article].casefold() in offered for article in question.relevant):
        return "choices_with_it"
    return "choices_without" if len(offered) > 1 else "none"


def play(place: Installation, questions: list[Question], titles: dict[str, str], console: Console) -> dict[str, int]:
    """Start the product, ask everything, and count."""
    url = f"ws://127.0.0.1:{place.ports.web}/channel/socket"
    counted: Counter[str] = Counter()
    with Supervisor(place, Console(quiet=True)).running():
        for question in track(questions, "asking", console=console):
            counted[outcome(asyncio.run(ask(url, question.text)), question, titles)] += 1
    return {name: counted[name] for name in OUTCOMES}


def _place(folder: Path, corpus: Path) -> Installation:
    ports = free_ports()
    database = f"sqlite:///{folder / 'switchboard.db'}"
    place = installation(
        folder,
        ports,
        SWITCHBOARD_DATABASE_URL=database,
        SWITCHBOARD_HOST="127.0.0.1",
        SWITCHBOARD_PUBLIC_URL=f"http://127.0.0.1:{ports.web}",
        SWITCHBOARD_REDIS_URL="",
        SWITCHBOARD_DEMO="false",
        **NO_LIMITS,
    )
    migrate(database)
    engine = create_database_engine(database)
    import_articles(engine, Encoder.load(KnowledgeSettings().encoder_dir), corpus)
    engine.dispose()
    return place


def main() -> int:
    """Play both sides, print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(prog="scripts/bench first_answers", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="a folder of Markdown articles without questions")
    parser.add_argument("--messages", type=Path, default=ROOT / "data" / "evaluation" / "help_centre.jsonl")
    parser.add_argument("--half", choices=("odd", "even"), help="every second question only")
    options = parser.parse_args()
    errors = Console(stderr=True)
    try:
        given = question_sets.read_messages(options.corpus, options.messages)
        if options.half:
            given = question_sets.half(given, options.half == "odd")
        asked = [question for question in given.questions if question.relevant]
        titles = {document.id: document.title for document in given.documents}
        results = {}
        with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder:
            place = _place(Path(folder), options.corpus)
            prepare(place, errors)
            results["with_titles"] = play(place, asked, titles, errors)
            training.train(installation(ROOT / "var", free_ports(), SWITCHBOARD_DEMO="true"))
            shutil.copy(MODEL, place.model)
            results["demo_examples_alone"] = play(place, asked, titles, errors)
    except (QuestionSetError, CannotRun) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    table = Table(
        "first reply", *results, title=f"{len(titles)} articles, {len(asked)} questions", title_justify="left"
    )
    for name in OUTCOMES:
        table.add_row(name.replace("_", " "), *(str(each[name]) for each in results.values()))
    console = Console(width=100)
    console.print(table)
    print(json.dumps({"questions": len(asked), **results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
