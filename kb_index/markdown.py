"""Markdown to HTML with a heading's id on every heading: the one renderer of passages and of help pages.

What comes out holds whatever inline HTML the writer put in. Sanitise it before it reaches a browser.
"""

import re
import unicodedata
import warnings
from collections import Counter

from bs4 import BeautifulSoup, Comment, MarkupResemblesLocatorWarning
from markdown_it import MarkdownIt

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# Quotes and lists within one another. The parser leaves out what lies deeper; its own limit is 20.
MAX_NESTING = 100
MAX_ANCHOR = 100  # characters
_EXPLICIT_ID = re.compile(r"\s*\{#([\w.:-]{1,100})\}\s*$")
_NOT_IN_SLUG = re.compile(r"[^\w\s-]")


def render(body: str) -> BeautifulSoup:
    """Return the HTML of a Markdown body as a tree; `str()` of it is the HTML.

    A heading's id is the one written after it (`## Returns {#returns}`) or on it (`<h2 id=...>`), else
    the slug of its text; ids are unique in the page. Comments are removed. Broken HTML is closed.
    """
    markdown = MarkdownIt("commonmark", {"html": True, "maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    with warnings.catch_warnings():
        # A body that is just an address or a file name is still a body.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(markdown.render(body), "html.parser")
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    _name_headings(soup)
    return soup


def slug(text: str) -> str:
    """Return a heading's text as it appears in an address: "What's covered?" becomes "whats-covered"."""
    plain = _NOT_IN_SLUG.sub("", unicodedata.normalize("NFC", text).lower())
    return re.sub(r"[\s-]+", "-", plain).strip("-")[:MAX_ANCHOR].rstrip("-")


def _name_headings(soup: BeautifulSoup) -> None:
    taken: set[str] = set()
    times: Counter[str] = Counter()
    for heading in soup.find_all(HEADINGS):
        wanted = _take_explicit_id(heading) or heading.get("id") or slug(heading.get_text()) or "section"
        wanted = anchor = "".join(wanted.split())[:MAX_ANCHOR]
        while not anchor or anchor in taken:
            times[wanted] += 1
            anchor = f"{wanted[: MAX_ANCHOR - 8]}-{times[wanted] + 1}"
        taken.add(anchor)
        heading["id"] = anchor


def _take_explicit_id(heading) -> str:
    """Remove `{#id}` from the end of a heading and return the id, or an empty string."""
    texts = heading.find_all(string=True)
    found = _EXPLICIT_ID.search(texts[-1]) if texts else None
    if not found:
        return ""
    texts[-1].replace_with(texts[-1][: found.start()])
    return found.group(1)
