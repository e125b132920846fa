"""A rendered article as plain lines under headings: what a person would read out, without the markup."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bs4 import BeautifulSoup, NavigableString, Tag

from kb_index.inline import BLOCKS, DROPPED, cell_text, one_line, plain_text
from kb_index.markdown import HEADINGS

MAX_DEPTH = 60  # deeper markup than this is no layout; its text is taken as one paragraph
MAX_SPAN = 50  # rows or columns that one table cell may claim
MAX_BESIDE_LINK = 3  # words: "Shipments to [the USA](#usa)."
MAX_ANNOUNCING = 12  # words
_WORD = re.compile(r"\w+")


@dataclass
class Section:
    """The lines under one heading. `path` runs from the outermost heading to this one."""

    path: tuple[str, ...] = ()
    anchor: str = ""
    lines: list[str] = field(default_factory=list)


def sections(soup: BeautifulSoup, title: str) -> list[Section]:
    """Return the sections that have text, in reading order; a heading that repeats the title is no section."""
    found = [Section()]
    levels: list[tuple[int, str]] = []
    for item in _blocks(soup, 0):
        if isinstance(item, str):
            found[-1].lines.append(item)
            continue
        text = one_line(item)
        if not text:
            continue
        level = int(item.name[1])
        levels = [(depth, name) for depth, name in levels if depth < level]
        if text.casefold() != title.casefold():
            levels.append((level, text))
        path = tuple(name for _, name in levels)
        found.append(Section(path, item["id"] if path else ""))
    return [section for section in found if section.lines]


def _blocks(node: Tag, depth: int) -> Iterator[str | Tag]:
    """Yield the lines of a node, and its headings as they are."""
    inline: list = []
    for child in node.children:
        if not isinstance(child, Tag):
            inline.append(child)
        elif child.name in DROPPED or _announces_contents(child):
            continue
        elif child.name in BLOCKS or _holds_block(child, depth):
            yield from _paragraph(inline)
            inline = []
            yield from _block(child, depth + 1)
        else:
            inline.append(child)
    yield from _paragraph(inline)


def _holds_block(tag: Tag, depth: int) -> bool:
    return depth < MAX_DEPTH and tag.find(BLOCKS) is not None


def _block(tag: Tag, depth: int) -> Iterator[str | Tag]:
    if depth > MAX_DEPTH:
        yield from _paragraph([NavigableString(tag.get_text(" "))])
    elif tag.name in HEADINGS:
        yield tag
    elif tag.name in ("ul", "ol"):
        if not _is_contents(tag):
            yield from _list(tag, 0, depth)
    elif tag.name == "table":
        yield from _table(tag, depth)
    elif tag.name == "pre":
        yield from (line.rstrip() for line in tag.get_text().splitlines() if line.strip())
    elif tag.name == "dl":
        yield from _definitions(tag)
    else:
        yield from _blocks(tag, depth)


def _paragraph(nodes: Iterable) -> Iterator[str]:
    for line in plain_text(nodes).split("\n"):
        if line.strip():
            yield line.strip()


def _list(tag: Tag, indent: int, depth: int) -> Iterator[str]:
    """Yield an item a line, "1. ..." or "- ...", nested ones indented by two spaces a level."""
    number = _integer(tag.get("start"), 1) if tag.name == "ol" else 0
    for item in tag.find_all("li", recursive=False):
        mark = f"{number}. " if tag.name == "ol" else "- "
        number += 1
        lines = _item_lines(item, indent, depth + 1)
        if lines:
            yield " " * indent + mark + lines[0].strip()
            yield from lines[1:]


def _item_lines(item: Tag, indent: int, depth: int) -> list[str]:
    """Return an item's lines: what stands before an inner list on the first, the rest below it, indented."""
    if depth > MAX_DEPTH:
        return list(_paragraph([NavigableString(item.get_text(" "))]))
    head: list[str] = []
    below: list[str] = []
    inline: list = []

    def add(lines: Iterable[str], apart: bool = False) -> None:
        if below or apart:
            below.extend(f"{' ' * (indent + 2)}{line}" for line in lines)
        else:
            head.extend(lines)

    def flush() -> None:
        add(_paragraph(inline))
        inline.clear()

    for child in item.children:
        if isinstance(child, Tag) and child.name in ("ul", "ol"):
            flush()
            below.extend(_list(child, indent + 2, depth + 1))
        elif isinstance(child, Tag) and child.name not in DROPPED and child.name in BLOCKS:
            flush()
            lines = (one_line(part) if isinstance(part, Tag) else part for part in _block(child, depth + 1))
            add(lines, apart=child.name in ("pre", "table"))
        else:
            inline.append(child)
    flush()
    return ([" ".join(head)] if head else []) + below


