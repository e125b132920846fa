"""An article as the actions quote it: its passages and questions with their embeddings, and its links."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import Row, select

from actions import context, wording
from actions.finding import surely_answers
from kb_index import store
from kb_index.markdown import render
from kb_index.passages import last_heading
from kb_index.sources import Source, rejoined
from kb_index.tables import kb_passages

KEPT = 512  # articles in memory; the ones that customers ask for are few
MAX_LINKS = 50
HELP_PAGES = "/help/"
MAX_HEADINGS = 12
LEAST_WORDS = 2


@dataclass(frozen=True)
class Link:
    """A link in an article: its words, and either the address of a page elsewhere or another article's id."""

    text: str
    address: str
    article_id: str


@dataclass(frozen=True)
class Quotable:
    """`question_vectors` is float32 `(len(questions), dimensions)`.

    `questions` are those that read well on a button; the title stands in where there are none.

    `answered_at` has for each question the sentence that is nearest to it, as the source and its place in there.
    `headings` has those of an article without such questions that surely find it when they are asked for, each with the
    path that its sources are under.
    """

    title: str
    sources: tuple[Source, ...]
    questions: tuple[str, ...]
    question_vectors: np.ndarray
    answered_at: tuple[tuple[int, int], ...]
    links: tuple[Link, ...]
    headings: tuple[tuple[str, str], ...] = ()


def quotable(article_id: str) -> Quotable | None:
    """Return a published article, or None. Read once for each version of the knowledge base."""
    return _read(article_id, context.knowledge().version)


@lru_cache(maxsize=KEPT)
def _read(article_id: str, version: int) -> Quotable | None:
    wanted = select(kb_passages).where(kb_passages.c.article_id == article_id)
    with context.database().connect() as connection:
        published = store.article(connection, article_id)
        rows = connection.execute(wanted.order_by(kb_passages.c.position)).all()
    if published is None:
        return None
    title = published.article.title
    kinds = {kind: [row for row in rows if row.kind == kind] for kind in (store.TITLE, store.QUESTION, store.PASSAGE)}
    offered = [row for row in kinds[store.QUESTION] if wording.is_worth_offering(row.text)]
    asked = offered or kinds[store.TITLE]
    dimensions = context.encoder().dimensions
    sources = rejoined(
        [
            Source.stored(row.text, row.heading, row.anchor, *_embedded(row, title), dimensions)
            for row in kinds[store.PASSAGE]
        ]
    )
    vectors = [np.frombuffer(_embedded(row, title)[0], dtype=store.STORED).astype(np.float32) for row in asked]
    question_vectors = np.stack(vectors) if vectors else np.zeros((0, dimensions), np.float32)
    return Quotable(
        title=title,
        sources=sources,
        questions=tuple(row.text for row in asked),
        question_vectors=question_vectors,
        answered_at=_nearest(question_vectors, sources),
        links=_links(published.article.body),
        headings=() if offered else _leading_back(article_id, [source.heading for source in sources]),
    )


def _leading_back(article_id: str, paths: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the headings that are worth tapping: of several words, and found to lead to this article."""
    known = {last_heading(path): path for path in dict.fromkeys(paths) if path}
    worth = [(text, path) for text, path in known.items() if len(text.split()) >= LEAST_WORDS][:MAX_HEADINGS]
    found = [(each, surely_answers(each[0])) for each in worth]
    return tuple(each for each, hit in found if hit and hit.article_id == article_id)


def _nearest(questions: np.ndarray, sources: tuple[Source, ...]) -> tuple[tuple[int, int], ...]:
    places = [(number, place) for number, source in enumerate(sources) for place in range(len(source.vectors))]
    if not places:
        return ((0, 0),) * len(questions)
    near = questions @ np.concatenate([source.vectors for source in sources]).T
    return tuple(places[at] for at in near.argmax(axis=1))


def _embedded(row: Row, title: str) -> tuple[bytes, bytes]:
    """The embeddings as stored, or made anew where another encoder made them."""
    encoder = context.encoder()
    if row.encoder == encoder.version:
        return row.embedding, row.sentences
    return store.embed(encoder, row.kind, title, row.heading, row.text)


def _links(body: str) -> tuple[Link, ...]:
    found = []
    for tag in render(body).find_all("a", href=True)[:MAX_LINKS]:
        text, address = " ".join(tag.get_text().split()), tag["href"].strip()
        if text and address.startswith(HELP_PAGES):
            found.append(Link(text, "", address.removeprefix(HELP_PAGES).split("#")[0]))
        elif text and _is_web(address):
            found.append(Link(text, address, ""))
    return tuple(found)


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
