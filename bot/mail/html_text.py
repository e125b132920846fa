"""The visible text of a mail in HTML, without what it quotes.

nh3 (html5ever) reads it first; what that leaves is well-formed, and only then does the standard library's parser see
it, which takes quadratic time over some broken tags. Callers bound the length and the tags: deep nesting costs nh3 the
same.
"""

import re
from html.parser import HTMLParser

import nh3

_LINES = frozenset({"br", "div", "li", "tr", "pre"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "ul", "ol", "table"})
_TAGS = _LINES | _PARAGRAPHS | {"blockquote", "span"}
_UNSEEN = {"script", "style", "head", "title", "template", "noscript"}
_QUOTES = frozenset({"gmail_quote", "gmail_extra", "moz-cite-prefix", "yahoo_quoted"})
# From here on Outlook quotes, to the end.
_OUTLOOK = frozenset({"divRplyFwdMsg", "appendonsend"})
_SPACE = re.compile(r"[ \t\r\f\v\u00a0]+")


def html_text(html: str) -> str:
    """Lines as they are seen; where something is quoted, a line with `>`."""
    safe = nh3.clean(
        html, tags=set(_TAGS), clean_content_tags=_UNSEEN, attributes={"*": {"class", "id"}}, link_rel=None
    )
    reader = _Reader()
    reader.feed(safe)
    reader.close()
    lines = (_SPACE.sub(" ", line).strip() for line in "".join(reader.text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        # How many elements deep inside a quote; the rest of the mail once Outlook's begins.
        self._quoted = 0
        self._over = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._say("\n")
            return
        if self._quoted:
            self._quoted += 1
            return
        named = dict(attrs)
        self._over = self._over or named.get("id") in _OUTLOOK
        if tag == "blockquote" or _QUOTES & set((named.get("class") or "").split()):
            self._say("\n>\n")
            self._quoted = 1
        elif tag in _PARAGRAPHS:
            self._say("\n\n")
        elif tag in _LINES:
            self._say("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "br":
            return
        if self._quoted:
            self._quoted -= 1
        elif tag in _LINES or tag in _PARAGRAPHS:
            self._say("\n")

    def handle_data(self, data: str) -> None:
        # Line breaks in the source are spaces.
        self._say(data.replace("\n", " "))

    def _say(self, text: str) -> None:
        if not self._quoted and not self._over:
            self.text.append(text)
