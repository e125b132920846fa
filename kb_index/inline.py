"""The text of inline markup, as a person would read it out."""

import re
from collections.abc import Iterable, Iterator

from bs4 import NavigableString, Tag

from kb_index.markdown import HEADINGS

# fmt: off
DROPPED = frozenset({
    "script", "style", "template", "iframe", "noscript", "svg", "math", "form", "input", "select", "textarea",
    "object", "embed", "audio", "video", "canvas", "head", "title", "meta", "link",
})
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "header", "hr", "html", "legend", "li", "main", "nav", "ol", "p",
    "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", *HEADINGS,
})
# fmt: on
_SPACE = re.compile(r"[\s\0]+")
_EDGE = Tag(name="br")


def one_line(tag: Tag) -> str:
    """Return the text of a tag on one line."""
    return " ".join(plain_text(tag.children).split())


def cell_text(tag: Tag) -> str:
    """Return the text of a table's cell on one line, its own lines and list items parted by commas."""
    lines = (line.strip(" ,") for line in plain_text(tag.children).split("\n"))
    return ", ".join(line for line in lines if line)


def plain_text(nodes: Iterable) -> str:
    """Return the text of inline nodes; `<br>` and the edges of blocks inside break the line."""
    parts: list[str] = []
    for leaf in _leaves(nodes):
        if isinstance(leaf, NavigableString):
            parts.append(_SPACE.sub(" ", leaf))
        elif leaf.name == "br":
            parts.append("\n")
        else:
            parts.append(f"\0{leaf.get('alt', '')}\0")
    return _place_images("".join(parts))


def _leaves(nodes: Iterable) -> Iterator:
    """Yield strings, images, line breaks and block ends in reading order, without recursion."""
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        if isinstance(node, Tag):
            if node.name in ("br", "img") or node is _EDGE:
                yield node
            elif node.name not in DROPPED:
                edge = [_EDGE] if node.name in BLOCKS else []
                stack.extend([*edge, *list(node.children)[::-1], *edge])
        elif type(node) is NavigableString:
            yield node


def _place_images(text: str) -> str:
    """Say what an image shows where the sentence around it needs it, and leave it out where it does not."""
    pieces = text.split("\0")
    if not "".join(pieces[0::2]).strip():
        return ""  # nothing but images
    kept = []
    for index, piece in enumerate(pieces):
        kept.append(piece if index % 2 == 0 else _alternative(piece, pieces[index - 1], pieces[index + 1]))
    lines = "".join(kept).split("\n")
    return "\n".join(_SPACE.sub(" ", line).strip() for line in lines)


def _alternative(alt: str, before: str, after: str) -> str:
    """Return an image's description to read out between two texts, or nothing: on a line of its own, or said next."""
    first, following = alt.split()[:1], after.split()[:1]
    if not first or not following or before.endswith("\n"):
        return ""
    if following[0].strip(".,:;").casefold() == first[0].casefold():
        return ""
    return f" {alt}" if following[0][0] in ".,:;!?)" else f" {alt} "
