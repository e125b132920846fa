"""`scripts/bench answers`: conversations of data/evaluation played through the real actions on the demo shop.

Cases are split by id into a half to look at while building ("seen") and a half that is only reported ("held out").
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rich.console import Console
from rich.table import Column, Table
from tqdm import tqdm

from actions import context, published
from actions.answers import AnotherAnswer, Answer
from actions.finding import Topic, find
from kb_index import articles, store
from kb_index.answers import compose
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder, EncoderError
from kb_index.readable import readable
from kb_index.schema import migrate
from kb_index.settings import ROOT, KnowledgeSettings

EVALUATION = ROOT / "data" / "evaluation"
SEEN, HELD_OUT = "seen", "held_out"
RIGHT, WRONG, CLARIFIED, SAID_SO, HALF = "right", "wrong", "clarified", "said_so", "half"
OUTCOMES = (RIGHT, HALF, CLARIFIED, SAID_SO, WRONG)
# Outcomes that are as good as right for a kind: nothing to answer from, or nothing left to show.
AS_GOOD = {"adversarial": (SAID_SO, CLARIFIED), "asked_again": (SAID_SO,)}

Message = dict[str, Any]


class Player:
    """One customer who talks to the actions; the slots travel from turn to turn as the engine carries them."""

    def __init__(self) -> None:
        self._slots: dict[str, Any] = {}
        self.turns_ms: list[float] = []

    def say(self, text: str, action: Action) -> list[Message]:
        """Return the typed replies to one message."""
        latest = {"text": text, "intent": {"name": "ask_question", "confidence": 0.9}}
        tracker = Tracker("evaluation", dict(self._slots), latest, [], False, None, {}, "action_listen")
        dispatcher = CollectingDispatcher()
        begun = time.perf_counter()
        events = action.run(dispatcher, tracker, {})
        self.turns_ms.append((time.perf_counter() - begun) * 1000)
        self._slots |= {event["name"]: event["value"] for event in events if event["event"] == "slot"}
        return [message["custom"] for message in dispatcher.messages]


def main() -> int:
    options = _options()
    progress = Console(stderr=True, highlight=False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _shop(Path(folder), options.seen)
            result, misses = measure(options.limit)
    except (EncoderError, OSError, ValueError) as problem:
        print(f"The evaluation can't run: {problem}", file=sys.stderr)
        return 1
    _show(result, Console(stderr=options.json, highlight=False))
    for line in misses if options.seen else []:
        progress.print(line, markup=False)
    print(json.dumps(result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench answers", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    parser.add_argument("--seen", action="store_true", help="also list what went wrong in the half to look at")
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="only the first N cases of each file")
    options = parser.parse_args()
    if options.limit is not None and options.limit < 1:
        parser.error("--limit is at least 1")
    return options


def _shop(folder: Path, quiet: bool = False) -> None:
    """Publish the demo shop's articles in a database of its own and have the actions use it."""
    url = f"sqlite:///{folder / 'shop.db'}"
    migrate(url)
    encoder = Encoder.load(KnowledgeSettings().encoder_dir)
    root = ROOT / "data" / "knowledge"
    files = tqdm(articles.find_files(root), desc="Articles", unit="article", disable=quiet or None, file=sys.stderr)
    prepared = [store.prepare(articles.read_file(file, root), encoder) for file in files]
    engine = create_database_engine(url)
    with engine.execution_options(writes=True).begin() as connection:
        for article in prepared:
            store.publish(connection, article)
    engine.dispose()
    os.environ["SWITCHBOARD_DATABASE_URL"] = url
    for built in (context.settings, context.database, context.encoder, context.knowledge):
        built.cache_clear()


