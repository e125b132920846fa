"""What is published, in memory and ready to be searched. Never changed: a refresh builds another one aside."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import faiss
import numpy as np
from sqlalchemy import Connection, Row, select

from kb_index.encoder import Encoder
from kb_index.lexical import Bm25, Lexicon
from kb_index.store import PASSAGE, STORED, embed
from kb_index.tables import kb_articles, kb_passages

# SQLite and PostgreSQL both bound how many values one statement may carry.
IDS_A_QUERY = 500


@dataclass(frozen=True)
class IndexedPassage:
    """A title, question or passage as it is searched. `sentences` is float16 `(sentences, dimensions)` as bytes."""

    id: int
    kind: str
    heading: str
    anchor: str
    text: str
    sentences: bytes
    words: list[int]


@dataclass(frozen=True)
class IndexedArticle:
    """An article as it is searched; `vectors` is float16 `(len(passages), dimensions)`."""

    id: str
    title: str
    category: str
    section: str
    url: str
    version: int
    passages: tuple[IndexedPassage, ...]
    vectors: np.ndarray


class Index:
    """Vectors in FAISS, words in BM25, one row a title, question or passage; an article's rows lie side by side."""

    def __init__(self, articles: Iterable[IndexedArticle], dimensions: int, words: int) -> None:
        self.articles = [article for article in articles if article.passages]
        self.passages = [passage for article in self.articles for passage in article.passages]
        counts = [len(article.passages) for article in self.articles]
        self.article_of = np.repeat(np.arange(len(counts)), counts)
        self.first_row = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.is_passage = np.array([passage.kind == PASSAGE for passage in self.passages], dtype=bool)
        self._rows = np.flatnonzero(self.is_passage)
        self._lexical = Bm25([self.passages[row].words for row in self._rows], words)
        self.weight = self._lexical.weight
        self._fill(dimensions)

    def _fill(self, dimensions: int) -> None:
        vectors = [article.vectors.astype(np.float32) for article in self.articles]
        self.vectors = np.concatenate(vectors) if vectors else np.zeros((0, dimensions), dtype=np.float32)
        # Half precision left the lengths a little off one.
        self.vectors /= np.maximum(np.linalg.norm(self.vectors, axis=1, keepdims=True), 1e-12)
        self._ids = np.array([passage.id for passage in self.passages], dtype=np.int64)
        self._row_of = {passage.id: row for row, passage in enumerate(self.passages)}
        self._faiss = faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))
        if len(self._ids):
            self._faiss.add_with_ids(self.vectors, self._ids)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.passages)

    def nearest(self, vector: np.ndarray, count: int) -> list[int]:
        """Return the rows nearest in meaning, best first."""
        # One question is too little work to share out: on a busy machine, waiting for a second thread takes 20 times
        # as long as the search. The setting belongs to the calling thread, hence here.
        faiss.omp_set_num_threads(1)
        _, ids = self._faiss.search(vector.reshape(1, -1), min(count, len(self)))
        return [self._row_of[int(number)] for number in ids[0] if number >= 0]

    def lexical(self, words: list[int | None]) -> np.ndarray:
        """Return a float from 0 to 1 a row: what share of the question's words it has; 0 for titles and questions."""
        scores = np.zeros(len(self), dtype=np.float32)
        scores[self._rows] = self._lexical.scores(words)
        return scores


def load(connection: Connection, encoder: Encoder, lexicon: Lexicon, known: dict[str, IndexedArticle]) -> dict:
    """Return all published articles by id, taking from `known` those that did not change."""
    published = {row.id: row.version for row in connection.execute(select(kb_articles.c.id, kb_articles.c.version))}
    kept = {key: known[key] for key, number in published.items() if key in known and known[key].version == number}
    changed = sorted(published.keys() - kept.keys())
    for start in range(0, len(changed), IDS_A_QUERY):
        kept |= _load_some(connection, changed[start : start + IDS_A_QUERY], encoder, lexicon)
    return {key: kept[key] for key in sorted(kept)}


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
    passages = []
    for number, row in enumerate(rows):
        embedding, sentences = row.embedding, row.sentences
        if row.encoder != encoder.version:
            # The answer must come from what is published now, even before somebody runs `build`.
            embedding, sentences = embed(encoder, row.kind, article.title, row.heading, row.text)
        vectors[number] = np.frombuffer(embedding, dtype=STORED)
        said = f"{article.title} {row.heading} {row.text}" if row.kind == PASSAGE else row.text
        words = lexicon.learn(said)
        passages.append(IndexedPassage(row.id, row.kind, row.heading, row.anchor, row.text, sentences, words))
    return IndexedArticle(**article._mapping, passages=tuple(passages), vectors=vectors)
