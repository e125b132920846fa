"""Drafts, versions and publishing, on both databases."""

import asyncio
from dataclasses import replace

import pytest

from bot.accounts import services as accounts
from bot.articles import catalogue, services
from bot.articles.publishing import Publisher
from bot.articles.services import EditConflict, Token
from bot.articles.text import MAX_BODY, Text, checked, id_for
from bot.errors import Conflict, Invalid, NotFound
from kb_index import store
from kb_index.articles import Article
from kb_index.search import KnowledgeBase

PASSWORD = "correct horse battery"
RETURNS = Text("Returns", "Send it back within 30 days.", "returns", ("How do I return it?",))


@pytest.fixture
async def writer(db):
    return await db.write(accounts.ensure_account, "aoife@example.com", "Aoife", "writer", PASSWORD)


@pytest.fixture
def publisher(db, encoder):
    return Publisher(db, encoder)


async def new(db, writer, title="Returns"):
    return await db.write(services.create, title, "returns", writer)


async def opened(db, article_id):
    return await db.read(services.open_draft, article_id)


async def published(db, article_id):
    return await db.read(lambda session: store.article(session.connection(), article_id))


async def imported(db, encoder, **fields):
    article = Article(**{"id": "imported", "title": "Imported", "body": "Old text.", "language": "de", **fields})
    prepared = store.prepare(article, encoder)
    await db.write(lambda session: store.publish(session.connection(), prepared))


async def test_a_new_article_is_a_draft_until_it_is_published(db, writer, publisher):
    article_id = await new(db, writer)
    assert article_id == "returns"
    editing = await opened(db, article_id)
    assert (editing.status, editing.text.title) == (services.DRAFT, "Returns")
    assert await publisher.publish(article_id, RETURNS, editing.token, writer) == 1
    assert (await published(db, article_id)).article.body == RETURNS.body
    editing = await opened(db, article_id)
    assert (editing.status, editing.text, editing.saved_at) == (services.PUBLISHED, RETURNS, None)


async def test_articles_of_one_title_get_ids_of_their_own(db, writer):
    ids = await asyncio.gather(*(new(db, writer, "What's new?") for _ in range(4)))
    assert sorted(ids) == ["whats-new", "whats-new-2", "whats-new-3", "whats-new-4"]


async def test_saving_a_draft_leaves_what_is_published_alone(db, writer, publisher):
    article_id = await new(db, writer)
    await publisher.publish(article_id, RETURNS, (await opened(db, article_id)).token, writer)
    changed = replace(RETURNS, body="Send it back within 60 days.")
    token = await db.write(services.save_draft, article_id, changed, (await opened(db, article_id)).token, writer)
    assert (await published(db, article_id)).article.body == RETURNS.body
    editing = await opened(db, article_id)
    assert (editing.status, editing.text, editing.token) == (services.CHANGED, changed, token)
    assert await db.write(services.discard_draft, article_id, token, writer)
    assert (await opened(db, article_id)).text == RETURNS


async def test_a_stale_save_changes_nothing_and_shows_what_stands_there(db, writer):
    article_id = await new(db, writer)
    seen = (await opened(db, article_id)).token
    mine, theirs = replace(RETURNS, body="mine"), replace(RETURNS, body="theirs")
    await db.write(services.save_draft, article_id, theirs, seen, writer)
    with pytest.raises(EditConflict) as conflict:
        await db.write(services.save_draft, article_id, mine, seen, writer)
    assert conflict.value.theirs == theirs
    assert (await opened(db, article_id)).text == theirs
    await db.write(services.save_draft, article_id, mine, conflict.value.token, writer)
    assert (await opened(db, article_id)).text == mine


async def test_of_two_saves_at_once_one_is_kept_and_the_other_is_told(db, writer):
    article_id = await new(db, writer)
    seen = (await opened(db, article_id)).token
    saves = [replace(RETURNS, body=f"text {number}") for number in range(6)]
    results = await asyncio.gather(
        *(db.write(services.save_draft, article_id, text, seen, writer) for text in saves), return_exceptions=True
    )
    kept = [text for text, result in zip(saves, results, strict=True) if isinstance(result, Token)]
    assert len(kept) == 1
    assert all(isinstance(result, EditConflict) for result in results if not isinstance(result, Token))
    assert (await opened(db, article_id)).text == kept[0]


