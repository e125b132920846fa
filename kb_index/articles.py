"""An article as published, and how one is read from a Markdown file with front matter."""

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 1_000_000
# Five times the longest article of a real help centre; the time to read hostile markup grows with its square.
MAX_BODY = 300_000  # characters
MAX_TITLE = 300  # characters, as wide as the column
MAX_ID = 80
MAX_LABEL = 120  # category and section
MAX_URL = 1000
MAX_QUESTIONS = 50
MAX_FRONT_MATTER = 65_536  # characters
SUFFIXES = (".md", ".markdown")
# Raised when the same text would give other passages, so that an import makes them anew.
RECIPE = 2

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n|)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}\Z")


class ArticleError(ValueError):
    """An article that cannot be published; the message says why, in words for its writer."""


@dataclass(frozen=True)
class Article:
    """What the bot may answer from. `body` is Markdown; `questions` are ways in which customers ask for it."""

    id: str
    title: str
    body: str
    category: str = ""
    section: str = ""
    language: str = "en"
    url: str = ""
    questions: tuple[str, ...] = field(default_factory=tuple)
    draft: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not be stored or linked to."""
        if not _ID.match(self.id) or len(self.id) > MAX_ID:
            raise ArticleError(f"the id {self.id[:90]!r} is not 1 to {MAX_ID} letters, digits, '.', '_' or '-'")
        for name, limit in (
            ("title", MAX_TITLE),
            ("category", MAX_LABEL),
            ("section", MAX_LABEL),
            ("url", MAX_URL),
            ("body", MAX_BODY),
        ):
            if len(getattr(self, name)) > limit:
                raise ArticleError(f"the {name} is longer than {limit:,} characters")
        said = (self.title, self.category, self.section, self.url, self.body, *self.questions)
        if any("\0" in text or (not text.isprintable() and _SURROGATE.search(text)) for text in said):
            raise ArticleError("the text has characters that cannot be stored")
        if not self.title.strip():
            raise ArticleError("the title is empty")
        if not self.body.strip():
            raise ArticleError("the article is empty")
        if not _LANGUAGE.match(self.language):
            raise ArticleError(f"{self.language[:40]!r} is no language tag like 'en' or 'pt-BR'")
        if self.url and not self.url.startswith(("https://", "http://", "/")):
            raise ArticleError("the url starts neither with http(s):// nor with /")
        if len(self.questions) > MAX_QUESTIONS or any(len(question) > MAX_TITLE for question in self.questions):
            raise ArticleError(f"more than {MAX_QUESTIONS} questions, or one longer than {MAX_TITLE} characters")

    @property
    def digest(self) -> str:
        """A hash of all that the article says, for telling whether publishing it would change anything."""
        said = asdict(self) | {"recipe": RECIPE, "draft": None}
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def find_files(path: Path) -> list[Path]:
    """Return the Markdown files of a folder in a stable order, hidden ones left out; a file is itself."""
    if path.is_file():
        return [path]
    found = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts))


def read_file(path: Path, root: Path) -> Article:
    """Read one article; category and section default to the folders between `root` and the file.

    Raises `ArticleError` with the reason when the file is too large, not UTF-8, empty, or has bad front matter.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ArticleError(f"the file has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArticleError(f"the file is not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise ArticleError(f"the file cannot be read: {error.strerror}") from None
    relative = path.relative_to(root) if path.is_relative_to(root) and path != root else Path(path.name)
    return parse(text, relative)


def parse(text: str, relative: Path) -> Article:
    """Make an article of a file's text; `relative` is its place below the imported folder."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")
    meta, body = _split(text)
    folders = relative.parts[:-1]
    heading = _HEADING.search(body)
    title = _text(meta, "title") or (heading.group(1) if heading else "") or relative.stem.replace("-", " ")
    return Article(
        id=_text(meta, "id") or _text(meta, "slug") or _id_from(relative),
        title=" ".join(title.split()),
        body=body.strip(),
        category=_text(meta, "category") or (folders[0][:MAX_LABEL] if folders else ""),
        section=_text(meta, "section") or (folders[1][:MAX_LABEL] if len(folders) > 1 else ""),
        language=_text(meta, "language") or _text(meta, "lang") or "en",
        url=_text(meta, "url"),
        questions=_questions(meta),
        draft=meta.get("draft") is True,
    )


def _split(text: str) -> tuple[dict[str, Any], str]:
    """Part front matter from the body."""
    if not text.strip():
        raise ArticleError("the file is empty")
    if not text.startswith("---\n") and not text.startswith("--- "):
        return {}, text
    found = _FRONT_MATTER.match(text)
    if not found or len(found.group(1)) > MAX_FRONT_MATTER:
        raise ArticleError("the front matter is not closed with a line '---'" if not found else "too much front matter")
    try:
        meta = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 2}" if mark else ""
        raise ArticleError(f"bad front matter{place}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(meta, dict | None):
        raise ArticleError("bad front matter: it is not a list of 'name: value' lines")
    return meta or {}, text[found.end() :]


def _text(meta: dict[str, Any], name: str) -> str:
    value = meta.get(name)
    if value is None:
        return ""
    if isinstance(value, dict | list | set | bytes):
        raise ArticleError(f"bad front matter: {name!r} is not a single value")
    return str(value).strip()


def _questions(meta: dict[str, Any]) -> tuple[str, ...]:
    value = meta.get("questions") or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str | int | float) for item in value):
        raise ArticleError("bad front matter: 'questions' is not a list of texts")
    return tuple(question for item in value if (question := " ".join(str(item).split())))


def _id_from(relative: Path) -> str:
    """Make an id of a path; one that does not fit keeps its end and a hash, so that it stays one of its own."""
    plain = unicodedata.normalize("NFKD", str(relative.with_suffix(""))).encode("ascii", "ignore").decode()
    made = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if made and len(made) <= MAX_ID:
        return made
    mark = hashlib.sha256(str(relative).encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{made[-(MAX_ID - 11) :].strip('-') or 'article'}-{mark}"
