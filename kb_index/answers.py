"""The sentence of a passage that answers, and the few around it that it needs, word for word."""

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from kb_index.sentences import spans
from kb_index.store import STORED

LEXICAL_WEIGHT = 0.2  # beside the cosine; a shared rare word decides between sentences of like meaning
WHOLE_WORDS = 80  # a passage no longer than this is shown as it is; cutting it loses answers
MAX_WORDS = 60
MAX_SENTENCES = 4
MAX_LIST_WORDS = 90
MAX_LIST_LINES = 7
Spans = tuple[tuple[int, int], ...]
_LIST_MARK = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s")
# A sentence that begins so leans on the one before.
_LEANS = re.compile(
    r"(?:this|that|these|those|it|they|he|she|then|otherwise|however|but|and|so|if not)\b", re.IGNORECASE
)


def pick(text: str, vectors: bytes, question: np.ndarray, overlap: Callable[[str], float]) -> tuple[str, str]:
    """Return (sentence, excerpt) of a passage for a question.

    `vectors` are the embeddings of its sentences as stored, `question` is L2-normalised float32, and `overlap`
    tells a sentence's share of the question's words, from 0 to 1. Both results stand in `text` as they are.
    """
    found = _spans(text)
    scores = np.array([LEXICAL_WEIGHT * overlap(text[start:end]) for start, end in found])
    matrix = np.frombuffer(vectors, dtype=STORED).astype(np.float32)
    if matrix.size == len(found) * question.size:
        scores = scores + matrix.reshape(len(found), -1) @ question
    # A heading-like line that ends with a colon announces the answer; it is not one.
    scores -= [0.1 if text[:end].endswith(":") and end < found[-1][1] else 0.0 for _, end in found]
    best = int(scores.argmax())
    if len(text.split()) <= WHOLE_WORDS:
        return text[slice(*found[best])], text
    first, last = _list_around(text, found, best) or _sentences_around(text, found, best)
    return text[slice(*found[best])], text[found[first][0] : found[last][1]]


# The same passages answer again and again.
_spans = lru_cache(maxsize=4_096)(spans)


def _list_around(text: str, found: Spans, best: int) -> tuple[int, int] | None:
    """Return the first and last of the list that the best sentence stands in, with what announces it."""
    starts = [
        start == 0 or text[start - 1] == "\n" or not text[:start].rsplit("\n", 1)[-1].strip() for start, _ in found
    ]
    listed = [bool(_LIST_MARK.match(text, *span)) for span in found]
    for index in range(1, len(found)):
        listed[index] = listed[index] or (listed[index - 1] and not starts[index])
    if not listed[best]:
        return None
    first = last = best
    while first > 0 and listed[first - 1]:
        first -= 1
    while last + 1 < len(found) and listed[last + 1]:
        last += 1
    while first < last and _too_much(text, found, first, last):
        # From the start, as far as it goes, if the best one is still in it; steps are read from the first.
        if last > best:
            last -= 1
        else:
            first += 1
    announced = first > 0 and text[: found[first - 1][1]].endswith(":")
    return (first - 1 if announced else first), last


def _too_much(text: str, found: Spans, first: int, last: int) -> bool:
    return last - first + 1 > MAX_LIST_LINES or _words(text, found, first, last) > MAX_LIST_WORDS


def _sentences_around(text: str, found: Spans, best: int) -> tuple[int, int]:
    """Return the first and last of the best sentence and what follows it, and what it leans on before it."""
    first = last = best
    if best > 0 and _LEANS.match(text, found[best][0]) and _words(text, found, best - 1, best) <= MAX_WORDS:
        first = best - 1
    while last + 1 < len(found) and last - first + 1 < MAX_SENTENCES and _fits(text, found, first, last + 1):
        last += 1
    while first > 0 and last - first + 1 < MAX_SENTENCES - 1 and _fits(text, found, first - 1, last):
        first -= 1
    return first, last


def _fits(text: str, found: Spans, first: int, last: int) -> bool:
    return _words(text, found, first, last) <= MAX_WORDS


def _words(text: str, found: Spans, first: int, last: int) -> int:
    return len(text[found[first][0] : found[last][1]].split())
