"""The sentences that answer, of a passage or of a whole article, with the few that they need, word for word."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kb_index.lists import (
    MAX_STEPS,
    Spans,
    count_words,
    in_list,
    is_short_list,
    is_step,
    list_around,
    listed,
)
from kb_index.sentences import known_spans
from kb_index.sources import Source, embeddings
from kb_index.table_rows import column, first_cell, parted, rows, table_around

LEXICAL_WEIGHT = 0.2  # beside the cosine; a shared rare word decides between sentences of like meaning
WHOLE_WORDS = 80  # a passage no longer than this is shown as it is; cutting it loses answers
MAX_WORDS = 60
MAX_SENTENCES = 4
# What is shown of a whole article. Chosen on half of the demo shop's labelled answers, see docs/answers.md.
ANSWER_WORDS = 110
BRIEF_WORDS = 60  # for who has no patience left
GROWN_WORDS = 30  # a sentence comes with its neighbours up to so many
# An article of more words has sections on different matters: what the question is near to as a whole counts as well,
# more of one place is shown and less of several, and the first sentence says less. Chosen on half of the questions to
# a real help centre, see docs/answers.md.
LONG_ARTICLE = 200
SECTION_WEIGHT = 0.7  # of a section's lag behind the nearest one, as a cosine
GROWN_WORDS_OF_LONG = 60
LEAD_BONUS_OF_LONG = 0.06
FAR_BEHIND = 0.35  # of the best sentence's score: what lags so far only fills up
MAX_BLOCKS = 4
WORD_BEGINNING = 6  # characters
_WORD = re.compile(r"\w+")
LEAD_BONUS = 0.12  # cosine
NAME_BONUS = 0.15  # cosine, where the question's "Canada" stands in one sentence only
_NAME = re.compile(r"(?<=[\w,;:] )[^\W\d_a-z]\w{2,}")  # a capital where no sentence begins
# A sentence that begins so leans on the one before, and so does "We delete it within 5 working days".
_LEANS = re.compile(
    r"(?:(?:this|that|these|those|it|they|he|she|then|otherwise|however|but|and|so|if not)\b"
    r"|(?:[\w']+ ){1,5}(?:it|them)\b)",
    re.IGNORECASE,
)


def pick(text: str, vectors: bytes, question: np.ndarray, overlap: Callable[[str], float]) -> tuple[str, str]:
    """Return (sentence, excerpt) of a passage for a question.

    `vectors` are the embeddings of its sentences as stored, `question` is L2-normalised float32, and `overlap`
    tells a sentence's share of the question's words, from 0 to 1. Both results stand in `text` as they are.
    """
    found = known_spans(text)
    scores = np.array([LEXICAL_WEIGHT * overlap(text[start:end]) for start, end in found])
    matrix = embeddings(text, vectors, question.size)
    if len(matrix):
        scores = scores + matrix @ question
    # A heading-like line that ends with a colon announces the answer; it is not one.
    scores -= [0.1 if text[:end].endswith(":") and end < found[-1][1] else 0.0 for _, end in found]
    best = int(scores.argmax())
    if len(text.split()) <= WHOLE_WORDS:
        return text[slice(*found[best])], text
    first, last = list_around(text, found, best) or _sentences_around(text, found, best)
    return text[slice(*found[best])], text[found[first][0] : found[last][1]]


def _sentences_around(text: str, found: Spans, best: int) -> tuple[int, int]:
    """Return the first and last of the best sentence and what follows it, and what it leans on before it."""
    first = last = best
    if _is_leaning(text, found, best):
        first = best - 1
    while last + 1 < len(found) and last - first + 1 < MAX_SENTENCES and _fits(text, found, first, last + 1):
        last += 1
    while first > 0 and last - first + 1 < MAX_SENTENCES - 1 and _fits(text, found, first - 1, last):
        first -= 1
    return first, last


def _fits(text: str, found: Spans, first: int, last: int) -> bool:
    return count_words(text, found, first, last) <= MAX_WORDS


@dataclass(frozen=True)
class Block:
    """Sentences that follow one another, word for word; `score` is the best one's cosine, `best` its place.

    `source` counts the article's passages, `first` and `last` the sentences of that passage, all from 0.
    """

    text: str
    source: int
    first: int
    last: int
    score: float


def compose(
    sources: Sequence[Source], question: np.ndarray, text: str = "", most_words: int = ANSWER_WORDS
) -> list[Block]:
    """Return the few sentences of a whole article that answer, in the article's order, best `score` marking where.

    At most `most_words` words in `MAX_BLOCKS` blocks, but always one whole sentence. The article's first sentence
    is preferred a little, as writers put the answer there (figures in docs/answers.md). `question` is L2-normalised;
    `text` is what it says, so that a rare word finds its row of a table.
    """
    found = [known_spans(source.text) for source in sources]
    named = _named(sources, found, text)
    long = sum(len(source.text.split()) for source in sources) > LONG_ARTICLE
    ranked = _ranked(sources, found, question, text, named, long)
    grown = GROWN_WORDS_OF_LONG if long else GROWN_WORDS
    # Some rows would look like all of them: where passages part a table, or where the question names one row.
    left_out = parted([source.text for source in sources]) | {
        column(sources[at].text, place) for at, place in named if place in rows(sources[at].text)
    }
    picked: dict[tuple[int, int], float] = {}
    words = blocks = 0
    for score, source, place in ranked:
        if (source, place) in picked or blocks == MAX_BLOCKS or (long and score < ranked[0][0] - FAR_BEHIND):
            continue
        text, spans_here = sources[source].text, found[source]
        taken = {at for number, at in picked if number == source}
        row = rows(text).get(place)
        alone = row is not None and (source, place) in named
        if row and not alone and column(text, place) in left_out:
            continue
        first, last = row if alone else _unit(text, spans_here, place)
        cost = _new_words(text, spans_here, first, last, taken)
        if picked and words + cost > most_words:
            continue
        if not alone:
            first, last = _grow(text, spans_here, first, last, min(grown, most_words - words))
        words += _new_words(text, spans_here, first, last, taken)
        picked |= {(source, at): max(score, picked.get((source, at), -1.0)) for at in range(first, last + 1)}
        blocks += 1
    return _blocks(sources, found, picked)


def _ranked(
    sources: Sequence[Source],
    found: list[Spans],
    question: np.ndarray,
    text: str,
    named: set[tuple[int, int]],
    long: bool,
) -> list[tuple[float, int, int]]:
    ranked = []
    lead_bonus = LEAD_BONUS_OF_LONG if long else LEAD_BONUS
    near = _nearness(sources, question) if long else np.zeros(len(sources))
    shared = iter(_shared_words(sources, found, text))
    for number, (source, spans_here) in enumerate(zip(sources, found, strict=True)):
        scores = source.vectors @ question if len(source.vectors) else np.zeros(len(spans_here))
        for place, score in enumerate(scores):
            lead = lead_bonus if number == place == 0 else 0.0
            name = NAME_BONUS if (number, place) in named else 0.0
            ranked.append((float(score + near[number]) + LEXICAL_WEIGHT * next(shared) + lead + name, number, place))
    return sorted(ranked, key=lambda each: (-each[0], each[1:]))


def _nearness(sources: Sequence[Source], question: np.ndarray) -> np.ndarray:
    """Return what each passage's sentences lose for its lag behind the nearest one; nothing where one is not known."""
    if any(source.vector is None for source in sources):
        return np.zeros(len(sources))
    cosines = np.array([source.vector @ question for source in sources])
    return SECTION_WEIGHT * (cosines - cosines.max())


