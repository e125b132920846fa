"""Rows of tables in a passage's text, as `kb_index.blocks` writes them: "Zone: 6; Countries: Canada; Price: €24.90"."""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from kb_index.sentences import known_spans

ROW = re.compile(r"\s*[^:;\n]{1,60}: [^;\n]*; [^:;\n]{1,60}: ")
_FIRST_CELL = re.compile(r"\s*([^:;\n]*): ([^;\n]*);")


@lru_cache(maxsize=4_096)
def rows(text: str) -> dict[int, tuple[int, int]]:
    """Return for each sentence that stands in a row the row's first and last sentence, all counted from 0."""
    lines: dict[int, list[int]] = defaultdict(list)
    for place, (start, _) in enumerate(known_spans(text)):
        lines[text.rfind("\n", 0, start) + 1].append(place)
    found = [(places[0], places[-1]) for start, places in lines.items() if ROW.match(text, start)]
    return {place: (first, last) for first, last in found for place in range(first, last + 1)}


def table_around(text: str, place: int) -> tuple[int, int]:
    """Return the first and last sentence of the table that a row's sentence stands in."""
    known = rows(text)
    first = last = place
    while first - 1 in known:
        first -= 1
    while last + 1 in known:
        last += 1
    return first, last


def column(text: str, place: int) -> str:
    """Return the heading of the first column of the table that a row's sentence stands in."""
    return _cell(text, place, 1)


def first_cell(text: str, place: int) -> str:
    """Return what stands in the first column of a row."""
    return _cell(text, place, 2)


def parted(texts: Iterable[str]) -> set[str]:
    """Return the headings of the first columns of tables that go on from one passage to another."""
    columns = [{column(text, place) for place in rows(text)} for text in texts]
    return {each for found in columns for each in found if sum(each in other for other in columns) > 1}


def _cell(text: str, place: int, group: int) -> str:
    row = _FIRST_CELL.match(text, known_spans(text)[rows(text)[place][0]][0])
    return row[group] if row else ""
