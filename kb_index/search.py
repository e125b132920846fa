"""Questions to articles: the knowledge base as services use it."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sqlalchemy import Engine

from kb_index import store
from kb_index.breath import slowly
from kb_index.confidence import Fitted, confidence, fitted
from kb_index.encoder import Encoder
from kb_index.index import Index, IndexedArticle, load
from kb_index.lexical import Lexicon
from kb_index.scoring import Parts, Scoring
from kb_index.spelling import Speller

MAX_QUESTION = 2_000  # characters that are looked at


@dataclass(frozen=True)
class Quote:
    """The passage of an article that speaks for it.

    `sentence` and `excerpt` stand in `passage` as they are, `section` is the path of headings to it and `anchor` the
    id of the last one on the help page.
    """

    section: str
    anchor: str
    passage: str
    sentence: str
    excerpt: str


@dataclass(frozen=True)
class Hit:
    """An article that may answer a question; `quote` works out the passage, and in it the words, that speak for it.

    `score` is the probability that this article answers. `parts` holds what it is made of: the cosines `passage`
    (best), `passages` (mean) and `title` (or question), the shares of the question's words `lexical` and `titled`,
    their weighted sum `combined`, and `margin`, by how much `combined` is above the best other article; see
    `kb_index.confidence`. `understood` is the question with slips of the keyboard corrected, empty where nothing was.
    """

    article_id: str
    title: str
    url: str
    score: float
    quote: Callable[[], Quote] = field(compare=False, repr=False)
    category: str = ""
    parts: Parts = field(default_factory=dict)
    understood: str = ""


class KnowledgeBase:
    """The published articles in memory, searchable from any thread; empty until the first `refresh`."""

    def __init__(self, engine: Engine, encoder: Encoder) -> None:
        self._engine = engine
        self._encoder = encoder
        self._lexicon = Lexicon()
        self._speller = Speller(self._lexicon, encoder.knows)
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
            self._put(articles)
            self._version = version
            return True

    def hold(self, articles: Iterable[IndexedArticle], lexicon: Lexicon) -> None:
        """Hold these articles, of no database, in place of what was in memory; `lexicon` numbered their words."""
        self._lexicon = lexicon
        self._speller = Speller(lexicon, self._encoder.knows)
        self._put({article.id: article for article in articles})

    def _put(self, articles: dict[str, IndexedArticle]) -> None:
        # Where much is new, the rows differ in other directions too.
        kept = sum(1 for key, article in slowly(articles.items()) if self._articles.get(key) is article)
        coarse = self._index.coarse if 2 * kept > len(articles) else None
        index = Index(articles.values(), self._encoder.dimensions, len(self._lexicon), coarse)
        self._speller.learn()
        self._articles, self._index = articles, index

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
        scoring, understood = self._scoring(question, embedding, fitted())
        if scoring is None or limit < 1:
            return []
        return [
            _hit(scoring, article, parts, rank, understood) for rank, (article, parts) in enumerate(scoring.best(limit))
        ]

    def corrected(self, question: str) -> str:
        """Return the question as it is understood: its words parted by one blank, slips of the keyboard corrected."""
        return self._speller.correct(" ".join(question[:MAX_QUESTION].split()))

    def weigh(self, question: str, limit: int, by: Fitted) -> list[tuple[str, Parts]]:
        """Return up to `limit` articles' ids with the parts of their scores, ordered by other weights: for fitting."""
        scoring, _ = self._scoring(question, None, by)
        if scoring is None:
            return []
        return [(scoring.index.articles[number].id, parts) for number, parts in scoring.best(limit)]

    def _scoring(self, question: str, embedding: np.ndarray | None, by: Fitted) -> tuple[Scoring | None, str]:
        """Return the question against the present index, and the question as corrected ("" where nothing was)."""
        index, understood = self._index, self.corrected(question)
        if not understood or not len(index):
            return None, ""
        changed = understood != " ".join(question[:MAX_QUESTION].split())
        if changed or embedding is None:
            vector = self._encoder.encode([understood])[0]
        else:
            vector = np.asarray(embedding, dtype=np.float32)
        scoring = Scoring(index, self._lexicon, understood, vector, by)
        return scoring, understood if changed else ""


def _hit(scoring: Scoring, number: int, parts: Parts, rank: int, understood: str) -> Hit:
    article = scoring.index.articles[number]
    return Hit(
        article_id=article.id,
        title=article.title,
        url=article.url,
        score=confidence(parts),
        quote=partial(_quote, scoring, number, rank),
        category=article.category,
        parts=parts,
        understood=understood,
    )


def _quote(scoring: Scoring, number: int, rank: int) -> Quote:
    row, sentence, excerpt = scoring.shown(number, rank)
    passage = scoring.index.passage(row)
    return Quote(passage.heading, passage.anchor, passage.text, sentence, excerpt)
