"""Slips of the keyboard: a word that nobody knows, read as the training's word that it nearly is.

`kb_index.spelling` does so by the words of the articles, with a library that the engine does not have; here one slip
is looked for, by the words that are left when a letter is struck out.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

WORDS_FILE = "words.json"

SHORTEST = 4  # letters; a shorter word is nearly everything
LONGEST = 24  # letters; a longer run is no slip
MAX_UNKNOWN = 10  # different words; a text with more of them is in another language
REMEMBERED = 4_096
_LETTERS = re.compile(r"[^\W\d_]+")
_VOWELS = re.compile(r"[aeiou]")


class Speller:
    """Corrects texts by `words`, the commonest first. `common` tells a word that the encoder knows as one piece.

    Words that the encoder or the training knows are left alone, so a corrected word was unreadable to both.
    """

    def __init__(self, words: Iterable[str], common: Callable[[str], bool]) -> None:
        self._common = common
        self._words = list(words)
        # From each word to its place, commonest first; from what is left of words to these.
        self._place = {word: place for place, word in enumerate(self._words)}
        self._struck: dict[str, list[str]] = {}
        self._consonants: dict[str, list[str]] = {}
        for word in self._place:
            if SHORTEST <= len(word) <= LONGEST and word.isalpha():
                self._consonants.setdefault(_consonants(word), []).append(word)
                for rest in _struck(word):
                    self._struck.setdefault(rest, []).append(word)
        self._better = lru_cache(maxsize=REMEMBERED)(self._look_up)

    @classmethod
    def learn(cls, texts: Iterable[str], common: Callable[[str], bool]) -> "Speller":
        """Take the words of two texts or more, and the common ones: what else stands in one text may be a slip."""
        seen = Counter(word for text in texts for word in set(_LETTERS.findall(text.lower())))
        known = [word for word, count in seen.items() if count > 1 or common(word)]
        return cls(sorted(known, key=lambda word: (-seen[word], word)), common)

    def save(self, folder: Path) -> None:
        (folder / WORDS_FILE).write_text(json.dumps(self._words), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, common: Callable[[str], bool]) -> "Speller":
        """Read what `save` wrote; raises OSError where there is none, and ValueError where it is damaged."""
        return cls(json.loads((folder / WORDS_FILE).read_text(encoding="utf-8")), common)

    def correct(self, text: str) -> str:
        """Return the text with its slips corrected; unchanged where it has none."""
        words = {word: word.lower() for word in _LETTERS.findall(text)}
        better = {word: found for word, plain in words.items() if (found := self._better(plain))}
        if not better or len(better) > MAX_UNKNOWN:
            return text
        return _LETTERS.sub(lambda match: better.get(match.group(), match.group()), text)

    def _look_up(self, word: str) -> str | None:
        """Return the word that `word` nearly is; None for one that is known, or near none."""
        if not SHORTEST <= len(word) <= LONGEST or word in self._place or self._common(word):
            return None
        near = {other for rest in _struck(word) for other in self._struck.get(rest, ()) if _one_slip(word, other)}
        # The encoder reads an unknown plural by the word's pieces, and better than its singular.
        if any(word in (other + "s", other[:-1] + "ies") or other == word + "s" for other in near):
            return None
        if not near and not _VOWELS.search(word, 1):
            # "trckng": typed in haste, consonants only.
            near = set(self._consonants.get(word, ()))
        return min(near, key=self._place.__getitem__, default=None)


def _struck(word: str) -> set[str]:
    """The word, and what is left of it without one of its letters."""
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def _consonants(word: str) -> str:
    """The word without its vowels, but for a first one."""
    return word[0] + _VOWELS.sub("", word[1:])


def _one_slip(word: str, other: str) -> bool:
    """Whether one letter is missing, too many, another, or has changed places; the first is seldom wrong."""
    short, long = sorted((word, other), key=len)
    at = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    if len(short) < len(long):
        return at > 0 and long[at + 1 :] == short[at:]
    swapped = long[at : at + 2] == short[at : at + 2][::-1] and long[at + 2 :] == short[at + 2 :]
    return swapped or (at > 0 and long[at + 1 :] == short[at + 1 :])
