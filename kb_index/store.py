"""Publishing into SQL, and reading back what is published. The caller owns the transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kb_index.articles import Article
from kb_index.encoder import Encoder
from kb_index.passages import HEADING_SEPARATOR, passages
from kb_index.sentences import spans
from kb_index.tables import kb_articles, kb_passages, kb_state

TITLE, QUESTION, HEADING, PASSAGE = "title", "question", "heading", "passage"
STORED = np.dtype("<f2")  # half the space of float32, and a cosine true to three digits


@dataclass(frozen=True)
class Entry:
    """One thing to find an article by: its title, a question, a heading, or a passage.

    `embedding` is one vector, `sentences` one for each sentence of a passage in its order (else empty),
    both as bytes of `STORED`.
    """

    kind: str
    position: int
    heading: str
    anchor: str
    text: str
    embedding: bytes
    sentences: bytes

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes it the same entry when the article is published again."""
        return (self.kind, self.heading, self.anchor, self.text)


@dataclass(frozen=True)
class PreparedArticle:
    """An article with all its embeddings, ready to be published without further work."""

    article: Article
    encoder: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class PublishedArticle:
    """An article as it is published now; `version` is the knowledge base's version at its last change."""

    article: Article
    version: int
    updated_at: datetime


def prepare(article: Article, encoder: Encoder) -> PreparedArticle:
    """Split and encode an article: the slow part, milliseconds a passage, with no database.

    Raises `ArticleError` when there is no text in it.
    """
    return PreparedArticle(article, encoder.version, entries(encoder, article.title, article.questions, article.body))


def entries(encoder: Encoder, title: str, questions: Sequence[str], body: str) -> tuple[Entry, ...]:
    """Split and encode what an article says; an empty title is left out."""
    said = [(TITLE, 0, "", "", title)] if title else []
    said += [(QUESTION, number, "", "", text) for number, text in enumerate(questions)]
    split = passages(body, title)
    headings = {passage.heading: passage.anchor for passage in split if passage.heading}
    said += [
        (HEADING, number, heading, anchor, heading.replace(HEADING_SEPARATOR, ", "))
        for number, (heading, anchor) in enumerate(headings.items())
    ]
    said += [(PASSAGE, number, each.heading, each.anchor, each.text) for number, each in enumerate(split)]
    return tuple(
        Entry(kind, position, heading, anchor, text, *embed(encoder, kind, title, heading, text))
        for kind, position, heading, anchor, text in said
    )


def embed(encoder: Encoder, kind: str, title: str, heading: str, text: str) -> tuple[bytes, bytes]:
    """Return an entry's embedding and its sentences' embeddings, as they are stored."""
    if kind != PASSAGE:
        return _stored(encoder.encode([text])), b""
    # A passage is found by what it is about as well, and often only title and headings say so.
    about = ": ".join(part for part in (title, heading, text) if part)
    before = len(about) - len(text)
    whole, parts = encoder.encode_parts(about, [(before + start, before + end) for start, end in spans(text)])
    return _stored(whole), _stored(parts)


def _stored(vectors: np.ndarray) -> bytes:
    return vectors.astype(STORED).tobytes()


def publish(connection: Connection, prepared: PreparedArticle) -> int:
    """Publish an article in place of what its id had; return the knowledge base's version that has it.

    Only what changed is written; publishing the same text again changes nothing and raises no version.
    Publishers queue behind one another until their transactions end.
    """
    article = prepared.article
    if current(connection, article, prepared.encoder):
        return version(connection)
    number = _raise_version(connection)
    values = {
        "title": article.title,
        "category": article.category,
        "section": article.section,
        "language": article.language,
        "url": article.url,
        "questions": list(article.questions),
        "body": article.body,
        "digest": article.digest,
        "version": number,
        "updated_at": datetime.now(UTC),
    }
    changed = connection.execute(update(kb_articles).where(kb_articles.c.id == article.id).values(values))
    if not changed.rowcount:
        connection.execute(insert(kb_articles).values(id=article.id, **values))
    _write_entries(connection, prepared)
    return number


def reencode(connection: Connection, prepared: PreparedArticle) -> bool:
    """Replace the embeddings of a published article; return False, changing nothing, if its text is another by now."""
    published = article(connection, prepared.article.id)
    if published is None or published.article != prepared.article:
        return False
    values = {"digest": prepared.article.digest, "version": _raise_version(connection)}
    connection.execute(update(kb_articles).where(kb_articles.c.id == prepared.article.id).values(values))
    _write_entries(connection, prepared)
    return True


