"""What is published, in memory and ready to be searched. Never changed: a refresh builds another one aside."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import faiss
import numpy as np
from sqlalchemy import Connection, Row, select

from kb_index.breath import slowly
from kb_index.coarse import Coarse
from kb_index.encoder import Encoder
from kb_index.lexical import Bag, Bm25, Lexicon
from kb_index.store import HEADING, PASSAGE, QUESTION, STORED, embed
from kb_index.tables import kb_articles, kb_passages

# SQLite and PostgreSQL both bound how many values one statement may carry.
IDS_A_QUERY = 500
ROWS_A_FETCH = 200
# Beyond so many rows, the nearest are first looked for roughly (kb_index/coarse.py).
EXACT_ROWS = 4_096


@dataclass(frozen=True)
class IndexedPassage:
    """A title, question, heading or passage, as searched. `sentences` is float16 `(sentences, dimensions)` as bytes."""

    id: int
    kind: str
    heading: str
    anchor: str
    text: str
    sentences: bytes
    words: list[int]


@dataclass(frozen=True)
class IndexedArticle:
    """An article as it is searched; `vectors` is float16 `(len(passages), dimensions)`.

    `bag` has all its words, `title_bag` those of its title and questions.
    """

    id: str
    title: str
    category: str
    section: str
    url: str
    version: int
    passages: tuple[IndexedPassage, ...]
    vectors: np.ndarray
    bag: Bag
    title_bag: Bag


class Index:
    """Vectors in FAISS, words in BM25, one row a title, question, heading or passage; an article's lie side by side.

    Headings are compared, but no article is looked up by them: its passages are embedded with their headings.

    `coarse` of a former index, of mostly the same rows, saves learning it again.
    """

    def __init__(
        self, articles: Iterable[IndexedArticle], dimensions: int, words: int, coarse: Coarse | None = None
    ) -> None:
        self.articles = [article for article in slowly(articles) if article.passages]
        counts = [len(article.passages) for article in slowly(self.articles)]
        self.article_of = np.repeat(np.arange(len(counts)), counts)
        self.first_row = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.is_passage = np.array(
            [row.kind == PASSAGE for each in slowly(self.articles) for row in each.passages], dtype=bool
        )
        self.is_heading = np.array(
            [row.kind == HEADING for each in slowly(self.articles) for row in each.passages], dtype=bool
        )
        self._looked_up = np.flatnonzero(~self.is_heading)
        self._lexical = Bm25([article.bag for article in slowly(self.articles)], words)
        self._titles = Bm25([article.title_bag for article in slowly(self.articles)], words)
        self.weight, self.has = self._lexical.weight, self._lexical.has
        self._fill(dimensions, coarse)

    def _fill(self, dimensions: int, coarse: Coarse | None) -> None:
        self.vectors = np.zeros((int(self.first_row[-1]), dimensions), dtype=np.float32)
        for number, article in enumerate(slowly(self.articles)):
            self.vectors[self.first_row[number] : self.first_row[number + 1]] = article.vectors
        # Half precision left the lengths a little off one.
        self.vectors /= np.maximum(np.linalg.norm(self.vectors, axis=1, keepdims=True), 1e-12)
        self.coarse = None
        found_by = self.vectors[self._looked_up]
        if len(self) > EXACT_ROWS:
            self.coarse = coarse or Coarse.of(found_by)
            self._faiss = self.coarse.index(found_by)
            return
        # Half precision, as the rows are stored: half the memory to walk through, and none of the nearest is lost.
        half = faiss.ScalarQuantizer.QT_fp16
        self._faiss = faiss.IndexScalarQuantizer(dimensions, half, faiss.METRIC_INNER_PRODUCT)
        self._faiss.add(found_by)

    def __len__(self) -> int:
        """How many rows an article may be looked up by."""
        return len(self._looked_up)

    def passage(self, row: int) -> IndexedPassage:
        """Return what stands in a row."""
        article = int(self.article_of[row])
        return self.articles[article].passages[row - int(self.first_row[article])]

    def nearest(self, vector: np.ndarray, count: int) -> np.ndarray:
        """Return the rows nearest in meaning, best first."""
        # One question is too little work to share out: on a busy machine, waiting for a second thread takes 20 times
        # as long as the search. The setting belongs to the calling thread, hence here.
        faiss.omp_set_num_threads(1)
        asked = vector if self.coarse is None else self.coarse.along(vector)
        _, rows = self._faiss.search(asked.reshape(1, -1), min(count, len(self)))
        # Where fewer are found than asked for, FAISS fills up with -1.
        return self._looked_up[rows[0] if rows[0, -1] >= 0 else rows[0][rows[0] >= 0]]

    def lexical(self, words: list[int | None]) -> np.ndarray:
        """Return a float from 0 to 1 an article: what share of the question's words it has."""
        return self._lexical.scores(words)

    def titled(self, words: list[int | None]) -> np.ndarray:
        """Return a float from 0 to 1 an article: what share of the question's words its title and questions have."""
        return self._titles.scores(words)


