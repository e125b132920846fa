"""The actions on a real database with the demo shop's articles and orders."""

import shutil

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.order_book import load_orders
from kb_index import articles, store
from kb_index.database import create_database_engine
from kb_index.settings import ROOT

TOPICS = ("returns-and-refunds", "payment", "shipping")


@pytest.fixture(scope="session")
def shop_database(sqlite_template, tmp_path_factory, encoder):
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    shutil.copy(sqlite_template, path)
    engine = create_database_engine(f"sqlite:///{path}")
    root = ROOT / "data" / "knowledge"
    files = [file for file in articles.find_files(root) if file.parent.name in TOPICS]
    prepared = [store.prepare(articles.read_file(file, root), encoder) for file in files]
    with engine.execution_options(writes=True).begin() as connection:
        for article in prepared:
            store.publish(connection, article)
    load_orders(engine, ROOT / "data" / "demo" / "orders.csv")
    engine.dispose()
    return f"sqlite:///{path}"


@pytest.fixture
def shop(shop_database, monkeypatch):
    monkeypatch.setenv("SWITCHBOARD_DATABASE_URL", shop_database)
    monkeypatch.setenv("SWITCHBOARD_DEMO", "true")
    built = (context.settings, context.database, context.encoder, context.orders, context.knowledge)
    for each in built:
        each.cache_clear()
    yield
    for each in built:
        each.cache_clear()


@pytest.fixture
def run(shop):
    """Run an action as the server does: (messages said, slots set, other events)."""

    def act(action, text="", slots=None, intent="ask_question", **latest):
        message = {"text": text, "intent": {"name": intent, "confidence": 0.9}, **latest}
        known = {"failed_answers": None, "offered": None, "last_question": None, "shown_articles": None, "topic": None}
        tracker = Tracker("test", {**known, **(slots or {})}, message, [], False, None, {}, "action_listen")
        dispatcher = CollectingDispatcher()
        events = action.run(dispatcher, tracker, {})
        said = [message["custom"] or {"response": message["response"]} for message in dispatcher.messages]
        set_slots = {event["name"]: event["value"] for event in events if event["event"] == "slot"}
        return said, set_slots, [event for event in events if event["event"] != "slot"]

    return act


@pytest.fixture
def talk(run):
    """A conversation: `talk(action, text)` with the slots of all turns before; returns what was said."""
    slots = {}

    def say(action, text, intent="ask_question"):
        said, changed, _ = run(action, text, slots, intent)
        slots.update(changed)
        return said

    return say
