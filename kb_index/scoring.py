"""One question against one index: candidates by meaning and by words, then every part of their scores."""

import numpy as np

from kb_index.answers import pick
from kb_index.confidence import PARTS, Fitted
from kb_index.index import Index
from kb_index.lexical import Lexicon

NEAREST = 128  # rows by meaning, and articles by words, that are looked at closely
BY_WORDS = 24
CLOSELY_READ = 2  # hits whose sentences are compared by words as well; hardly anyone reads further
# Which of an article's passages is shown: words count beside its cosine.
OVERLAP_WEIGHT = 0.3

Parts = dict[str, float]


class Scoring:
    """One question: `vector` is L2-normalised float32 `(dimensions,)`."""

    def __init__(self, index: Index, lexicon: Lexicon, question: str, vector: np.ndarray, by: Fitted) -> None:
        self.index = index
        self._lexicon = lexicon
        self._vector = vector
        self._by = by
        # A word that only a withdrawn text had is known no more.
        self._words = [word if index.has(word) else None for word in lexicon.known(question)]
        self._weight = sum(index.weight(word) for word in set(self._words)) or 1.0

    def best(self, limit: int) -> list[tuple[int, Parts]]:
        """Return up to `limit` articles by their numbers in the index, the likeliest first, with their parts."""
        index = self.index
        lexical, titled = index.lexical(self._words), index.titled(self._words)
        near = index.article_of[index.nearest(self._vector, NEAREST)]
        articles = np.unique(np.concatenate([near, _top(lexical), _top(titled)])).astype(np.int64)
        scores = self._cosines(articles) | {"lexical": lexical[articles], "titled": titled[articles]}
        combined = sum(self._by.weights[name] * scores[name] for name in PARTS)
        order = np.argsort(-combined, kind="stable")
        firsts = [np.argmax(np.maximum(scores["passage"], scores["title"])), np.argmax(scores["lexical"])]
        chances = np.exp(self._by.sharpness * (combined - combined.max()))
        # "None of them" is a candidate too, or any article of a few would be likely.
        chances /= chances.sum() + np.exp(self._by.sharpness * (self._by.nothing - combined.max()))
        found = []
        for rank, at in enumerate(order[:limit]):
            parts = {name: float(values[at]) for name, values in scores.items()}
            parts["combined"] = float(combined[at])
            # An article's lead over the best of the others; without others, over nothing.
            rival = order[1 if rank == 0 else 0] if len(order) > 1 else None
            parts["margin"] = parts["combined"] - (0.0 if rival is None else float(combined[rival]))
            parts["share"] = float(chances[at])
            parts["agreement"] = sum(first == at for first in firsts) / len(firsts)
            found.append((int(articles[at]), parts))
        return found

    def _cosines(self, articles: np.ndarray) -> dict[str, np.ndarray]:
        """Return an article's cosines by the names of `PARTS` (0 where it has nothing of the kind), and `named`."""
        index = self.index
        first = index.first_row[articles]
        counts = index.first_row[articles + 1] - first
        starts = np.cumsum(counts) - counts
        rows = np.repeat(first - starts, counts) + np.arange(counts.sum())
        # Not "@": BLAS would wake its threads for so little.
        cosines = np.einsum("ij,j->i", index.vectors[rows], self._vector)
        passages, headings = index.is_passage[rows], index.is_heading[rows]
        best = np.maximum.reduceat(np.where(passages, cosines, -1.0), starts)
        mean = np.add.reduceat(np.where(passages, cosines, 0.0), starts) / np.add.reduceat(passages, starts, dtype=int)
        titles = np.maximum.reduceat(np.where(passages | headings, -1.0, cosines), starts)
        headed = np.maximum(titles, np.maximum.reduceat(np.where(headings, cosines, -1.0), starts))
        return {
            "passage": best,
            "passages": mean,
            "title": np.where(titles > -1.0, titles, 0.0),
            "headed": np.where(headed > -1.0, headed, 0.0),
            "nearest": np.maximum(best, headed),
            "named": (titles > -1.0).astype(float),
        }

    def shown(self, article: int, rank: int) -> tuple[int, str, str]:
        """Return the row of an article's passage that answers best, and the sentence and the excerpt in it."""
        index = self.index
        rows = np.arange(index.first_row[article], index.first_row[article + 1])
        rows = rows[index.is_passage[rows]]
        cosines = np.einsum("ij,j->i", index.vectors[rows], self._vector)
        shares = np.array([self._share(set(index.passage(int(row)).words)) for row in rows])
        row = int(rows[np.argmax(cosines + OVERLAP_WEIGHT * shares)])
        passage = index.passage(row)
        overlap = self._overlap if rank < CLOSELY_READ else lambda _: 0.0
        return row, *pick(passage.text, passage.sentences, self._vector, overlap)

    def _overlap(self, text: str) -> float:
        return self._share(set(self._lexicon.known(text)))

    def _share(self, words: set[int | None]) -> float:
        shared = set(self._words) & words - {None}
        return sum(self.index.weight(word) for word in shared) / self._weight


def _top(scores: np.ndarray) -> np.ndarray:
    """Return the articles with most of the words, of those that have any."""
    found = np.argpartition(-scores, min(BY_WORDS, len(scores) - 1))[:BY_WORDS]
    return found[scores[found] > 0]
