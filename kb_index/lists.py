"""Lists in a passage's text, as `kb_index.blocks` writes them: "1. Open it.", "- one", and below an item its rest."""

import re

from kb_index.table_rows import rows

MAX_LIST_WORDS = 90
MAX_LIST_LINES = 7
MAX_STEPS = 15  # sentences
SHORT_LIST_WORDS = 45
LIST_MARK = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s")
_STEP = re.compile(r"\s*\d{1,3}[.)]\s")
_LATER_STEP = re.compile(r"(?:[2-9]|\d{2,3})[.)]\s")
Spans = tuple[tuple[int, int], ...]


def count_words(text: str, found: Spans, first: int, last: int) -> int:
    """Count the words from one sentence to another."""
    return len(text[found[first][0] : found[last][1]].split())


def in_list(text: str, found: Spans, place: int) -> bool:
    """Whether a sentence begins an item of a list, or stands below one."""
    start, end = found[place]
    return bool(LIST_MARK.match(text, start, end)) or (
        start > 0 and text[text.rfind("\n", 0, start) + 1 : start].isspace()
    )


def listed(text: str, found: Spans, place: int) -> bool:
    """Whether a sentence is part of a list or of a table's row."""
    return in_list(text, found, place) or place in rows(text)


def is_step(text: str, found: Spans, place: int) -> bool:
    """Whether a sentence is part of a list of steps, to be done one after the other."""
    whole = whole_list(text, found, place)
    return whole is not None and bool(_STEP.match(text, *found[whole[0]]))


def whole_list(text: str, found: Spans, best: int) -> tuple[int, int] | None:
    """Return the first and last sentence of the list that one stands in, however long it is."""
    inside = [in_list(text, found, place) for place in range(len(found))]
    for place in range(1, len(found)):
        # Further sentences of an item's line.
        inside[place] = inside[place] or (inside[place - 1] and "\n" not in text[found[place - 1][1] : found[place][0]])
    if not inside[best]:
        return None
    first = last = best
    while first > 0 and inside[first - 1]:
        first -= 1
    while last + 1 < len(found) and inside[last + 1]:
        last += 1
    return first, last


def list_around(
    text: str, found: Spans, best: int, lines: int = MAX_LIST_LINES, most_words: int = MAX_LIST_WORDS
) -> tuple[int, int] | None:
    """Return the first and last of the list that the best sentence stands in, with what announces it."""
    whole = whole_list(text, found, best)
    if whole is None:
        return None
    first, last = whole
    while first < last and (last - first + 1 > lines or count_words(text, found, first, last) > most_words):
        # From the start, as far as it goes, if the best one is still in it; steps are read from the first.
        if last > best:
            last -= 1
        else:
            first += 1
    announced = first > 0 and text[: found[first - 1][1]].endswith(":")
    return (first - 1 if announced else first), last


def is_short_list(text: str, found: Spans, place: int) -> bool:
    """Whether the list around a sentence is short: some of "We do not ship to: ..." would look like all of it."""
    first, last = whole_list(text, found, place) or (place, place)
    return last - first < MAX_STEPS and count_words(text, found, first, last) <= SHORT_LIST_WORDS


def goes_on(before: str, text: str) -> bool:
    """Whether a passage begins within the list that the passage before it, of the same section, ends with."""
    last = before.rsplit("\n", 1)[-1]
    in_an_item = bool(LIST_MARK.match(last)) or last.startswith(" ")
    return text.startswith(" ") or bool(_LATER_STEP.match(text)) or (in_an_item and bool(LIST_MARK.match(text)))
