"""Words beside meanings: BM25 over articles, and the weight of each word."""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import Stemmer

from kb_index.breath import slowly

MAX_CHARACTERS = 20_000  # of one text; a passage has far fewer
MAX_WORD = 40  # characters; a longer run is no word that anyone searches for
K1, B = 1.5, 0.75  # BM25's customary constants
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"[\u0300-\u036f]")


class Lexicon:
    """Numbers for words, the same for all forms of a word. Safe to share between threads.

    Stop words stay: in a question "how", "can I" and "not" say much about what is wanted, and BM25 weighs them low.
    """

    def __init__(self, language: str = "english") -> None:
        self._stemmer = Stemmer.Stemmer(language)
        self._numbers: dict[str, int] = {}
        self.spelled: Counter[str] = Counter()  # words as they stand in texts, small letters, with how often
        self._lock = threading.Lock()  # a stemmer serves one thread at a time

    def learn(self, text: str) -> list[int]:
        """Return the numbers of a text's words in their order, numbering new words."""
        words = plain_words(text)
        with self._lock:
            self.spelled.update(words)
            return [self._numbers.setdefault(stem, len(self._numbers)) for stem in self._stemmer.stemWords(words)]

    def known(self, text: str) -> list[int | None]:
        """Return the numbers of a text's words in their order, None for each that no text had."""
        words = plain_words(text)
        with self._lock:
            return [self._numbers.get(stem) for stem in self._stemmer.stemWords(words)]

    def base(self, word: str) -> str:
        """Return what a word in small letters looks like a form of: "pretend" of "pretends", "worry" of "worried"."""
        with self._lock:
            stem = self._stemmer.stemWord(word)
        return f"{stem[:-1]}y" if stem != word and stem.endswith("i") else stem

    def __len__(self) -> int:
        """How many words have a number."""
        return len(self._numbers)


def plain_words(text: str) -> list[str]:
    """Return a text's words in their order, in small letters and without accents, which customers leave out."""
    plain = _MARK.sub("", unicodedata.normalize("NFKD", text[:MAX_CHARACTERS]).casefold())
    return [word[:MAX_WORD] for word in _WORD.findall(plain)]


@dataclass(frozen=True)
class Bag:
    """A text's distinct words as int32 numbers, and how often each stands there."""

    words: np.ndarray
    counts: np.ndarray
    length: float

    @classmethod
    def of(cls, words: Sequence[int]) -> "Bag":
        numbers, counts = np.unique(np.asarray(words, dtype=np.int32), return_counts=True)
        return cls(numbers, counts.astype(np.float32), float(len(words)))


class Bm25:
    """Scores of all documents for a question (Lucene's BM25), as a share of what a perfect document would have.

    Built whole from bags that are counted once a document: with 10,000 documents some 0.1 s, nearly all of it
    outside the interpreter's lock.
    """

    def __init__(self, documents: Sequence[Bag], words: int) -> None:
        self._words = words
        self._documents = len(documents)
        lengths = np.array([bag.length for bag in slowly(documents)], dtype=np.float32)
        sizes = [len(bag.words) for bag in slowly(documents)]
        numbers = np.concatenate([bag.words for bag in slowly(documents)] or [np.zeros(0, dtype=np.int32)])
        counts = np.concatenate([bag.counts for bag in slowly(documents)] or [np.zeros(0, dtype=np.float32)])
        where = np.repeat(np.arange(self._documents, dtype=np.int32), sizes)
        normal = K1 * (1 - B + B * lengths / max(float(lengths.mean()) if documents else 0.0, 1e-9))
        order = np.argsort(numbers, kind="stable")
        self._where = where[order]
        self._impact = (counts / (counts + normal[where]))[order]
        found = np.bincount(numbers, minlength=words)
        self._starts = np.concatenate([[0], np.cumsum(found)])
        self._weights = np.log(1 + (self._documents - found + 0.5) / (found + 0.5))
        self._unknown = float(np.log(1 + (self._documents + 0.5) / 0.5))

    def has(self, word: int | None) -> bool:
        """Whether a document has this word."""
        return word is not None and word < self._words and bool(self._starts[word + 1] > self._starts[word])

    def weight(self, word: int | None) -> float:
        """How much a word tells, in nats: rare words tell much, unknown ones most."""
        return float(self._weights[word]) if word is not None and word < self._words else self._unknown

    def scores(self, words: Sequence[int | None]) -> np.ndarray:
        """Return one float from 0 to 1 a document. A word unknown here lowers the score of all."""
        asked = dict.fromkeys(words)
        scores = np.zeros(self._documents, dtype=np.float32)
        total = sum(self.weight(word) for word in asked)
        for word in asked:
            if word is not None and word < self._words:
                span = slice(self._starts[word], self._starts[word + 1])
                scores[self._where[span]] += self._impact[span] * np.float32(self._weights[word] / total)
        return scores
