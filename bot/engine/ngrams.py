"""Weighted word and character n-grams: what a sentence embedding blurs (product codes, names, spelling)."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

# A message is cut here before it is taken apart: what it is about stands in its beginning.
MAX_CHARACTERS = 1000
_KINDS = (
    CountVectorizer(ngram_range=(1, 2), token_pattern=r"\b\w+\b").build_analyzer(),
    CountVectorizer(analyzer="char_wb", ngram_range=(2, 5)).build_analyzer(),
)


class NGrams:
    """TF-IDF rows over word 1-2-grams and character 2-5-grams, half of a row's squared length each.

    Unlike scikit-learn's, a row is scaled by *all* of its n-grams, known or not: a message of unknown words
    has a short row, and so resembles nothing. What stands in a single text counts as unknown there too, so
    that a training text is no better known than a new one.
    """

    def __init__(self, vocabulary: dict[str, int], weights: np.ndarray, unknown: float) -> None:
        self.vocabulary = vocabulary
        self.weights = weights
        self.unknown = unknown

    @classmethod
    def fit(cls, texts: Iterable[str]) -> "NGrams":
        """Learn the n-grams that occur in at least two of `texts`, and how rare each is."""
        seen: Counter[str] = Counter()
        total = 0
        for text in texts:
            total += 1
            for counts in _counted(text):
                seen.update(counts.keys())
        known = sorted(gram for gram, texts_with_it in seen.items() if texts_with_it > 1)
        weights = np.array([1 + np.log((1 + total) / (1 + seen[gram])) for gram in known], dtype=np.float32)
        return cls({gram: column for column, gram in enumerate(known)}, weights, 1 + float(np.log((1 + total) / 2)))

    def row(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns and values of one text; the values' length is at most 1."""
        columns: list[int] = []
        values: list[float] = []
        for counts in _counted(text):
            squares, found = 0.0, len(columns)
            for gram, count in counts.items():
                column = self.vocabulary.get(gram)
                value = (1 + float(np.log(count))) if count > 1 else 1.0
                value *= self.unknown if column is None else float(self.weights[column])
                squares += value * value
                if column is not None:
                    columns.append(column)
                    values.append(value)
            scale = (2 * squares) ** -0.5 if squares else 0.0
            values[found:] = [value * scale for value in values[found:]]
        return np.array(columns, dtype=np.int64), np.array(values, dtype=np.float32)

    def rows(self, texts: Iterable[str]) -> csr_matrix:
        """Return float32 `(len(texts), len(vocabulary))`."""
        parts = [self.row(text) for text in texts]
        starts = np.cumsum([0, *(len(columns) for columns, _ in parts)])
        columns = np.concatenate([columns for columns, _ in parts]) if parts else np.zeros(0, dtype=np.int64)
        values = np.concatenate([values for _, values in parts]) if parts else np.zeros(0, dtype=np.float32)
        return csr_matrix((values, columns, starts), shape=(len(parts), len(self.vocabulary)))


def _counted(text: str) -> list[Counter[str]]:
    # Words and characters share a vocabulary; the prefix keeps "a" the word from "a" the character.
    text = text[:MAX_CHARACTERS]
    return [Counter(f"{kind}{gram}" for gram in analyse(text)) for kind, analyse in enumerate(_KINDS)]
