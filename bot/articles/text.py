"""What a writer writes, within its limits."""

import re
import unicodedata
from dataclasses import dataclass

from bot.errors import Invalid

MAX_TITLE = 200
MAX_BODY = 200_000
MAX_CATEGORY = 120
MAX_QUESTIONS = 50
MAX_QUESTION = 300
MAX_ID = 80

_KEEP = {"\n", "\t"}


@dataclass(frozen=True)
class Text:
    """An article's words: `body` is Markdown, `questions` are ways in which customers ask for it."""

    title: str
    body: str
    category: str = ""
    questions: tuple[str, ...] = ()


def checked(title: str, body: str, category: str = "", questions: str = "") -> Text:
    """From what stood in the fields; `questions` one a line. Raises Invalid, saying which limit it is."""
    text = Text(
        title=_line(title),
        body=_clean(body).rstrip(),
        category=_line(category),
        questions=tuple(dict.fromkeys(line for line in map(_line, questions.splitlines()) if line)),
    )
    if not text.title:
        raise Invalid("The article needs a title.")
    _check("title", text.title, MAX_TITLE)
    _check("text", text.body, MAX_BODY)
    _check("category", text.category, MAX_CATEGORY)
    if len(text.questions) > MAX_QUESTIONS:
        raise Invalid(f"There are {len(text.questions)} questions; {MAX_QUESTIONS} are the limit.")
    for question in text.questions:
        _check("question", question, MAX_QUESTION)
    return text


def id_for(title: str) -> str:
    """An id in an address: “What's covered?” becomes `whats-covered`."""
    plain = unicodedata.normalize("NFKD", re.sub("['\N{RIGHT SINGLE QUOTATION MARK}]", "", title))
    words = re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode().lower())
    # Room for "-2" and so on behind it.
    return words.strip("-")[: MAX_ID - 4].strip("-") or "article"


def _check(name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise Invalid(f"The {name} has {len(value):,} characters; {limit:,} are the limit.", code="too_large")


def _clean(value: str) -> str:
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in value if c in _KEEP or unicodedata.category(c) not in ("Cc", "Cs"))


def _line(value: str) -> str:
    return " ".join(_clean(value).split())