def _is_contents(tag: Tag) -> bool:
    """Whether a list is the page's own table of contents: links into the page, and hardly anything beside them."""
    items = tag.find_all("li")
    links = tag.find_all("a")
    return (
        bool(items)
        and len(links) == len(items)
        and all(str(link.get("href", "")).startswith("#") and one_line(link) for link in links)
        and all(_words_beside_links(item) <= MAX_BESIDE_LINK for item in items)
    )


def _words_beside_links(item: Tag) -> int:
    """Count the words of an item outside its link; those of lists in it are theirs."""
    return sum(
        len(_WORD.findall(text))
        for text in item.find_all(string=True)
        if not text.find_parent("a") and text.find_parent("li") is item
    )


def _announces_contents(tag: Tag) -> bool:
    """Whether a paragraph says nothing but that the page's table of contents follows: "In this article:"."""
    following = tag.find_next_sibling() if tag.name == "p" else None
    return (
        following is not None
        and following.name in ("ul", "ol")
        and one_line(tag).endswith(":")
        and len(_WORD.findall(tag.get_text())) <= MAX_ANNOUNCING
        and _is_contents(following)
    )


def _table(tag: Tag, depth: int) -> Iterator[str | Tag]:
    """Yield a row a line: "Paid by: PayPal; After our refund: same day"; a table of one column is just layout."""
    rows = [row for row in tag.find_all("tr") if row.find_parent("table") is tag]
    grid = _grid(rows)
    if not grid or max(len(cells) for cells in grid) == 1:
        for row in rows:
            for cell in row.find_all(["td", "th"], recursive=False):
                yield from _blocks(cell, depth + 1)
        return
    head = grid.pop(0) if all(c.name == "th" for c in rows[0].find_all(["td", "th"], recursive=False)) else []
    if head and not grid:
        grid, head = [head], []
    filled = {i for cells in grid for i, text in enumerate(cells) if text}
    if len(filled) == 1 and len(grid) > 1:
        # Pictures fill the other columns.
        yield from (f"- {text}" for cells in grid for text in cells if text)
        return
    for cells in grid:
        named = (f"{head[i]}: {text}" if i < len(head) and head[i] else text for i, text in enumerate(cells) if text)
        line = ("; " if head else " | ").join(named)
        if line:
            yield line


def _grid(rows: list[Tag]) -> list[list[str]]:
    """Return the cells' texts by row, a cell that spans rows or columns repeated in each."""
    spanned: dict[tuple[int, int], str] = {}
    grid = []
    for y, row in enumerate(rows):
        cells: list[str] = []
        for cell in row.find_all(["td", "th"], recursive=False):
            while (y, len(cells)) in spanned:
                cells.append(spanned.pop((y, len(cells))))
            text = cell_text(cell)
            across, down = _integer(cell.get("colspan"), 1), _integer(cell.get("rowspan"), 1)
            for below in range(1, min(down, MAX_SPAN)):
                spanned[y + below, len(cells)] = text
            cells.append(text)
            cells += [""] * (min(across, MAX_SPAN) - 1)
        while (y, len(cells)) in spanned:
            cells.append(spanned.pop((y, len(cells))))
        grid.append(cells)
    return grid


def _definitions(tag: Tag) -> Iterator[str]:
    term = ""
    for child in tag.find_all(["dt", "dd"]):
        text = one_line(child)
        if child.name == "dt":
            if term:
                yield term
            term = text
        elif text:
            yield f"{term}: {text}" if term else text
            term = ""
    if term:
        yield term


def _integer(value: object, default: int) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else default
