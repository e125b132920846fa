"""What is published is in SQL, whole, once, and only what changed is written."""

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select

from kb_index import store
from kb_index.articles import Article, ArticleError
from kb_index.encoder import Encoder
from kb_index.store import PreparedArticle
from kb_index.tables import kb_passages
from tests.kb_index.conftest import SHOP


def publish(engine: Engine, prepared: PreparedArticle) -> int:
    with engine.execution_options(writes=True).begin() as connection:
        return store.publish(connection, prepared)


def entries(engine: Engine, article_id: str) -> dict[str, int]:
    """The article's texts with the numbers of their rows."""
    wanted = select(kb_passages.c.text, kb_passages.c.id).where(kb_passages.c.article_id == article_id)
    with engine.connect() as connection:
        return dict(connection.execute(wanted.order_by(kb_passages.c.id)).all())


def test_nothing_published_is_version_zero(engine: Engine):
    with engine.connect() as connection:
        assert store.version(connection) == 0
        assert store.articles(connection) == []
        assert store.article(connection, "returns") is None


def test_a_published_article_reads_back_as_it_was(shop: Engine):
    with shop.connect() as connection:
        found = store.article(connection, "descaling")
        assert found is not None
        assert found.article == next(article for article in SHOP if article.id == "descaling")
        assert found.updated_at.tzinfo is not None
        assert [each.article.id for each in store.articles(connection)] == [
            "descaling",
            "gift-cards",
            "returns",
            "delivery-times",
        ]


def test_titles_questions_headings_and_passages_have_embeddings_and_passages_their_sentences(
    shop: Engine, encoder: Encoder
):
    with shop.connect() as connection:
        rows = connection.execute(
            select(kb_passages).where(kb_passages.c.article_id == "returns").order_by(kb_passages.c.id)
        ).all()
    assert [row.kind for row in rows] == ["title", "question", "heading", "heading", "passage", "passage"]
    assert [row.heading for row in rows] == ["", "", "Steps", "Costs", "Steps", "Costs"]
    assert [row.text for row in rows][2:4] == ["Steps", "Costs"]
    assert all(len(row.embedding) == 2 * encoder.dimensions for row in rows)
    assert [len(row.sentences) // (2 * encoder.dimensions) for row in rows] == [0, 0, 0, 0, 4, 3]
    assert {row.encoder for row in rows} == {encoder.version}


def test_publishing_the_same_again_changes_nothing(shop: Engine, prepared: list[PreparedArticle]):
    before = entries(shop, "returns")
    with shop.connect() as connection:
        version = store.version(connection)
    assert publish(shop, prepared[0]) == version
    assert entries(shop, "returns") == before


def test_a_change_writes_only_what_changed(shop: Engine, encoder: Encoder):
    before = entries(shop, "returns")
    changed = replace(SHOP[0], body=SHOP[0].body.replace("€7.90", "€8.50"))
    version = publish(shop, store.prepare(changed, encoder))
    after = entries(shop, "returns")
    assert {text: number for text, number in after.items() if text in before} == {
        text: number for text, number in before.items() if "7.90" not in text
    }
    (new,) = [text for text in after if text not in before]
    assert "€8.50" in new
    with shop.connect() as connection:
        assert store.version(connection) == version == 5
        assert store.article(connection, "returns").version == 5
        assert store.article(connection, "descaling").version == 3


def test_sections_that_trade_places_keep_their_rows(shop: Engine, encoder: Encoder):
    first = Article(
        id="moved", title="Moved", body="## A\n\nOne thing.\n\n## B\n\nAnother thing.\n\n## B\n\nOne thing."
    )
    publish(shop, store.prepare(first, encoder))
    before = entries(shop, "moved")
    publish(shop, store.prepare(replace(first, body="## B\n\nAnother thing.\n\n## A\n\nOne thing."), encoder))
    after = entries(shop, "moved")
    assert after["Another thing."] == before["Another thing."]
    with shop.connect() as connection:
        rows = select(kb_passages.c.text).where(kb_passages.c.article_id == "moved", kb_passages.c.kind == "passage")
        texts = connection.execute(rows.order_by(kb_passages.c.position)).scalars().all()
    assert texts == ["Another thing.", "One thing."]


def test_withdrawing_leaves_nothing_behind(shop: Engine):
    with shop.execution_options(writes=True).begin() as connection:
        assert store.withdraw(connection, "returns") == 5
        assert store.withdraw(connection, "returns") == 5
        assert store.withdraw(connection, "never-there") == 5
    assert entries(shop, "returns") == {}
    with shop.connect() as connection:
        assert store.article(connection, "returns") is None


def test_a_transaction_that_fails_publishes_nothing(shop: Engine, encoder: Encoder):
    changed = store.prepare(replace(SHOP[0], title="Half a title"), encoder)
    with pytest.raises(RuntimeError, match="the power goes"):
        with shop.execution_options(writes=True).begin() as connection:
            store.publish(connection, changed)
            store.withdraw(connection, "descaling")
            raise RuntimeError("the power goes")
    with shop.connect() as connection:
        assert store.version(connection) == 4
        assert store.article(connection, "returns").article == SHOP[0]
        assert store.article(connection, "descaling") is not None


def test_publishers_that_race_all_succeed_with_versions_of_their_own(shop: Engine, encoder: Encoder):
    prepared = [store.prepare(replace(SHOP[1], title=f"Delivery times {n}"), encoder) for n in range(6)]
    versions: list[int] = []
    threads = [threading.Thread(target=lambda p=each: versions.append(publish(shop, p))) for each in prepared]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == [5, 6, 7, 8, 9, 10]
    with shop.connect() as connection:
        count = select(func.count()).where(kb_passages.c.article_id == "delivery-times", kb_passages.c.kind == "title")
        assert connection.execute(count).scalar_one() == 1


def test_an_article_without_text_is_refused_before_the_database(encoder: Encoder):
    with pytest.raises(ArticleError, match="no text"):
        store.prepare(Article(id="a", title="T", body="![only](an-image.png)"), encoder)


def test_embeddings_of_another_encoder_are_found_and_replaced(shop: Engine, prepared: list[PreparedArticle]):
    with shop.connect() as connection:
        assert store.outdated(connection, prepared[0].encoder) == []
        assert len(store.outdated(connection, "another")) == 4
    newer = replace(prepared[0], encoder="another")
    before = entries(shop, "returns")
    with shop.execution_options(writes=True).begin() as connection:
        assert store.reencode(connection, newer)
        assert [each.article.id for each in store.outdated(connection, prepared[0].encoder)] == ["returns"]
        assert store.version(connection) == 5
    assert entries(shop, "returns") == before


def test_reencoding_never_undoes_what_was_published_meanwhile(shop: Engine, encoder: Encoder):
    old = store.prepare(SHOP[0], encoder)
    newer = replace(SHOP[0], title="How to send it back")
    publish(shop, store.prepare(newer, encoder))
    with shop.execution_options(writes=True).begin() as connection:
        assert not store.reencode(connection, replace(old, encoder="another"))
        assert store.article(connection, "returns").article == newer
