"""Markdown to HTML with a heading's id on every heading: the one renderer of passages and of help pages.

What comes out holds whatever inline HTML the writer put in. Sanitise it before it reaches a browser.
"""

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence

from bs4 import BeautifulSoup, Comment, MarkupResemblesLocatorWarning, Tag
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# Quotes and lists within one another. The parser leaves out what lies deeper; its own limit is 20.
MAX_NESTING = 100
MAX_ANCHOR = 100  # characters
_EXPLICIT_ID = re.compile(r"\s*\{#([\w.:-]{1,100})\}\s*$")
_NOT_IN_SLUG = re.compile(r"[^\w\s-]")
# What other dialects write behind a link or a block: `{.button}`, `{: .note #top}`, `{target="_blank"}`.
_ATTRIBUTE = r"""(?:[.#][\w:.-]+|[\w:-]+=(?:"[^"{}]*"|'[^'{}]*'|[^\s"'{}]+))"""
_ATTRIBUTES = re.compile(rf"\{{:?\s*{_ATTRIBUTE}(?:\s+{_ATTRIBUTE})*\s*\}}")
_MAY_HAVE_ATTRIBUTES = ("a", "img", "code", "strong", "em")
_ALERT = re.compile(r"\s*\[!(\w{1,20})\]\s*")
FOOTNOTE = "switchboard-footnote"
# More are left at the end of the page: putting each in its place costs the square of their number.
MAX_FOOTNOTES = 500
SHORT_NOTE = 25  # words that a footnote may have to be read where it is referred to


def render(body: str) -> BeautifulSoup:
    """Return the HTML of a Markdown body as a tree; `str()` of it is the HTML.

    A heading's id is the one written after it (`## Returns {#returns}`) or on it (`<h2 id=...>`), else
    the slug of its text; ids are unique in the page. Comments are removed. Broken HTML is closed.
    A footnote stands where it is first referred to: a short one in brackets, a longer one below.
    """
    markdown = MarkdownIt("commonmark", {"html": True, "maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    markdown.use(footnote_plugin, inline=False)
    markdown.add_render_rule("footnote_ref", _first_reference)
    markdown.add_render_rule("footnote_anchor", lambda *_: "")
    with warnings.catch_warnings():
        # A body that is just an address or a file name is still a body.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(markdown.render(body), "html.parser")
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    _place_footnotes(soup)
    _name_headings(soup)
    _drop_attributes(soup)
    _name_alerts(soup)
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


def _name_alerts(soup: BeautifulSoup) -> None:
    """Write GitHub's `> [!NOTE]` as "Note:", in bold."""
    for quote in soup.find_all("blockquote"):
        text = quote.find(string=lambda text: text.strip())
        found = _ALERT.match(text) if text else None
        if found:
            name = soup.new_tag("strong", string=f"{found[1].capitalize()}:")
            text.insert_before(name)
            text.replace_with(f" {text[found.end() :]}")


def _drop_attributes(soup: BeautifulSoup) -> None:
    """Remove the attributes that other dialects write in curly brackets behind a link, or as a line of their own."""
    for text in soup.find_all(string=lambda text: "{" in text):
        if text.find_parent(["code", "pre"]):
            continue
        found = _ATTRIBUTES.match(text)
        behind = isinstance(text.previous_sibling, Tag) and text.previous_sibling.name in _MAY_HAVE_ATTRIBUTES
        if found and behind:
            text.replace_with(text[found.end() :])
        elif _ATTRIBUTES.fullmatch(text.strip()) and text.parent.name == "p":
            (text.parent if not text.previous_sibling and not text.next_sibling else text).extract()


def _first_reference(_renderer: object, tokens: Sequence[Token], at: int, *_: object) -> str:
    # Referred to once more, a note has been said.
    note = tokens[at].meta
    return f'<sup class="{FOOTNOTE}" title="fn{note["id"] + 1}"></sup>' if not note["subId"] else ""


def _place_footnotes(soup: BeautifulSoup) -> None:
    # The parser's own is the last one; whatever a writer typed that looks like it stays.
    *_, notes = [None, *soup.find_all("section", class_="footnotes")]
    if notes is None:
        return
    by_id = {note.get("id", ""): note for note in notes.find_all("li", class_="footnote-item")}
    if len(by_id) > MAX_FOOTNOTES:
        return
    for reference in soup.find_all("sup", class_=FOOTNOTE):
        note = by_id.pop(reference.get("title", ""), None)
        if note is not None:
            _place(note, reference)
        reference.extract()
    if by_id or not notes.find("ol", class_="footnotes-list"):
        return
    line = notes.find_previous_sibling("hr", class_="footnotes-sep")
    if line:
        line.extract()
    notes.extract()


def _place(note: Tag, reference: Tag) -> None:
    """Put a footnote where it is referred to: in brackets if it is one short line, else below that block."""
    parts = [part for part in note.children if isinstance(part, Tag)]
    if len(parts) == 1 and parts[0].name == "p" and len(note.get_text().split()) <= SHORT_NOTE:
        reference.insert_before(" (", *list(parts[0].contents), ")")
        return
    item = reference.find_parent("li")
    if item is not None:
        item.extend(parts)
        return
    block = next(each for each in (reference, *reference.parents) if isinstance(each.parent, BeautifulSoup))
    block.insert_after(*parts)