def load(connection: Connection, encoder: Encoder, lexicon: Lexicon, known: dict[str, IndexedArticle]) -> dict:
    """Return all published articles by id, taking from `known` those that did not change."""
    versions = select(kb_articles.c.id, kb_articles.c.version).order_by(kb_articles.c.id)
    rows = connection.execution_options(yield_per=ROWS_A_FETCH).execute(versions)
    published = {number: version for number, version in slowly(rows)}
    kept = {
        key: known[key] for key, number in slowly(published.items()) if key in known and known[key].version == number
    }
    changed = sorted(published.keys() - kept.keys())
    for start in range(0, len(changed), IDS_A_QUERY):
        kept |= _load_some(connection, changed[start : start + IDS_A_QUERY], encoder, lexicon)
    return {key: kept[key] for key in slowly(published) if key in kept}


def _load_some(connection: Connection, ids: list[str], encoder: Encoder, lexicon: Lexicon) -> dict:
    rows = defaultdict(list)
    wanted = select(kb_passages).where(kb_passages.c.article_id.in_(ids))
    for row in connection.execute(wanted.order_by(kb_passages.c.kind, kb_passages.c.position)):
        rows[row.article_id].append(row)
    columns = (kb_articles.c[name] for name in ("id", "title", "category", "section", "url", "version"))
    found = connection.execute(select(*columns).where(kb_articles.c.id.in_(ids)))
    return {article.id: _article(article, rows[article.id], encoder, lexicon) for article in found}


def _article(article: Row, rows: list[Row], encoder: Encoder, lexicon: Lexicon) -> IndexedArticle:
    vectors = np.empty((len(rows), encoder.dimensions), dtype=STORED)
    passages: list[IndexedPassage] = []
    for number, row in enumerate(rows):
        embedding, sentences = row.embedding, row.sentences
        if row.encoder != encoder.version:
            # The answer must come from what is published now, even before somebody runs `build`.
            embedding, sentences = embed(encoder, row.kind, article.title, row.heading, row.text)
        vectors[number] = np.frombuffer(embedding, dtype=STORED)
        said = f"{row.heading} {row.text}" if row.kind == PASSAGE else row.text
        words = lexicon.learn(said)
        passages.append(IndexedPassage(row.id, row.kind, row.heading, row.anchor, row.text, sentences, words))
    return indexed(dict(article._mapping), passages, vectors, lexicon)


def indexed(values: dict, passages: list[IndexedPassage], vectors: np.ndarray, lexicon: Lexicon) -> IndexedArticle:
    """Make an article of its columns and its rows."""
    title = lexicon.learn(values["title"])
    asked = title + [word for row in passages if row.kind == QUESTION for word in row.words]
    told = [word for row in passages if row.kind == PASSAGE for word in row.words]
    return IndexedArticle(
        **values, passages=tuple(passages), vectors=vectors, bag=Bag.of(asked + told), title_bag=Bag.of(asked)
    )
