"""Questions to articles: the knowledge base as services use it."""

import threading
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Engine

from kb_index import store
from kb_index.answers import pick
from kb_index.confidence import confidence
from kb_index.encoder import Encoder
from kb_index.index import Index, IndexedArticle, load
from kb_index.lexical import Lexicon

MAX_QUESTION = 2_000  # characters that are looked at
NEAREST = 64  # rows by meaning, and by words, whose articles are looked at closely
BY_WORDS = 32
CLOSELY_READ = 2  # hits whose sentences are compared by words as well; hardly anyone reads further
# How much the best of an article's title and questions, and the words in common, count beside the best
# passage. Chosen on two public question sets and half of the demo shop's; anything near does as well.
TITLE_WEIGHT = 0.6
LEXICAL_WEIGHT = 0.3


@dataclass(frozen=True)
class Hit:
    """An article that may answer a question, with the passage, and in it the words, that speak for it.

    `sentence` and `excerpt` stand in `passage` as they are, `section` is the path of headings to it and `anchor`
    the id of the last one on the help page. `score` runs from 0 to 1: how sure it is that this article answers.
    `parts` holds what it is made of: the cosines `passage` and `title`, `lexical` (0 to 1), their sum `combined`,
    and `margin`, by how much `combined` is above the best other article.
    """

    article_id: str
    title: str
    section: str
    anchor: str
    url: str
    passage: str
    sentence: str
    excerpt: str
    score: float
    category: str = ""
    parts: dict[str, float] = field(default_factory=dict)


class KnowledgeBase:
    """The published articles in memory, searchable from any thread; empty until the first `refresh`."""

    def __init__(self, engine: Engine, encoder: Encoder) -> None:
        self._engine = engine
        self._encoder = encoder
        self._lexicon = Lexicon()
        self._refreshing = threading.Lock()
        self._version = -1
        self._articles: dict[str, IndexedArticle] = {}
        self._index = Index([], encoder.dimensions, 0)

    @property
    def version(self) -> int:
        """The knowledge base's version that is in memory; -1 before the first `refresh`."""
        return self._version

    @property
    def rows(self) -> int:
        """How many titles, questions and passages are in memory."""
        return len(self._index)

    def refresh(self) -> bool:
        """Take in what was published or withdrawn since; return whether anything was.

        Costs one small query when nothing was. Searches go on with the former index meanwhile. What the
        database raises comes through, and leaves the former index in place.
        """
        with self._refreshing:
            with self._snapshot() as connection:
                version = store.version(connection)
                if version == self._version:
                    return False
                articles = load(connection, self._encoder, self._lexicon, self._articles)
            self._index = Index(articles.values(), self._encoder.dimensions, len(self._lexicon))
            self._articles, self._version = articles, version
            return True

    def _snapshot(self):
        """Connect so that all reads see one moment; SQLite always reads so."""
        connection = self._engine.connect()
        if self._engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        return connection

    def search(self, question: str, limit: int = 5, embedding: np.ndarray | None = None) -> list[Hit]:
        """Return up to `limit` articles, the likeliest first, each once.

        `embedding`, float32 `(dimensions,)` from the same encoder, saves encoding the question again.
        """
        question = " ".join(question[:MAX_QUESTION].split())
        index = self._index
        if not question or not len(index) or limit < 1:
            return []
        vector = self._encoder.encode([question])[0] if embedding is None else np.asarray(embedding, dtype=np.float32)
        return _Search(index, self._lexicon, question, vector).hits(limit)


class _Search:
    """One question against one index."""

    def __init__(self, index: Index, lexicon: Lexicon, question: str, vector: np.ndarray) -> None:
        self._index = index
        self._lexicon = lexicon
        self._vector = vector
        self._words = lexicon.known(question)
        self._weight = sum(index.weight(word) for word in set(self._words)) or 1.0

    def hits(self, limit: int) -> list[Hit]:
        index = self._index
        lexical = index.lexical(self._words)
        by_words = np.argpartition(-lexical, min(BY_WORDS, len(index) - 1))[:BY_WORDS]
        rows = np.union1d(index.nearest(self._vector, NEAREST), by_words[lexical[by_words] > 0]).astype(np.int64)
        found = self._weigh(np.unique(index.article_of[rows]), lexical, limit + 1)
        # An article's lead over the best of the others; without others, over nothing.
        rivals = [found[1][1]["combined"] if len(found) > 1 else 0.0] + [found[0][1]["combined"]] * limit
        return [
            self._hit(row, parts | {"margin": parts["combined"] - rivals[rank]}, rank)
            for rank, (row, parts) in enumerate(found[:limit])
        ]

    def _weigh(self, articles: np.ndarray, lexical: np.ndarray, limit: int) -> list[tuple[int, dict[str, float]]]:
        """Return the best articles, each as the row of its best passage and the parts of its score."""
        index = self._index
        first = index.first_row[articles]
        counts = index.first_row[articles + 1] - first
        starts = np.cumsum(counts) - counts
        rows = np.repeat(first - starts, counts) + np.arange(counts.sum())
        # Not "@": BLAS would wake its threads for so little.
        cosines = np.einsum("ij,j->i", index.vectors[rows], self._vector)
        passages = index.is_passage[rows]
        weighed = np.where(passages, cosines + LEXICAL_WEIGHT * lexical[rows], -np.inf)
        titles = np.maximum.reduceat(np.where(passages, -np.inf, cosines), starts)
        combined = np.maximum.reduceat(weighed, starts) + TITLE_WEIGHT * titles
        found = []
        for best in np.argsort(-combined, kind="stable")[:limit]:
            at = starts[best] + int(weighed[starts[best] : starts[best] + counts[best]].argmax())
            parts = {"passage": cosines[at], "title": titles[best], "lexical": lexical[rows[at]]}
            parts["combined"] = combined[best]
            found.append((int(rows[at]), {name: float(value) for name, value in parts.items()}))
        return found

    def _hit(self, row: int, parts: dict[str, float], rank: int) -> Hit:
        article = self._index.articles[self._index.article_of[row]]
        passage = self._index.passages[row]
        overlap = self._overlap if rank < CLOSELY_READ else lambda _: 0.0
        sentence, excerpt = pick(passage.text, passage.sentences, self._vector, overlap)
        return Hit(
            article_id=article.id,
            title=article.title,
            section=passage.heading,
            anchor=passage.anchor,
            url=article.url,
            passage=passage.text,
            sentence=sentence,
            excerpt=excerpt,
            score=confidence(parts["passage"], parts["title"], parts["lexical"], parts["margin"]),
            category=article.category,
            parts={name: round(value, 4) for name, value in parts.items()},
        )

    def _overlap(self, text: str) -> float:
        shared = set(self._words) & set(self._lexicon.known(text)) - {None}
        return sum(self._index.weight(word) for word in shared) / self._weight