def withdraw(connection: Connection, article_id: str) -> int:
    """Take an article out; return the version that no longer has it. An unknown id changes nothing."""
    known = select(kb_articles.c.id).where(kb_articles.c.id == article_id)
    if connection.execute(known).first() is None:
        return version(connection)
    number = _raise_version(connection)
    connection.execute(delete(kb_passages).where(kb_passages.c.article_id == article_id))
    connection.execute(delete(kb_articles).where(kb_articles.c.id == article_id))
    return number


def version(connection: Connection) -> int:
    """Return the number of the last change; 0 when nothing was ever published."""
    return connection.execute(select(kb_state.c.version).where(kb_state.c.id == 1)).scalar() or 0


def current(connection: Connection, article: Article, encoder: str) -> bool:
    """Whether exactly this article is published, with embeddings of this encoder's version."""
    digest = connection.execute(select(kb_articles.c.digest).where(kb_articles.c.id == article.id)).scalar()
    if digest != article.digest:
        return False
    encoders = select(kb_passages.c.encoder).where(kb_passages.c.article_id == article.id).distinct()
    return connection.execute(encoders).scalars().all() == [encoder]


def article(connection: Connection, article_id: str) -> PublishedArticle | None:
    """Return a published article, or None."""
    row = connection.execute(select(kb_articles).where(kb_articles.c.id == article_id)).mappings().first()
    return _published(row) if row else None


def articles(connection: Connection) -> list[PublishedArticle]:
    """Return all that is published, ordered by category, section and title."""
    order = (kb_articles.c.category, kb_articles.c.section, kb_articles.c.title, kb_articles.c.id)
    return [_published(row) for row in connection.execute(select(kb_articles).order_by(*order)).mappings()]


def outdated(connection: Connection, encoder: str) -> list[PublishedArticle]:
    """Return the articles whose embeddings are of another encoder's version, of another way to split, or missing."""
    fresh = select(kb_passages.c.article_id).group_by(kb_passages.c.article_id)
    fresh = fresh.having(func.min(kb_passages.c.encoder) == encoder, func.max(kb_passages.c.encoder) == encoder)
    encoded = set(connection.execute(fresh).scalars())
    digests = {row.id: row.digest for row in connection.execute(select(kb_articles.c.id, kb_articles.c.digest))}
    return [
        each
        for each in articles(connection)
        if each.article.id not in encoded or digests[each.article.id] != each.article.digest
    ]


def _published(row) -> PublishedArticle:
    article = Article(
        id=row["id"],
        title=row["title"],
        body=row["body"],
        category=row["category"],
        section=row["section"],
        language=row["language"],
        url=row["url"],
        questions=tuple(row["questions"]),
    )
    # SQLite keeps no time zone; all that is written is UTC. PostgreSQL answers in its session's zone.
    updated = row["updated_at"]
    updated = updated.astimezone(UTC) if updated.tzinfo else updated.replace(tzinfo=UTC)
    return PublishedArticle(article, row["version"], updated)


def _raise_version(connection: Connection) -> int:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(kb_state).values(id=1, version=1)
    raised = first.on_conflict_do_update(index_elements=["id"], set_={"version": kb_state.c.version + 1})
    return connection.execute(raised.returning(kb_state.c.version)).scalar_one()


def _write_entries(connection: Connection, prepared: PreparedArticle) -> None:
    """Make the stored entries those of `prepared`; an entry that stays keeps its number."""
    mine = kb_passages.c.article_id == prepared.article.id
    stored = defaultdict(list)
    for row in connection.execute(select(kb_passages).where(mine).order_by(kb_passages.c.id)):
        stored[row.kind, row.heading, row.anchor, row.text].append(row)
    added = []
    for entry in prepared.entries:
        values = {
            "kind": entry.kind,
            "position": entry.position,
            "heading": entry.heading,
            "anchor": entry.anchor,
            "text": entry.text,
            "embedding": entry.embedding,
            "sentences": entry.sentences,
            "encoder": prepared.encoder,
        }
        same = stored[entry.identity]
        if not same:
            added.append({"article_id": prepared.article.id, **values})
            continue
        row = same.pop(0)
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        if changed:
            connection.execute(update(kb_passages).where(kb_passages.c.id == row.id).values(changed))
    gone = [row.id for rows in stored.values() for row in rows]
    if gone:
        connection.execute(delete(kb_passages).where(mine, kb_passages.c.id.in_(gone)))
    if added:
        connection.execute(insert(kb_passages), added)
