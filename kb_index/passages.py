"""Markdown to passages: pieces of an article small enough to be an answer, with the heading they stand under."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from kb_index.articles import ArticleError
from kb_index.blocks import Section, sections
from kb_index.markdown import MAX_ANCHOR, render
from kb_index.sentences import spans

MAX_WORDS = 120
# What has no stop for this long is no sentence, and more than the encoder reads.
LONGEST_SENTENCE = 240  # words
# What stands before the first heading often is the answer in short, or says next to nothing. Read together
# with what follows, it is found better (recall@1 .54 to .55 on the demo shop's questions) and says more.
SHORT_LEAD = 40  # words
MAX_HEADING = 500  # characters, as wide as the column
HEADING_SEPARATOR = " > "


@dataclass(frozen=True)
class Passage:
    """Some sentences, list items or table rows of one section, as plain text.

    `heading` is the path of headings to it ("Returns > Costs"), `anchor` the id of the last one on the help page.
    """

    heading: str
    anchor: str
    text: str


def passages(body: str, title: str) -> list[Passage]:
    """Split a Markdown body into passages of at most about 120 words, never inside a sentence.

    Raises `ArticleError` when there is no text in it, or markup nested too deeply to be read.
    """
    try:
        found = [
            Passage(HEADING_SEPARATOR.join(section.path)[:MAX_HEADING], section.anchor[:MAX_ANCHOR], text)
            for section in _with_lead(sections(render(body), title))
            for text in _pack(section)
        ]
    except RecursionError:
        raise ArticleError("the markup is nested too deeply") from None
    if not found:
        raise ArticleError("there is no text in the article")
    return found


def _with_lead(found: list[Section]) -> list[Section]:
    """Put a short text before the first heading at the head of the first section."""
    if len(found) < 2 or found[0].path or sum(len(line.split()) for line in found[0].lines) > SHORT_LEAD:
        return found
    lead, first, *others = found
    return [Section(first.path, first.anchor, lead.lines + first.lines), *others]


def _pack(section: Section) -> Iterator[str]:
    """Fill passages of about the same size with whole sentences, and keep "Do this:" with the list that follows."""
    units = list(_units(section))
    total = sum(len(unit.split()) for _, unit in units)
    # A section a little too long would else leave a last passage of a few words.
    fair = total / math.ceil(total / MAX_WORDS) if total else 0
    packed: list[tuple[str, str]] = []  # what parts a unit from the one before, and the unit
    words = 0
    for glue, unit in units:
        count = len(unit.split())
        if packed and (words + count > MAX_WORDS or words + count / 2 > fair):
            lead = _lead_in(packed)
            if len(lead) < len(packed):
                yield _joined(packed[: len(packed) - len(lead)])
                packed, words = lead, sum(len(text.split()) for _, text in lead)
        packed.append((glue, unit))
        words += count
    if packed:
        yield _joined(packed)


def _units(section: Section) -> Iterator[tuple[str, str]]:
    """Yield each sentence with what parts it from the one before: a line break or a space."""
    for line in section.lines:
        glue = "\n"
        for start, end in spans(line):
            # A nested list item keeps the blanks that show its level.
            unit = line[:end] if glue == "\n" else line[start:end]
            for piece in _bounded(unit):
                yield glue, piece
                glue = " "


def _bounded(unit: str) -> Iterator[str]:
    words = unit.split()
    if len(words) <= LONGEST_SENTENCE and len(unit) <= LONGEST_SENTENCE * 12:
        yield unit
        return
    for start in range(0, len(words), MAX_WORDS):
        piece = " ".join(words[start : start + MAX_WORDS])
        limit = MAX_WORDS * 12
        yield from (piece[cut : cut + limit] for cut in range(0, len(piece), limit))


def _lead_in(packed: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return packed[-1:] if packed[-1][1].endswith(":") else []


def _joined(packed: list[tuple[str, str]]) -> str:
    return packed[0][1].lstrip() + "".join(glue + unit for glue, unit in packed[1:])
