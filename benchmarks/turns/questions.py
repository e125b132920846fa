"""What the customers of a run say: the same conversations for both sides, in the same order."""

import csv
import json
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kb_index.settings import ROOT

EVALUATION = ROOT / "data" / "evaluation" / "messages.jsonl"
ORDERS = ROOT / "data" / "demo" / "orders.csv"
# Questions that can be asked without what was said before.
KINDS = ("question", "typo", "slang", "two_questions")
QUESTIONS_A_CONVERSATION = 6
# One conversation in this many also asks about an order, which is where stock Rasa's custom action comes in.
ORDER_EVERY = 3
SEED = 20261101
GREETINGS = ("hello", "hi there", "good morning", "hey", "hi, I've got a question")
THANKS = ("thanks a lot", "thank you", "great, thank you very much", "thanks!", "many thanks for that")
ORDER_QUESTIONS = ("where is my order?", "where is my parcel", "what is the status of my order", "track my order")


@dataclass(frozen=True)
class Line:
    """One thing a customer says; `articles` are those that answer it, none where it is not a question."""

    text: str
    articles: frozenset[str] = frozenset()


Conversation = tuple[Line, ...]


@lru_cache(maxsize=1)
def questions() -> tuple[Line, ...]:
    """The questions of the labelled set that the knowledge base answers."""
    lines = []
    for raw in EVALUATION.read_text(encoding="utf-8").splitlines():
        entry = json.loads(raw)
        expected = entry["expected"]
        if entry["kind"] not in KINDS or expected["action"] != "answer":
            continue
        articles = {expected.get("article"), *expected.get("also", ()), *expected.get("articles", ())} - {None}
        lines.append(Line(entry["text"], frozenset(articles)))
    return tuple(lines)


def conversations(count: int) -> list[Conversation]:
    """`count` conversations, the same ones at each call."""
    chance = random.Random(SEED)
    orders = _orders(ORDERS)
    pool: list[Line] = []
    made = []
    for number in range(count):
        if len(pool) < QUESTIONS_A_CONVERSATION:
            pool = chance.sample(questions(), len(questions()))
        asked = [pool.pop() for _ in range(QUESTIONS_A_CONVERSATION)]
        if number % ORDER_EVERY == 0:
            order_number, email = chance.choice(orders)
            asked[2:4] = [
                Line(chance.choice(ORDER_QUESTIONS)),
                Line(f"the order number is {order_number} and my e-mail address is {email}"),
            ]
        made.append((Line(chance.choice(GREETINGS)), *asked, Line(chance.choice(THANKS))))
    return made


def _orders(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["order_number"], row["email"]) for row in csv.DictReader(file)]
