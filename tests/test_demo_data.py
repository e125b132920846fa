"""The demo shop's articles, orders and evaluation messages hold together."""

import csv
import json
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from pathlib import Path

import pytest
import yaml

DATA = Path(__file__).parents[1] / "data"
KNOWLEDGE, EVALUATION, DEMO = DATA / "knowledge", DATA / "evaluation", DATA / "demo"

LINK = re.compile(r"\]\(/help/([a-z0-9-]+)(?:#([a-z0-9-]+))?\)")
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
AT_LEAST = {
    "question": 300,
    **dict.fromkeys(("typo", "slang", "two_questions", "follow_up", "nonsense", "other_language", "out_of_scope"), 20),
    **dict.fromkeys(("order", "person", "frustrated", "small_talk"), 15),
}
CONVERSATION_KINDS = {
    "follow_up",
    "topic_change",
    "two_questions",
    "one_question",
    "did_not_help",
    "asked_again",
    "adversarial",
}
STATUSES = {"placed", "packed", "shipped", "delivered", "cancelled", "returned", "delayed"}


def squeeze(text: str) -> str:
    return " ".join(text.split())


def split(path: Path) -> tuple[dict, str]:
    """The front matter and the body of one article."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


@pytest.fixture(scope="module")
def articles() -> dict[str, tuple[dict, str]]:
    """Front matter and body of every article, by id."""
    parsed = [split(path) for path in sorted(KNOWLEDGE.rglob("*.md"))]
    by_id = {front["id"]: (front, body) for front, body in parsed}
    assert len(by_id) == len(parsed), "an article id is used twice"
    return by_id


@pytest.fixture(scope="module")
def messages() -> list[dict]:
    lines = (EVALUATION / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def conversations() -> list[dict]:
    lines = (EVALUATION / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def orders() -> list[dict[str, str]]:
    with (DEMO / "orders.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def named_articles(expected: dict) -> list[str]:
    """Every article id that an expectation names."""
    return [*expected.get("articles", []), *filter(None, [expected.get("article")]), *expected.get("also", [])]


@pytest.mark.parametrize("path", sorted(KNOWLEDGE.rglob("*.md")), ids=lambda path: path.stem)
def test_an_article_is_complete_and_of_readable_length(path):
    front, body = split(path)
    assert set(front) == {"title", "id", "category", "questions"}
    assert front["id"] == path.stem
    assert front["category"] == path.parent.name
    assert 22 <= len(front["questions"]) <= 36
    assert 100 <= len(re.findall(r"\w[\w'.-]*", body)) <= 300
    assert HEADING.search(body)
    assert not body.lstrip().startswith(("#", "|", "-", "1.")), "the first thing is a sentence that answers"


def test_there_are_at_least_90_articles_in_12_categories(articles):
    categories = {front["category"] for front, _ in articles.values()}
    assert len(articles) >= 90
    assert len(categories) >= 12


def test_titles_and_questions_are_not_repeated_between_articles(articles):
    texts = [text.lower() for front, _ in articles.values() for text in (front["title"], *front["questions"])]
    assert [text for text, times in Counter(texts).items() if times > 1] == []


def test_every_link_between_articles_leads_somewhere(articles):
    broken = []
    for slug, (_, body) in articles.items():
        assert body.count("](/") == len(LINK.findall(body)), f"{slug} has an internal link outside /help/"
        for target, anchor in LINK.findall(body):
            if target not in articles or target == slug:
                broken.append((slug, target))
            elif anchor:
                headings = HEADING.findall(articles[target][1])
                if anchor not in {re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") for text in headings}:
                    broken.append((slug, f"{target}#{anchor}"))
    assert broken == []


def test_every_article_can_be_reached_from_another(articles):
    linked = {target for _, body in articles.values() for target, _ in LINK.findall(body)}
    assert set(articles) - linked == set()


def test_message_ids_are_unique_and_there_are_enough_of_each_kind(messages):
    assert len({message["id"] for message in messages}) == len(messages) >= 340
    counts = Counter(message["kind"] for message in messages)
    assert set(counts) == set(AT_LEAST)
    assert {kind: counts[kind] for kind, least in AT_LEAST.items() if counts[kind] < least} == {}


def test_answerable_messages_spread_over_the_articles(messages):
    answerable = [message for message in messages if message["expected"]["action"] == "answer"]
    in_english = [message for message in answerable if message["kind"] != "other_language"]
    assert len(in_english) >= 220
    assert len({slug for message in in_english for slug in named_articles(message["expected"])}) >= 80


def test_every_expectation_is_well_formed(messages):
    allowed = {
        "answer": {"action", "article", "articles", "also", "contains", "or_action"},
        "say_so": {"action"},
        "order_form": {"action"},
        "handoff": {"action", "reason"},
        "chat": {"action"},
    }
    for message in messages:
        expected = message["expected"]
        assert set(expected) <= allowed[expected["action"]], message["id"]
        assert ("article" in expected) + ("articles" in expected) == (expected["action"] == "answer"), message["id"]
        assert ("articles" in expected) == (message["kind"] == "two_questions"), message["id"]
        assert ("before" in message) == (message["kind"] == "follow_up"), message["id"]
        assert ("language" in message) == (message["kind"] == "other_language"), message["id"]
        assert ("wording" in message) == (message["kind"] == "question"), message["id"]
        assert expected.get("or_action", "say_so") == "say_so", message["id"]
        if expected["action"] == "handoff":
            assert expected["reason"] in {"asked_for_person", "frustrated"}, message["id"]


def test_expected_articles_exist_and_hold_the_expected_sentence(articles, messages):
    wrong = []
    for message in messages:
        expected = message["expected"]
        wrong += [(message["id"], slug) for slug in named_articles(expected) if slug not in articles]
        sentence = expected.get("contains")
        if sentence is not None:
            assert not set(sentence) & set("*|[]`"), f"{message['id']} expects markup"
            if squeeze(sentence) not in squeeze(articles[expected["article"]][1]):
                wrong.append((message["id"], sentence))
    assert wrong == []


def test_there_are_at_least_40_conversations_of_each_kind_and_none_twice(conversations):
    counts = Counter(case["kind"] for case in conversations)
    assert set(counts) == CONVERSATION_KINDS
    assert {kind: number for kind, number in counts.items() if number < 40} == {}
    assert len({case["id"] for case in conversations}) == len(conversations)
    assert len({tuple(case["turns"]) for case in conversations}) == len(conversations)


def test_every_conversation_expects_what_its_kind_can_have(articles, conversations):
    turns = {"follow_up": 2, "topic_change": 2, "did_not_help": 2, "asked_again": 3}
    for case in conversations:
        kind, expected = case["kind"], case["expected"]
        assert len(case["turns"]) >= turns.get(kind, 1), case["id"]
        if kind == "adversarial":
            assert expected == {"action": "say_so"}, case["id"]
            continue
        wanted = expected["both"] if kind == "two_questions" else [expected["articles"]]
        assert len(wanted) == (2 if kind == "two_questions" else 1) and all(wanted), case["id"]
        assert {slug for each in wanted for slug in each} <= set(articles), case["id"]
        assert kind != "two_questions" or not set(wanted[0]) & set(wanted[1]), case["id"]


def test_messages_do_not_copy_the_wording_of_the_article_they_ask_for(articles, messages):
    copied = []
    for message in messages:
        text = message["text"].lower()
        for slug in named_articles(message["expected"]):
            front, _ = articles[slug]
            for wording in (front["title"], *front["questions"]):
                if SequenceMatcher(None, text, wording.lower()).ratio() > 0.75:
                    copied.append((message["id"], wording))
    assert copied == []


def test_messages_are_not_repeated(messages):
    # A follow-up may be as short as "how long": with what came before, it is another message.
    keys = [(*message.get("before", []), message["text"].lower()) for message in messages]
    assert len(set(keys)) == len(keys)


def test_the_help_centres_questions_are_like_messages_and_ours_alone(messages):
    lines = (EVALUATION / "help_centre.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    assert len({each["id"] for each in asked}) == len(asked) == 340
    assert len({each["text"] for each in asked} | {each["text"] for each in messages}) == len(asked) + len(messages)
    for each in asked:
        # Not even a sentence of the articles: they belong to others.
        assert each.keys() == {"id", "text", "kind", "wording", "expected"}
        assert each["expected"].keys() == {"action", "article"}
        assert each["wording"] in ("plain", "own") and each["text"].strip()


def test_orders_are_unique_and_cover_every_status(orders):
    assert len(orders) == 40
    assert len({order["order_number"] for order in orders}) == 40
    assert {order["status"] for order in orders} == STATUSES


def test_an_order_is_well_formed(orders):
    for order in orders:
        number = order["order_number"]
        assert re.fullmatch(r"KF-\d{5}", number)
        assert re.fullmatch(r"[a-z.]+@example\.com", order["email"]), number
        assert order["name"] and order["country"], number
        assert re.fullmatch(r"\d+\.\d\d", order["total"]) and Decimal(order["total"]) > 0, number
        assert re.match(r"(Subscription: )?\d+ x \w", order["items"]), number
        placed = date.fromisoformat(order["placed_at"])
        assert date(2026, 10, 1) <= placed <= date(2026, 11, 30), number
        for column in ("expected_at", "delivered_at"):
            assert not order[column] or date.fromisoformat(order[column]) > placed, (number, column)


def test_what_an_order_tells_fits_its_status(orders):
    for order in orders:
        number, status = order["order_number"], order["status"]
        assert bool(order["tracking_number"]) == (status in {"shipped", "delivered", "returned"}), number
        assert bool(order["delivered_at"]) == (status in {"delivered", "returned"}), number
        assert bool(order["expected_at"]) == (status != "cancelled"), number
        assert bool(order["carrier"]) == (status not in {"placed", "delayed", "cancelled"}), number


def test_orders_include_the_cases_an_assistant_must_tell_apart(orders):
    statuses = Counter(order["status"] for order in orders)
    assert statuses["delayed"] >= 1 and statuses["cancelled"] >= 1
    assert any("(follows)" in order["items"] for order in orders), "partly sent"
    assert any("; " in order["tracking_number"] for order in orders), "two parcels"
    assert any(order["items"].startswith("Subscription:") for order in orders)
    # Ordered before November, so the Christmas period for returns does not apply, and the 30 days are over.
    assert any(order["delivered_at"] and order["delivered_at"] <= "2026-10-20" for order in orders)