def _shared_words(sources: Sequence[Source], found: list[Spans], text: str) -> list[float]:
    """Return each sentence's share of the question's words, from 0 to 1; words of few sentences count most."""
    asked = _beginnings(text)
    said = [
        _beginnings(source.text[start:end])
        for source, spans_here in zip(sources, found, strict=True)
        for start, end in spans_here
    ]
    weight = {word: math.log((len(said) + 1) / (0.5 + sum(word in each for each in said))) for word in asked}
    total = sum(weight.values()) or 1.0
    return [sum(weight[word] for word in asked & each) / total for each in said]


def _named(sources: Sequence[Source], found: list[Spans], text: str) -> set[tuple[int, int]]:
    """Return the sentences that alone have a name that the question has, each as its source and place.

    A row of a table is named by its first cell: "packed" names the row "Status: packed; What it means: ...".
    """
    asked, where, by_cell = _beginnings(text), defaultdict(set), defaultdict(set)
    for number, (source, spans_here) in enumerate(zip(sources, found, strict=True)):
        for place, (start, end) in enumerate(spans_here):
            for name in asked & _names(source.text[start:end]):
                where[name].add((number, place))
        for place in {first for first, _ in rows(source.text).values()}:
            cell = _beginnings(first_cell(source.text, place))
            if cell and cell <= asked:
                by_cell[number, table_around(source.text, place)].add((number, place))
    alone = [places for places in [*where.values(), *by_cell.values()] if len(places) == 1]
    return {place for places in alone for place in places}


