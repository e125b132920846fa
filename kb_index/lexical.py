"""Words beside meanings: BM25 over passages, and the weight of each word."""

import re
import threading
import unicodedata
from collections.abc import Sequence

import bm25s
import numpy as np
import Stemmer

MAX_CHARACTERS = 20_000  # of one text; a passage has far fewer
MAX_WORD = 40  # characters; a longer run is no word that anyone searches for
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"[\u0300-\u036f]")


class Lexicon:
    """Numbers for words, the same for all forms of a word. Safe to share between threads.

    Stop words stay: in a question "how", "can I" and "not" say much about what is wanted, and BM25 weighs them low.
    """

    def __init__(self, language: str = "english") -> None:
        self._stemmer = Stemmer.Stemmer(language)
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()  # a stemmer serves one thread at a time

    def learn(self, text: str) -> list[int]:
        """Return the numbers of a text's words in their order, numbering new words."""
        with self._lock:
            return [self._numbers.setdefault(stem, len(self._numbers)) for stem in self._stems(text)]

    def known(self, text: str) -> list[int | None]:
        """Return the numbers of a text's words in their order, None for each that no text had."""
        with self._lock:
            return [self._numbers.get(stem) for stem in self._stems(text)]

    def __len__(self) -> int:
        """How many words have a number."""
        return len(self._numbers)

    def _stems(self, text: str) -> list[str]:
        # Customers leave accents out, so they count for nothing.
        plain = _MARK.sub("", unicodedata.normalize("NFKD", text[:MAX_CHARACTERS]).casefold())
        return self._stemmer.stemWords([word[:MAX_WORD] for word in _WORD.findall(plain)])


class Bm25:
    """Scores of all documents for a question, as a share of what a perfect document would have.

    Built from word numbers, whole: 10,000 passages take some 0.2 s, so a change builds it anew.
    """

    def __init__(self, documents: list[list[int]], words: int) -> None:
        self._words = words
        self._model = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        if documents and words:
            numbered = {number: number for number in range(words)}
            self._model.index((documents, numbered), create_empty_token=False, show_progress=False)
            found = np.diff(self._model.scores["indptr"])
            self._weights = np.log(1 + (len(documents) - found + 0.5) / (found + 0.5))
        else:
            self._words, self._weights = 0, np.zeros(0)
        self._unknown = float(np.log(1 + (len(documents) + 0.5) / 0.5))
        self._documents = len(documents)

    def weight(self, word: int | None) -> float:
        """How much a word tells, in nats: rare words tell much, unknown ones most."""
        return float(self._weights[word]) if word is not None and word < self._words else self._unknown

    def scores(self, words: Sequence[int | None]) -> np.ndarray:
        """Return one float from 0 to 1 a document. A word unknown here lowers the score of all."""
        asked = dict.fromkeys(words)
        total = sum(self.weight(word) for word in asked)
        found = [word for word in asked if word is not None and word < self._words]
        if not found or not total:
            return np.zeros(self._documents, dtype=np.float32)
        return self._model.get_scores_from_ids(found) / total
