"""Markdown to passages: pieces of an article small enough to be an answer, with the heading they stand under."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kb_index.articles import ArticleError
from kb_index.blocks import Section, sections
from kb_index.lists import LIST_MARK
from kb_index.markdown import MAX_ANCHOR, render
from kb_index.sentences import spans

MAX_WORDS = 120
# What has no stop for this long is no sentence, and more than the encoder reads.
LONGEST_SENTENCE = 240  # words
WHOLE_ITEM = 60  # words of a list's item that is never split
MAX_PASSAGES = 2_000  # of one article; encoding so many takes half a minute
# What stands before the first heading often is the answer in short, or says next to nothing. Read together
# with what follows, it is found better (recall@1 .54 to .55 on the demo shop's questions) and says more.
SHORT_LEAD = 40  # words
MAX_HEADING = 500  # characters, as wide as the column
HEADING_SEPARATOR = " > "
# What counts as a word: endless runs count by their length, and Chinese, Japanese and Korean by the character.
_WORD = re.compile(r"[\u3040-\u9fff\uac00-\ud7a3]|[^\s\u3040-\u9fff\uac00-\ud7a3]{1,20}")


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
    if len(found) > MAX_PASSAGES:
        raise ArticleError(f"the article has more than {MAX_PASSAGES:,} passages; make several of it")
    if not found:
        raise ArticleError("there is no text in the article")
    return found


def last_heading(path: str) -> str:
    """Return the innermost heading of a passage's path; empty where it stands under none."""
    return path.rsplit(HEADING_SEPARATOR, 1)[-1]


def _with_lead(found: list[Section]) -> list[Section]:
    """Put a short text before the first heading at the head of the first section."""
    if len(found) < 2 or found[0].path or sum(len(line.split()) for line in found[0].lines) > SHORT_LEAD:
        return found
    lead, first, *others = found
    return [Section(first.path, first.anchor, lead.lines + first.lines), *others]


def _pack(section: Section) -> Iterator[str]:
    """Fill passages of about the same size with whole sentences, and keep "Do this:" with the list that follows."""
    units = [(glue, unit, len(_WORD.findall(unit))) for glue, unit in _units(section)]
    left = sum(count for *_, count in units)
    packed: list[tuple[str, str, int]] = []  # what parts a unit from the one before, the unit, its words
    for unit in units:
        words = sum(count for *_, count in packed)
        # A section a little too long would else leave a last passage of a few words.
        fair = left / math.ceil(left / MAX_WORDS)
        if packed and (words + unit[2] > MAX_WORDS or words + unit[2] / 2 > fair):
            lead = packed[-1:] if packed[-1][1].endswith(":") and len(packed) > 1 else []
            done = packed[: len(packed) - len(lead)]
            yield _joined(done)
            left -= sum(count for *_, count in done)
            packed = lead
        packed.append(unit)
    if packed:
        yield _joined(packed)


def _units(section: Section) -> Iterator[tuple[str, str]]:
    """Yield each sentence, and each item of a list, with what parts it from the one before: a line break or a space."""
    for line in section.lines:
        glue = "\n"
        if (LIST_MARK.match(line) or line.startswith(" ")) and len(_WORD.findall(line)) <= WHOLE_ITEM:
            yield glue, line
            continue
        for start, end in spans(line):
            # A nested list item keeps the blanks that show its level.
            unit = line[:end] if glue == "\n" else line[start:end]
            for piece in _bounded(unit):
                yield glue, piece
                glue = " "


def _bounded(unit: str) -> Iterator[str]:
    words = list(_WORD.finditer(unit))
    if len(words) <= LONGEST_SENTENCE:
        yield unit
        return
    for first in range(0, len(words), MAX_WORDS):
        last = min(first + MAX_WORDS, len(words)) - 1
        yield unit[words[first].start() : words[last].end()]


def _joined(packed: list[tuple[str, str, int]]) -> str:
    return packed[0][1] + "".join(glue + unit for glue, unit, _ in packed[1:])
