"""An article as safe HTML, with the same heading ids as its passages have anchors."""

from dataclasses import dataclass
from functools import lru_cache

import nh3
from bs4 import BeautifulSoup
from markupsafe import Markup

from bot.errors import Invalid
from kb_index.inline import DROPPED
from kb_index.markdown import HEADINGS, render

# fmt: off
TAGS = {
    "p", "br", "hr", *HEADINGS, "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "pre", "code", "kbd", "samp", "var",
    "a", "em", "strong", "b", "i", "u", "s", "del", "ins", "mark", "small", "sub", "sup", "abbr", "cite", "q", "time",
    "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "img", "figure", "figcaption",
    "details", "summary", "div", "span", "center",
}
# fmt: on
# A table that is wider than the screen lies in a box that can be scrolled, by keyboard too.
WIDE = {"class": "wide", "tabindex": "0", "role": "group", "aria-label": "Table"}
ATTRIBUTES = {
    "*": {"lang", "dir"},
    "div": set(WIDE),
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "abbr": {"title"},
    **{heading: {"id"} for heading in HEADINGS},
}
# The ids of our own pages start with this: no heading may take one's place.
OWN_IDS = "sb_"
# Nested ones cost the square of their number: nobody needs as many, and nobody has to wait for them.
MAX_TABLES = 500
# Rendered help pages that are kept, by their text.
KEPT_PAGES = 128


@dataclass(frozen=True)
class Rendered:
    """`html` in which nothing runs; `outline` has (id, text) of its second-level headings."""

    html: Markup
    outline: tuple[tuple[str, str], ...]


def rendered(title: str, body: str) -> Rendered:
    """Markdown with whatever inline HTML, made harmless. Raises Invalid for hopeless nesting."""
    try:
        soup = render(body)
        _drop_repeated_title(soup, title)
        tables = soup.find_all("table")
        if len(tables) > MAX_TABLES:
            raise Invalid(f"There are {len(tables):,} tables; {MAX_TABLES} are the limit.")
        for table in tables:
            table.wrap(soup.new_tag("div", attrs=WIDE))
        outline = tuple((heading["id"], heading.get_text(" ", strip=True)) for heading in soup.find_all("h2"))
        return Rendered(_harmless(str(soup)), tuple(item for item in outline if item[1]))
    except RecursionError:
        raise Invalid("The markup is nested too deeply to be shown.") from None


@lru_cache(KEPT_PAGES)
def rendered_page(title: str, body: str) -> Rendered:
    """The same, kept for as long as many readers ask for it."""
    return rendered(title, body)


def _harmless(html: str) -> Markup:
    return Markup(
        nh3.clean(
            html,
            tags=TAGS,
            clean_content_tags=set(DROPPED) - TAGS,
            attributes=ATTRIBUTES,
            attribute_filter=_attribute,
            url_schemes={"http", "https", "mailto", "tel"},
            link_rel="noopener noreferrer",
            set_tag_attribute_values={"img": {"loading": "lazy"}},
        )
    )


def _drop_repeated_title(soup: BeautifulSoup, title: str) -> None:
    first = soup.find(HEADINGS)
    if first is not None and first.name == "h1" and first.get_text(" ", strip=True).casefold() == title.casefold():
        first.decompose()


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "div":
        return value if WIDE.get(name, value) == value else None
    return None if name == "id" and value.startswith(OWN_IDS) else value
