"""A knowledge base of a small shop, empty or filled, on both kinds of database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from kb_index import store
from kb_index.articles import Article
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.store import PreparedArticle

SHOP = [
    Article(
        id="returns",
        title="How to return something",
        category="returns",
        questions=("How do I send an item back?",),
        body="Register the return in your account.\n\n## Steps\n\n1. Open the order and select **Return items**.\n"
        "2. Print the label.\n3. Hand the parcel in within 14 days.\n\n## Costs\n\nA return to Ireland costs €4.90. "
        "A return from the EU costs €7.90. Returns of faulty goods are free.",
    ),
    Article(
        id="delivery-times",
        title="Delivery times",
        category="shipping",
        body="Parcels within Ireland arrive in one to two working days. Germany takes three to five working days. "
        "We ship orders placed before 2 p.m. on the same day.",
    ),
    Article(
        id="descaling",
        title="Descale your kettle",
        category="care",
        url="https://example.org/descaling",
        body="Use citric acid.\n\n## How\n\n- Fill the kettle half with water.\n- Add one spoon of citric acid.\n"
        "- Boil it and wait 15 minutes.\n- Rinse twice.",
    ),
    Article(
        id="gift-cards",
        title="Gift cards",
        category="gift-cards",
        body="A gift card is valid for three years. Its balance is shown in your account. It cannot be paid out.",
    ),
]


@pytest.fixture(scope="session")
def prepared(encoder: Encoder) -> list[PreparedArticle]:
    return [store.prepare(article, encoder) for article in SHOP]


@pytest.fixture
def engine(db_url: str) -> Iterator[Engine]:
    """An empty knowledge base."""
    made = create_database_engine(db_url)
    yield made
    made.dispose()


@pytest.fixture
def shop(engine: Engine, prepared: list[PreparedArticle]) -> Engine:
    """The shop's four articles, published."""
    with engine.execution_options(writes=True).begin() as connection:
        for each in prepared:
            store.publish(connection, each)
    return engine
