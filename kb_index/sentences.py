"""Sentences of a plain text, as spans into it, so that whatever is quoted is quoted word for word."""

import re
from functools import lru_cache

# A full stop after these ends no sentence; after the second kind only where a number follows ("no. 5").
ABBREVIATIONS = frozenset(
    {"e.g", "i.e", "eg", "ie", "cf", "vs", "approx", "incl", "excl", "mr", "mrs", "ms", "dr", "prof"}
)
BEFORE_NUMBERS = frozenset(
    {"no", "nos", "nr", "art", "fig", "vol", "tel", "ext", "max", "min", "ca", "st", "sec", "ch"}
)
# The last alternatives are the full-width stops of Chinese and Japanese, which no space follows.
_END = re.compile(
    "(?:[.!?\u2026]+[\"'\u201d\u2019\u00bb)\\]]*(?=\\s)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*)"
)
_LIST_MARK = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+")
_STARTS_LOWER = re.compile(r"[a-zà-öø-ÿ]")
LOOK = 60  # characters around a stop that tell what it means
_LINE = re.compile(r"[^\n]+")


def spans(text: str) -> tuple[tuple[int, int], ...]:
    """Return (start, end) of each sentence; a line break always ends one, and a list mark belongs to its sentence."""
    found: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        found += _spans_of_line(text, line.start(), line.end())
    return tuple(found)


@lru_cache(maxsize=4_096)
def known_spans(text: str) -> tuple[tuple[int, int], ...]:
    """`spans`, remembered: the same passages answer again and again."""
    return spans(text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each as it stands there."""
    return [text[start:end] for start, end in spans(text)]


def _spans_of_line(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found = []
    mark = _LIST_MARK.match(text, start, end)
    begin, searched = start, mark.end() if mark else start
    for stop in _END.finditer(text, searched, end):
        if _ends_sentence(text, begin, stop, end):
            found.append((begin, stop.end()))
            begin = stop.end()
    found.append((begin, end))
    return [trimmed for span in found if (trimmed := _trim(text, *span))]


def _ends_sentence(text: str, begin: int, stop: re.Match, end: int) -> bool:
    following = text[stop.end() : min(end, stop.end() + LOOK)].lstrip()
    if not following or _STARTS_LOWER.match(following):
        return False  # nothing left to separate, or the sentence plainly goes on
    if text[stop.start()] != "." or stop.group().startswith(".."):
        return True
    words = [word.lstrip("(\"'\u201c") for word in text[max(begin, stop.start() - LOOK) : stop.start()].split()]
    word = words[-1] if words else ""
    # "J. Smith" and "Ann J. Smith", but not "a cable with USB C."
    initial = len(word) == 1 and word.isupper() and word != "I" and all(before.istitle() for before in words[-2:-1])
    if initial or word.lower() in ABBREVIATIONS:
        return False
    return not (word.lower() in BEFORE_NUMBERS and following[0].isdigit())


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
