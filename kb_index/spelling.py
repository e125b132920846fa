"""Slips of the keyboard: words that nobody knows, read as the article's word that they are nearly."""

import re
from collections.abc import Callable
from functools import lru_cache

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from kb_index.lexical import Lexicon

SHORTEST = 3  # letters; a shorter word is nearly everything
LONG_WORD = 6  # letters from which two slips are allowed instead of one
LONGEST = 24  # letters; a longer run is no slip
SHORTEST_BASE = 4  # letters of a word whose forms are known with it: "bens" is no form of "ben"
MAX_SLIPS = 10  # looked up in one question
REMEMBERED = 4_096
ANOTHER_START = 0.5  # the first letter is seldom wrong
# A letter too many at the end of a word is the one before it again, or its neighbour on the keyboard; another one makes
# another word ("matcha" is no "match").
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTERS = re.compile(r"[^\W\d_]+")


class Speller:
    """Corrects questions by the words of the articles. `common` tells a word that the encoder knows as one piece.

    Words that the encoder or any article knows are left alone, so a corrected word was unreadable to both.
    """

    def __init__(self, lexicon: Lexicon, common: Callable[[str], bool]) -> None:
        self._spelled = lexicon.spelled
        self._base = lexicon.base
        self._common = lru_cache(maxsize=REMEMBERED)(common)
        self._by_length: dict[int, list[str]] = {}
        self._known = 0
        self._nearest = lru_cache(maxsize=REMEMBERED)(self._look_up)

    def learn(self) -> None:
        """Take in the words that the lexicon learnt since."""
        if len(self._spelled) == self._known:
            return
        words: dict[int, list[str]] = {}
        for word in list(self._spelled):
            if SHORTEST <= len(word) <= LONGEST and word.isalpha():
                words.setdefault(len(word), []).append(word)
        self._by_length, self._known = words, len(self._spelled)
        self._nearest.cache_clear()

    def correct(self, question: str) -> str:
        """Return the question with its slips corrected; unchanged where most unknown words are near none."""
        unknown = [word for word in dict.fromkeys(_LETTERS.findall(question)) if not self._knows(word)]
        if not unknown or len(unknown) > MAX_SLIPS:
            return question
        better = {word: found for word in unknown if (found := self._nearest(word.casefold()))}
        # Another language: what is unknown there is near nothing, or only by chance.
        if 2 * len(better) <= len(unknown):
            return question
        return _LETTERS.sub(lambda match: better.get(match.group(), match.group()), question)

    def _knows(self, word: str) -> bool:
        plain = word.casefold()
        if not SHORTEST <= len(plain) <= LONGEST or not plain.isascii():
            return True
        if plain in self._spelled or self._common(plain):
            return True
        # "Pretends" is no piece of its own, but "pretend" is, and by that the encoder reads it.
        base = self._base(plain)
        return len(base) >= SHORTEST_BASE and self._common(base)

    def _look_up(self, word: str) -> str | None:
        slips = 1 if len(word) < LONG_WORD else 2
        best = (slips + 1.0, 0, "")
        for length in range(len(word) - slips, len(word) + slips + 1):
            choices = self._by_length.get(length, [])
            for found, distance, _ in extract(word, choices, scorer=OSA.distance, score_cutoff=slips, limit=10):
                if word[:-1] == found and not _slips_in(word[-2], word[-1]):
                    continue
                cost = distance + ANOTHER_START * (found[0] != word[0])
                best = min(best, (cost, -self._spelled[found], found))
        return best[2] if best[0] <= slips else None


def _slips_in(before: str, letter: str) -> bool:
    """Whether a finger that types `before` hits `letter` as well; a plural is as good."""
    return letter in (before, "s") or letter in _NEIGHBOURS.get(before, "")


def _neighbours() -> dict[str, str]:
    places = {letter: (x + y / 2, y) for y, row in enumerate(_ROWS) for x, letter in enumerate(row)}
    return {
        one: "".join(other for other, (x, y) in places.items() if abs(x - at) <= 1 and abs(y - row) <= 1)
        for one, (at, row) in places.items()
    }


_NEIGHBOURS = _neighbours()