@lru_cache(maxsize=8_192)
def _names(text: str) -> frozenset[str]:
    return frozenset(name[:WORD_BEGINNING].casefold() for name in _NAME.findall(text))


@lru_cache(maxsize=8_192)
def _beginnings(text: str) -> frozenset[str]:
    """The words of a text, cut to what its forms have in common, near enough."""
    return frozenset(word[:WORD_BEGINNING] for word in _WORD.findall(text.casefold()))


def _unit(text: str, found: Spans, place: int) -> tuple[int, int]:
    """Return the first and last of a sentence with what it cannot do without: its steps, its table, the one before."""
    if place in rows(text):
        # Some of the rows would look like all of them.
        return table_around(text, place)
    around = list_around(text, found, place, MAX_STEPS, ANSWER_WORDS)
    if around:
        first, last = around
        # Steps are done one after the other; of a long list of other things, what follows is another matter.
        whole = is_step(text, found, place) or is_short_list(text, found, place)
        return first, last if whole else place
    if text[: found[place][1]].endswith(":") and place + 1 < len(found):
        return place, _unit(text, found, place + 1)[1]
    return (place - 1 if _is_leaning(text, found, place) else place), place


def _is_leaning(text: str, found: Spans, place: int) -> bool:
    """Whether a sentence says nothing without the one before, which is short enough to come along."""
    if place == 0 or not _LEANS.match(text, found[place][0]):
        return False
    return count_words(text, found, place - 1, place) <= MAX_WORDS


def _grow(text: str, found: Spans, first: int, last: int, words: int) -> tuple[int, int]:
    """Take in what follows, and then what stands before, as long as all of it is no more than `words`.

    Of a list that is not begun yet, all or nothing: half of the steps would look like all of them.
    """
    least = last
    while last + 1 < len(found):
        following = last + 1
        if following in rows(text):
            break
        if in_list(text, found, following) and not in_list(text, found, last):
            following = (list_around(text, found, following) or (following, following))[1]
        if count_words(text, found, first, following) > words:
            break
        last = following
    # What announces something is not said without it.
    while last > least and text[: found[last][1]].endswith(":"):
        last -= 1
    begun = first
    while first > 0 and not listed(text, found, first - 1) and count_words(text, found, first - 1, last) <= words:
        first -= 1
    # What leans on a sentence that does not fit says nothing without it.
    while 0 < first < begun and _LEANS.match(text, found[first][0]):
        first += 1
    return first, last


def _new_words(text: str, found: Spans, first: int, last: int, taken: set[int]) -> int:
    return sum(count_words(text, found, at, at) for at in range(first, last + 1) if at not in taken)


def _blocks(sources: Sequence[Source], found: list[Spans], picked: dict[tuple[int, int], float]) -> list[Block]:
    blocks: list[Block] = []
    for source, place in sorted(picked):
        score, before = picked[source, place], blocks[-1] if blocks else None
        first = place
        if before and before.source == source and before.last == place - 1:
            first, score = before.first, max(score, before.score)
            blocks.pop()
        text = sources[source].text[found[source][first][0] : found[source][place][1]]
        blocks.append(Block(text, source, first, place, score))
    return blocks