def measure(limit: int | None = None) -> tuple[dict[str, Any], list[str]]:
    """Return the figures, and what went wrong in the half to look at."""
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    misses, turns_ms = [], []
    asked_by = _article_of_questions()
    for case in _cases("conversations.jsonl")[:limit] + _follow_ups()[:limit]:
        player = Player()
        outcome, said = _judge(case, player, asked_by)
        half = half_of(case["id"])
        counts[case["kind"]][half][outcome] += 1
        turns_ms += player.turns_ms
        if half == SEEN and outcome != RIGHT and outcome not in AS_GOOD.get(case["kind"], ()):
            misses.append(f"{case['id']} {outcome}: {case['turns']} -> {said}")
    excerpts, more = _excerpts(limit)
    result = {
        "conversations": {
            kind: {half: _shares(kind, each) for half, each in by.items()} for kind, by in counts.items()
        },
        "excerpts": excerpts,
        "turn_ms": {
            "p50": round(statistics.median(turns_ms), 2),
            "p95": round(statistics.quantiles(turns_ms, n=20)[-1], 2),
        },
    }
    return result, misses + more


def half_of(case_id: str) -> str:
    """Which half a case belongs to, for ever: by a hash of its id."""
    return SEEN if hashlib.sha256(case_id.encode()).digest()[0] % 2 == 0 else HELD_OUT


def _cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EVALUATION / name).read_text(encoding="utf-8").splitlines()]


def _follow_ups() -> list[dict[str, Any]]:
    """The follow-ups and pairs of questions of messages.jsonl as conversations; they were written to be hard."""
    cases = []
    for message in _cases("messages.jsonl"):
        expected = message["expected"]
        if message["kind"] == "follow_up":
            wanted: dict[str, Any] = {"articles": [expected["article"], *expected.get("also", [])]}
        elif message["kind"] == "two_questions":
            wanted = {"both": [[article] for article in expected["articles"]]}
        else:
            continue
        turns = [*message.get("before", []), message["text"]]
        cases.append({"id": message["id"], "kind": f"{message['kind']}_hard", "turns": turns, "expected": wanted})
    return cases


def _judge(case: dict[str, Any], player: Player, asked_by: dict[str, str]) -> tuple[str, list[str]]:
    """Play a case; return its outcome, and what the last turn said in short."""
    *before, last = case["turns"]
    earlier = [reply for text in before for reply in player.say(text, Answer())]
    replies = player.say(last, AnotherAnswer() if case["kind"] == "did_not_help" else Answer())
    given = [reply["article"]["id"] for reply in replies if reply["type"] == "answer"]
    offered = [asked_by.get(each["text"], "") for reply in replies for each in reply.get("quick_replies") or []]
    said = given or [f"? {article}" for article in offered if article] or ["-"]
    if not given:
        # The last quick reply of a clarification is the way to a person.
        return (CLARIFIED if any(offered) else SAID_SO), said
    return _JUDGES.get(case["kind"].removesuffix("_hard"), _one)(case, given, earlier), said


def _one(case: dict[str, Any], given: list[str], earlier: list[Message]) -> str:
    return RIGHT if len(given) == 1 and given[0] in case["expected"]["articles"] else WRONG


def _both(case: dict[str, Any], given: list[str], earlier: list[Message]) -> str:
    met = [bool(set(given) & set(wanted)) for wanted in case["expected"]["both"]]
    if all(met) and len(set(given)) == 2:
        return RIGHT
    return HALF if any(met) else WRONG


def _not_again(case: dict[str, Any], given: list[str], earlier: list[Message]) -> str:
    shown = [reply["article"]["id"] for reply in earlier if reply["type"] == "answer"]
    return RIGHT if given[0] in case["expected"]["articles"] and given[0] not in shown else WRONG


def _not_a_third_time(case: dict[str, Any], given: list[str], earlier: list[Message]) -> str:
    shown = [reply["article"]["id"] for reply in earlier if reply["type"] == "answer"]
    return RIGHT if given[0] in case["expected"]["articles"] and shown.count(given[0]) < 2 else WRONG


def _never(case: dict[str, Any], given: list[str], earlier: list[Message]) -> str:
    return WRONG


