"""Bringing a folder of Markdown in, and making embeddings anew: the slow chores, without a word printed."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, select

from kb_index import store
from kb_index.articles import Article, ArticleError, find_files, read_file
from kb_index.encoder import Encoder
from kb_index.search import KnowledgeBase
from kb_index.tables import kb_articles

# Called with how many are done and how many there are.
Progress = Callable[[int, int], None]
CHECKED_TITLES = 200


@dataclass
class ImportReport:
    """What an import did; `skipped` has (file, reason), `drafts` counts those that said `draft: true`."""

    files: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    drafts: int = 0
    passages: int = 0
    seconds: float = 0.0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def imported(self) -> int:
        """How many of the files are published now."""
        return self.added + self.changed + self.unchanged


@dataclass
class BuildReport:
    """What a build did, and what the index it loaded for a check holds."""

    articles: int = 0
    encoded: int = 0
    passed_over: int = 0
    rows: int = 0
    titles_checked: int = 0
    titles_found: int = 0
    seconds: float = 0.0


def import_articles(
    engine: Engine, encoder: Encoder, path: Path, skip_drafts: bool = False, progress: Progress = lambda *_: None
) -> ImportReport:
    """Publish a Markdown file, or all of a folder's, each in a transaction of its own.

    A file that cannot be used is left out and reported; one that did not change is not encoded again.
    """
    started = time.monotonic()
    files = find_files(path)
    report = ImportReport(files=len(files))
    with engine.connect() as connection:
        known = set(connection.execute(select(kb_articles.c.id)).scalars())
    names: dict[str, str] = {}  # article id to file, to say where a failure came from

    def changed() -> Iterator[Article]:
        for number, file in enumerate(files):
            progress(number, len(files))
            article = _read(file, path, names, report, skip_drafts)
            if article is None:
                continue
            with engine.connect() as connection:
                if store.current(connection, article, encoder.version):
                    report.unchanged += 1
                    continue
            yield article

    for article, outcome in _prepared(changed(), encoder):
        if isinstance(outcome, ArticleError):
            report.skipped.append((names[article.id], str(outcome)))
            continue
        with engine.execution_options(writes=True).begin() as connection:
            store.publish(connection, outcome)
        report.passages += sum(entry.kind == store.PASSAGE for entry in outcome.entries)
        report.added += article.id not in known
        report.changed += article.id in known
    progress(len(files), len(files))
    report.seconds = time.monotonic() - started
    return report


def _read(file: Path, root: Path, names: dict[str, str], report: ImportReport, skip_drafts: bool) -> Article | None:
    # Linux takes any bytes for a name; what is shown must be text.
    name = os.fsencode(file.relative_to(root) if file != root else file.name).decode("utf-8", "replace")
    try:
        article = read_file(file, root)
        if article.id in names:
            raise ArticleError(f"duplicate id {article.id!r}: {names[article.id]} has it too")
        if article.draft and skip_drafts:
            raise ArticleError("it is a draft")
    except ArticleError as error:
        report.skipped.append((name, str(error)))
        return None
    names[article.id] = name
    report.drafts += article.draft
    return article


def _prepared(articles: Iterable[Article], encoder: Encoder) -> Iterator[tuple[Article, object]]:
    """Prepare articles on all processors, in order, holding only a few of them at a time."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[Article, Future]] = deque()
        for article in articles:
            waiting.append((article, pool.submit(store.prepare, article, encoder)))
            if len(waiting) > 2 * workers:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


def _finished(article: Article, future: Future) -> tuple[Article, object]:
    try:
        return article, future.result()
    except ArticleError as error:
        return article, error


def build(
    engine: Engine, encoder: Encoder, everything: bool = False, progress: Progress = lambda *_: None
) -> BuildReport:
    """Encode what lacks this encoder's embeddings (or everything), and check that the index loads and finds it.

    An article that is published anew meanwhile is left as its publisher made it.
    """
    started = time.monotonic()
    report = BuildReport()
    with engine.connect() as connection:
        published = store.articles(connection) if everything else store.outdated(connection, encoder.version)
    for number, (_, outcome) in enumerate(_prepared((each.article for each in published), encoder)):
        progress(number, len(published))
        if isinstance(outcome, ArticleError):
            report.passed_over += 1
            continue
        with engine.execution_options(writes=True).begin() as connection:
            done = store.reencode(connection, outcome)
        report.encoded += done
        report.passed_over += not done
    progress(len(published), len(published))
    _check(engine, encoder, report)
    report.seconds = time.monotonic() - started
    return report


def _check(engine: Engine, encoder: Encoder, report: BuildReport) -> None:
    """Load the index as a service would, and look whether titles find their own articles."""
    knowledge = KnowledgeBase(engine, encoder)
    knowledge.refresh()
    with engine.connect() as connection:
        titles = list(connection.execute(select(kb_articles.c.id, kb_articles.c.title).order_by(kb_articles.c.id)))
    report.articles, report.rows = len(titles), knowledge.rows
    for article_id, title in titles[:: max(1, len(titles) // CHECKED_TITLES)]:
        report.titles_checked += 1
        hits = knowledge.search(title, limit=3)
        report.titles_found += any(hit.article_id == article_id or hit.title == title for hit in hits)
