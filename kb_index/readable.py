"""Quoted sentences as people read them in a chat: tables as lists of their rows, and room around lists."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from kb_index.answers import Block
from kb_index.lists import LIST_MARK
from kb_index.passages import last_heading
from kb_index.sources import Source
from kb_index.table_rows import ROW

BULLET, DASH = "\N{BULLET}", "\N{EN DASH}"
_BULLETED = re.compile(r"^(\s*)[-*](?=\s)")
_NOTHING = {"", "-", DASH, "\N{EM DASH}"}
_WORD = re.compile(r"[^\W\d_]{2}")
SENTENCE, LISTED, TABLE = range(3)
Row = list[tuple[str, str]]


def readable(text: str) -> str:
    """Return quoted text with its tables as lists, the words of each cell as they are, and parts set apart.

    "Zone: 6; Countries: Canada; Price: €24.90" becomes "Zone 6 - Countries: Canada; Price: €24.90" behind a bullet.
    """
    parts: list[str] = []
    before = ""
    for kind, alike in groupby((line for line in text.split("\n") if line.strip()), _kind):
        lines = list(alike)
        shown = "\n".join(_table(map(_row, lines)) if kind == TABLE else map(_bulleted, lines))
        # A line that announces a list stays with it.
        parts.append("\n" if before.endswith(":") and kind == LISTED else "\n\n")
        parts.append(shown)
        before = shown
    return "".join(parts[1:])


def told(sources: Sequence[Source], blocks: Iterable[Block]) -> str:
    """Return what is quoted of an article; a list from under another heading says which one it is under."""
    parts: list[str] = []
    before = ""
    for block in blocks:
        heading = sources[block.source].heading
        name = last_heading(heading)
        # "Steps:" above the first steps says nothing that they do not.
        tells = heading != before and LIST_MARK.match(block.text) and (parts or len(name.split()) > 1)
        text = readable(block.text)
        parts.append(f"{name}{'' if name[-1] in '.:?!' else ':'}\n{text}" if name and tells else text)
        before = heading
    return "\n\n".join(parts)


def _kind(line: str) -> int:
    if ROW.match(line):
        return TABLE
    return LISTED if LIST_MARK.match(line) or line.startswith(" ") else SENTENCE


def _bulleted(line: str) -> str:
    return _BULLETED.sub(rf"\1{BULLET}", line)


def _row(line: str) -> Row:
    found: Row = []
    for part in line.strip().split("; "):
        heading, colon, cell = part.partition(": ")
        if colon or not found:
            found.append((heading, cell.strip()))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}; {part}")
    return found


def _table(rows: Iterable[Row]) -> Iterator[str]:
    for headings, alike in groupby(rows, lambda row: [heading for heading, _ in row]):
        if len(headings) == 2:
            # Two columns: what the second one holds is said once.
            yield f"{headings[1]}:"
        for (heading, first), *others in alike:
            lead = first if _WORD.search(first) else f"{heading} {first}"
            if len(headings) == 2:
                yield f"{BULLET} {lead}: {others[0][1]}"
            else:
                rest = "; ".join(f"{name}: {cell}" for name, cell in others if cell not in _NOTHING)
                yield f"{BULLET} {lead} {DASH} {rest}" if rest else f"{BULLET} {lead}"