async def test_the_same_save_sent_twice_is_one(db, writer):
    article_id = await new(db, writer)
    seen = (await opened(db, article_id)).token
    first = await db.write(services.save_draft, article_id, RETURNS, seen, writer)
    assert await db.write(services.save_draft, article_id, RETURNS, seen, writer) == first


async def test_an_editor_left_open_over_a_publication_does_not_undo_it(db, writer, publisher):
    article_id = await new(db, writer)
    left_open = (await opened(db, article_id)).token
    await publisher.publish(article_id, RETURNS, left_open, writer)
    with pytest.raises(EditConflict) as conflict:
        await publisher.publish(article_id, replace(RETURNS, body="from the old tab"), left_open, writer)
    assert conflict.value.theirs == RETURNS
    assert (await published(db, article_id)).article.body == RETURNS.body


async def test_an_imported_article_keeps_its_first_text_and_what_writers_do_not_edit(db, writer, publisher, encoder):
    await imported(db, encoder, section="Basics", url="https://help.example/x")
    editing = await opened(db, "imported")
    assert (editing.status, editing.text.body) == (services.PUBLISHED, "Old text.")
    number = await publisher.publish("imported", replace(editing.text, body="New text."), editing.token, writer)
    assert number == 2
    now_published = (await published(db, "imported")).article
    assert (now_published.body, now_published.language, now_published.section) == ("New text.", "de", "Basics")
    history = await db.read(services.versions, "imported")
    assert [(each.number, each.article.body, each.author_id) for each in history] == [
        (2, "New text.", writer.id),
        (1, "Old text.", None),
    ]


async def test_an_import_over_a_draft_is_noticed_and_neither_text_is_lost(db, writer, publisher, encoder):
    await imported(db, encoder)
    editing = await opened(db, "imported")
    mine = replace(editing.text, body="Mine.")
    token = await db.write(services.save_draft, "imported", mine, editing.token, writer)
    await imported(db, encoder, body="Imported again.")
    with pytest.raises(EditConflict) as conflict:
        await publisher.publish("imported", mine, token, writer)
    assert conflict.value.theirs.body == "Imported again."
    assert await publisher.publish("imported", mine, conflict.value.token, writer) == 3
    assert [v.article.body for v in await db.read(services.versions, "imported")] == [
        "Mine.",
        "Imported again.",
        "Old text.",
    ]


async def test_archiving_takes_it_out_and_restoring_brings_any_version_back(db, writer, publisher, encoder):
    await imported(db, encoder)
    editing = await opened(db, "imported")
    await publisher.publish("imported", replace(editing.text, body="Second."), editing.token, writer)
    await db.write(services.archive, "imported", writer)
    assert await published(db, "imported") is None
    assert (await opened(db, "imported")).status == services.ARCHIVED
    with pytest.raises(NotFound):
        await db.read(services.published_article, "imported")
    with pytest.raises(Conflict):
        await db.write(services.archive, "imported", writer)
    assert await publisher.restore("imported", 1, writer) == 3
    restored = (await published(db, "imported")).article
    assert (restored.body, restored.language) == ("Old text.", "de")
    assert await publisher.restore("imported", 1, writer) == 3, "it is in use already"


async def test_what_is_published_is_found_by_the_bot_and_what_is_archived_no_more(db, writer, publisher, encoder):
    knowledge = KnowledgeBase(db.engine, encoder)
    article_id = await new(db, writer, "Engraving")
    text = Text("Engraving", "We engrave kettles with up to twelve letters for free.")
    await publisher.publish(article_id, text, (await opened(db, article_id)).token, writer)
    knowledge.refresh()
    assert [hit.article_id for hit in knowledge.search("can you engrave my kettle?")] == [article_id]
    await db.write(services.archive, article_id, writer)
    knowledge.refresh()
    assert knowledge.search("can you engrave my kettle?") == []


async def test_what_cannot_be_published_stays_a_draft(db, writer, publisher):
    article_id = await new(db, writer)
    for body in ("", "   ", "<!-- nothing -->"):
        seen = (await opened(db, article_id)).token
        with pytest.raises(Invalid, match="can't be published"):
            await publisher.publish(article_id, replace(RETURNS, body=body), seen, writer)
    assert await published(db, article_id) is None
    assert (await opened(db, article_id)).text.body == "<!-- nothing -->"


