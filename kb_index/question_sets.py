"""Question sets for evaluation: a corpus, questions, and which articles answer which; every line is checked."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from kb_index.articles import MAX_BODY, MAX_TITLE, ArticleError, find_files, read_file

MAX_FILE_BYTES = 500_000_000
MAX_QUESTION = 20_000  # characters
# Of the demo shop's labelled messages, those that stand alone; of the rest, none is a question for an article.
ASKED = ("question", "typo", "slang")
UNANSWERED = ("out_of_scope", "nonsense")


class QuestionSetError(ValueError):
    """A file that cannot be used; the message says which line, and why."""


@dataclass(frozen=True)
class Document:
    """An article to be found; `title` may be empty."""

    id: str
    title: str
    text: str
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """`relevant` has the articles that answer it, all of the corpus; empty: it has no answer there."""

    id: str
    text: str
    relevant: frozenset[str]
    group: str = ""


@dataclass(frozen=True)
class QuestionSet:
    """What is asked, and what there is to answer it from."""

    documents: list[Document]
    questions: list[Question] = field(repr=False)


def read(corpus: Path, queries: Path, qrels: Path) -> QuestionSet:
    """Read JSON lines `_id title text` and `_id text`, and `query-id TAB corpus-id TAB score` with a header.

    A corpus that is a folder is read as articles. A question without a row of a score above 0 has no answer.
    Raises `QuestionSetError`.
    """
    documents = read_corpus(corpus)
    known = {document.id for document in documents}
    asked = {}
    for where, row in _rows(queries):
        number = _text(row, "_id", where)
        if number in asked:
            raise QuestionSetError(f"{where}: the question {number!r} is there twice")
        asked[number] = _text(row, "text", where)[:MAX_QUESTION]
    relevant: dict[str, set[str]] = {}
    for where, question, document in _judgements(qrels):
        if question not in asked:
            raise QuestionSetError(f"{where}: no question has the id {question!r}")
        if document not in known:
            raise QuestionSetError(f"{where}: no article has the id {document!r}")
        relevant.setdefault(question, set()).add(document)
    if not asked:
        raise QuestionSetError(f"{queries}: there are no questions")
    return QuestionSet(
        documents, [Question(key, text, frozenset(relevant.get(key, ()))) for key, text in asked.items()]
    )


def read_messages(corpus: Path, messages: Path) -> QuestionSet:
    """Read labelled messages like `data/evaluation/messages.jsonl`: questions in all wordings, and what is none."""
    documents = read_corpus(corpus)
    known = {document.id for document in documents}
    questions = []
    for where, row in _rows(messages):
        kind = _text(row, "kind", where)
        if kind not in (*ASKED, *UNANSWERED):
            continue
        expected = row.get("expected") if isinstance(row.get("expected"), dict) else {}
        right = (
            frozenset({expected.get("article"), *expected.get("also", [])} - {None}) if kind in ASKED else frozenset()
        )
        if right - known:
            raise QuestionSetError(f"{where}: no article has the id {sorted(right - known)[0]!r}")
        group = str(row.get("wording") or kind)
        questions.append(Question(_text(row, "id", where), _text(row, "text", where)[:MAX_QUESTION], right, group))
    if not questions:
        raise QuestionSetError(f"{messages}: there are no questions")
    return QuestionSet(documents, questions)


def read_corpus(path: Path) -> list[Document]:
    """Read JSON lines, or a folder of Markdown articles."""
    documents = list(_articles(path) if path.is_dir() else _documents(path))
    if not documents:
        raise QuestionSetError(f"{path}: there are no articles")
    return documents


def without(given: QuestionSet, share: float, seed: int) -> QuestionSet:
    """Take a random share of the articles out; questions that only they answered then have no answer."""
    count = round(share * len(given.documents))
    gone = {each.id for each in random.Random(seed).sample(given.documents, count)}
    return QuestionSet(
        [document for document in given.documents if document.id not in gone],
        [replace(question, relevant=question.relevant - gone) for question in given.questions],
    )


def half(given: QuestionSet, odd: bool) -> QuestionSet:
    """Keep every second question: the even ones, counted from 0, or the odd ones."""
    return QuestionSet(given.documents, given.questions[int(odd) :: 2])


def _documents(path: Path) -> Iterator[Document]:
    seen = set()
    for where, row in _rows(path):
        number, text = _text(row, "_id", where), _text(row, "text", where)
        title, questions = row.get("title") or "", row.get("questions") or []
        if number in seen:
            raise QuestionSetError(f"{where}: the article {number!r} is there twice")
        if not isinstance(title, str) or not isinstance(questions, list) or not all(map(_is_text, questions)):
            raise QuestionSetError(f"{where}: the title is no text, or the questions are no list of texts")
        if not text.strip() and not title.strip():
            raise QuestionSetError(f"{where}: the article {number!r} is empty")
        seen.add(number)
        yield Document(number, title.strip()[:MAX_TITLE], (text.strip() or title)[:MAX_BODY], tuple(questions))


def _articles(folder: Path) -> Iterator[Document]:
    for file in find_files(folder):
        try:
            article = read_file(file, folder)
        except ArticleError as error:
            raise QuestionSetError(f"{file}: {error}") from None
        yield Document(article.id, article.title, article.body, article.questions)


def _rows(path: Path) -> Iterator[tuple[str, dict]]:
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise QuestionSetError(f"{where}: this is no JSON") from None
        if not isinstance(row, dict):
            raise QuestionSetError(f"{where}: this is no JSON object")
        yield where, row


def _judgements(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in _lines(path):
        where, cells = f"{path}, line {number}", line.split("\t")
        if number == 1 and cells[-1].strip() == "score":
            continue
        if len(cells) != 3 or not cells[2].strip().lstrip("-").isdecimal():
            raise QuestionSetError(f"{where}: not 'query-id TAB corpus-id TAB score'")
        if int(cells[2]) > 0:
            yield where, cells[0], cells[1]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise QuestionSetError(f"{path}: the file is larger than {MAX_FILE_BYTES:,} bytes")
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.strip("\r\n")
    except UnicodeDecodeError:
        raise QuestionSetError(f"{path}: the file is not UTF-8") from None
    except OSError as error:
        raise QuestionSetError(f"{path}: {error.strerror or error}") from None


def _text(row: dict, key: str, where: str) -> str:
    value = row.get(key)
    if not _is_text(value):
        raise QuestionSetError(f"{where}: {key!r} is missing or no text")
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str)