_JUDGES: dict[str, Callable[[dict[str, Any], list[str], list[Message]], str]] = {
    "two_questions": _both,
    "did_not_help": _not_again,
    "asked_again": _not_a_third_time,
    "adversarial": _never,
}


def _article_of_questions() -> dict[str, str]:
    with context.database().connect() as connection:
        everything = [each.article for each in store.articles(connection)]
    return {text: article.id for article in everything for text in (article.title, *article.questions)}


def _excerpts(limit: int | None) -> tuple[dict[str, Any], list[str]]:
    """How often what is shown holds the labelled answer: where it was given as the answer ("answered"), where the
    right article came first, sure or not ("first"), and of the labelled article in any case ("any")."""
    counts = {
        level: {half: {"answers": 0, "contained": 0, "words": 0, "article_words": 0} for half in (SEEN, HELD_OUT)}
        for level in ("answered", "first", "any")
    }
    misses = []
    for message in [each for each in _cases("messages.jsonl") if "contains" in each["expected"]][:limit]:
        wanted, half, topic = message["expected"], half_of(message["id"]), Topic()
        for text in [*message.get("before", []), message["text"]]:
            found = find(text, None, topic)[0]
            topic = found.topic
        article = published.quotable(wanted["article"])
        if article is None:
            raise ValueError(f"{message['id']} expects an article that is not there: {wanted['article']}")
        shown = " ".join(readable(block.text) for block in compose(article.sources, found.vector, found.question))
        contained = _squeeze(wanted["contains"]) in _squeeze(shown)
        first = bool(found.hits) and found.hits[0].article_id == wanted["article"]
        sure = first and found.hits[0].score >= context.settings().answer_threshold
        for level, counted in (("answered", sure), ("first", first), ("any", True)):
            if counted:
                count = counts[level][half]
                count["answers"] += 1
                count["contained"] += contained
                count["words"] += len(shown.split())
                count["article_words"] += sum(len(source.text.split()) for source in article.sources)
        if not contained and half == SEEN:
            misses.append(f"{message['id']} not shown: {message['text']} -> {wanted['contains']}")
    return {level: {half: _means(count) for half, count in by.items()} for level, by in counts.items()}, misses


def _means(count: dict[str, int]) -> dict[str, Any]:
    answers = max(1, count["answers"])
    return {
        "answers": count["answers"],
        "contained": round(count["contained"] / answers, 3),
        "words": round(count["words"] / answers, 1),
        "article_words": round(count["article_words"] / answers, 1),
    }


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _shares(kind: str, outcomes: dict[str, int]) -> dict[str, Any]:
    cases = sum(outcomes.values())
    good = sum(outcomes[name] for name in (RIGHT, *AS_GOOD.get(kind, ())))
    return {"cases": cases, "good": round(good / cases, 3), **{name: outcomes[name] for name in OUTCOMES}}


def _show(result: dict[str, Any], out: Console) -> None:
    table = Table(
        Column("conversations", no_wrap=True),
        Column("half", no_wrap=True),
        "cases",
        "good",
        *OUTCOMES,
        title="The last turn of each conversation",
    )
    for kind, halves in result["conversations"].items():
        for half in (SEEN, HELD_OUT):
            if half in halves:
                row = halves[half]
                table.add_row(kind, half, *(str(row[name]) for name in ("cases", "good", *OUTCOMES)))
    out.print(table)
    title = "Labelled answers in what is shown of the right article"
    table = Table("article", "half", "answers", "contained", "words", "of an article's", title=title)
    for level, halves in result["excerpts"].items():
        for half, row in halves.items():
            table.add_row(level, half, *(str(row[name]) for name in ("answers", "contained", "words", "article_words")))
    out.print(table)
    out.print(f"A turn in the actions: p50 {result['turn_ms']['p50']} ms, p95 {result['turn_ms']['p95']} ms")


if __name__ == "__main__":
    sys.exit(main())