async def test_publishing_what_is_published_makes_no_version(db, writer, publisher):
    article_id = await new(db, writer)
    await publisher.publish(article_id, RETURNS, (await opened(db, article_id)).token, writer)
    assert await publisher.publish(article_id, RETURNS, (await opened(db, article_id)).token, writer) == 1
    assert len(await db.read(services.versions, article_id)) == 1


async def test_a_draft_that_was_never_published_is_gone_when_discarded(db, writer):
    article_id = await new(db, writer)
    with pytest.raises(Conflict):
        await db.write(services.discard_draft, article_id, Token(99, 0), writer)
    assert not await db.write(services.discard_draft, article_id, (await opened(db, article_id)).token, writer)
    with pytest.raises(NotFound):
        await opened(db, article_id)


async def test_the_list_finds_by_words_and_status(db, writer, publisher, encoder):
    await imported(db, encoder, id="a", title="Refund times", body="Five working days.")
    await imported(db, encoder, id="b", title="Gift cards", body="A refund of 100% goes back_on the card.")
    await imported(db, encoder, id="c", title="Opening hours", body="Nine to five.")
    await new(db, writer, "Refund in cash")
    editing = await opened(db, "a")
    await db.write(services.save_draft, "a", replace(editing.text, title="Money back"), editing.token, writer)
    await db.write(services.archive, "c", writer)

    async def found(words="", status=""):
        return {item.article_id for item in (await db.read(catalogue.find, words, status)).articles}

    assert await found() == {"a", "b", "c", "refund-in-cash"}
    assert await found("refund") == {"a", "b", "refund-in-cash"}
    assert await found("REFUND card") == {"b"}
    assert await found("money") == {"a"}
    assert await found("100%") == {"b"} and await found("back_on") == {"b"} and await found("100_") == set()
    for status, ids in {"changed": {"a"}, "published": {"b"}, "archived": {"c"}, "draft": {"refund-in-cash"}}.items():
        assert await found(status=status) == ids
    assert await found("nine", "archived") == {"c"}
    closed = await opened(db, "c")
    await db.write(services.save_draft, "c", replace(closed.text, body="Nine to six."), closed.token, writer)
    assert await found(status="archived") == {"c"}, "a draft on top changes nothing of that"
    assert (await opened(db, "c")).status == services.ARCHIVED
    assert (await db.read(catalogue.find)).counts == {"published": 1, "changed": 1, "draft": 1, "archived": 1}
    index = await db.read(catalogue.help_index)
    assert index == {"": [("b", "Gift cards"), ("a", "Refund times")]}


async def test_every_publication_is_in_the_audit(db, writer, publisher):
    article_id = await new(db, writer)
    await publisher.publish(article_id, RETURNS, (await opened(db, article_id)).token, writer)
    await db.write(services.archive, article_id, writer)
    await publisher.restore(article_id, 1, writer)
    entries = [(entry.who, entry.what, entry.detail["article"]) for entry in await db.read(accounts.audit, 3)]
    assert entries == [
        ("aoife@example.com", what, "returns") for what in ("article_restored", "article_archived", "article_published")
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": " \n "}, "needs a title"),
        ({"title": "x" * 201}, "200"),
        ({"body": "x" * (MAX_BODY + 1)}, "200,000"),
        ({"category": "x" * 121}, "120"),
        ({"questions": "\n".join(f"q{n}" for n in range(51))}, "50"),
        ({"questions": "x" * 301}, "300"),
    ],
)
def test_limits_are_named(fields, reason):
    with pytest.raises(Invalid, match=reason):
        checked(**{"title": "Title", "body": "Text", **fields})


def test_what_cannot_be_stored_is_left_out_and_what_is_meant_stays():
    text = checked(" A \0 title ", "one\r\ntwo\ud800\0\tthree\n\n", "", "Why?\n\n Why? \nHow?")
    assert text == Text("A title", "one\ntwo\tthree", "", ("Why?", "How?"))


@pytest.mark.parametrize(
    ("title", "wanted"),
    [("What's covered?", "whats-covered"), ("Größe & Maß", "groe-ma"), ("退货", "article"), ("x" * 300, "x" * 76)],
)
def test_an_id_can_stand_in_an_address(title, wanted):
    assert id_for(title) == wanted
