"""The knowledge base from the command line: import, build, search, stats, evaluate."""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from kb_index import evaluate_cli, store
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder, EncoderError
from kb_index.importing import BuildReport, ImportReport, build, import_articles
from kb_index.schema import migrate
from kb_index.search import Hit, KnowledgeBase
from kb_index.settings import KnowledgeSettings
from kb_index.tables import kb_passages


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code: 0 done, 1 nothing could be done (the reason is printed), 2 wrong usage."""
    settings = KnowledgeSettings()
    options = _parser(settings).parse_args(arguments)
    # Lines are for people and for logs: the terminal wraps them, nothing else does.
    console = Console(highlight=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        encoder = Encoder.load(settings.encoder_dir)
        if not options.needs_database:
            return options.run(options, encoder, console, errors)
        migrate(options.database)
        engine = create_database_engine(options.database)
        try:
            return options.run(options, engine, encoder, console)
        finally:
            engine.dispose()
    except (EncoderError, OSError) as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        errors.print(f"[red]error:[/red] the database cannot be used: {escape(reason)}")
    except KeyboardInterrupt:
        errors.print("stopped; every article that was reported is whole")
    return 1


def _parser(settings: KnowledgeSettings) -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--database", default=settings.database_url, metavar="URL", help="sqlite:///... or postgresql")
    parser = argparse.ArgumentParser(prog="python -m kb_index", description="Switchboard's knowledge base.")
    parser.set_defaults(needs_database=True)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("import", parents=[shared], help="publish a folder of Markdown articles, or one file")
    command.add_argument("path", type=Path, help="Markdown with optional front matter: title, id, category, questions")
    command.add_argument("--skip-drafts", action="store_true", help="leave out files that say draft: true")
    command.set_defaults(run=_import)

    command = commands.add_parser("build", parents=[shared], help="encode what lacks embeddings, and check the index")
    command.add_argument("--rebuild", action="store_true", help="encode everything again")
    command.set_defaults(run=_build)

    command = commands.add_parser("search", parents=[shared], help="ask a question")
    command.add_argument("question")
    command.add_argument("--limit", type=int, default=3, help="how many articles (3)")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_search)

    command = commands.add_parser("stats", parents=[shared], help="say what is published")
    command.set_defaults(run=_stats)

    evaluate_cli.add_to(commands)
    return parser


@contextmanager
def _progress(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _import(options: argparse.Namespace, engine: Engine, encoder: Encoder, console: Console) -> int:
    if not options.path.exists():
        console.print(f"[red]error:[/red] {escape(str(options.path))} does not exist")
        return 2
    with _progress(console, "importing") as progress:
        report = import_articles(engine, encoder, options.path.resolve(), options.skip_drafts, progress)
    _print_import(report, console)
    return 0 if report.imported else 1


def _print_import(report: ImportReport, console: Console) -> None:
    if report.skipped:
        table = Table("file", "reason", title=f"{len(report.skipped)} skipped", title_justify="left")
        for file, reason in report.skipped:
            table.add_row(escape(file), escape(reason))
        console.print(table)
    if not report.files:
        console.print("no Markdown files there")
    elif not report.added and not report.changed and report.unchanged:
        console.print(f"nothing to do: all {report.unchanged} articles are published as they are")
    else:
        console.print(
            f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, {len(report.skipped)} "
            f"skipped of {report.files} files; {report.passages} passages encoded in {report.seconds:.1f} s"
        )
    if report.drafts:
        console.print(f"{report.drafts} say draft: true and are published all the same (--skip-drafts leaves them out)")


def _build(options: argparse.Namespace, engine: Engine, encoder: Encoder, console: Console) -> int:
    with _progress(console, "encoding") as progress:
        report: BuildReport = build(engine, encoder, options.rebuild, progress)
    did = f"{report.encoded} articles encoded" if report.encoded else "all embeddings are current"
    console.print(
        f"{did}; index of {report.articles} articles, {report.rows} rows; {report.titles_found} of "
        f"{report.titles_checked} titles find their article; {report.seconds:.1f} s"
    )
    if report.passed_over:
        console.print(f"{report.passed_over} left as they are: without text, or published anew meanwhile")
    return 0


def _search(options: argparse.Namespace, engine: Engine, encoder: Encoder, console: Console) -> int:
    knowledge = KnowledgeBase(engine, encoder)
    knowledge.refresh()
    hits = knowledge.search(options.question, options.limit)
    if options.json:
        print(json.dumps([_as_dict(hit) for hit in hits], ensure_ascii=False, indent=2))
        return 0
    if not hits:
        console.print("nothing is published" if not knowledge.rows else "nothing found")
    for number, hit in enumerate(hits, start=1):
        _print_hit(number, hit, console)
    return 0


def _as_dict(hit: Hit) -> dict:
    named = {name: getattr(hit, name) for name in ("article_id", "title", "url", "category", "score", "understood")}
    return named | asdict(hit.quote()) | {"parts": {name: round(value, 4) for name, value in hit.parts.items()}}


def _print_hit(number: int, hit: Hit, console: Console) -> None:
    quote = hit.quote()
    section = f" [dim]> {escape(quote.section)}[/dim]" if quote.section else ""
    console.print(f"{number}. [bold]{escape(hit.title)}[/bold]{section} [dim]({escape(hit.article_id)})[/dim]")
    parts = ", ".join(f"{name} {value:.2f}" for name, value in hit.parts.items())
    console.print(f"   [green]{hit.score:.0%}[/green] [dim]{parts}[/dim]")
    before, _, after = quote.excerpt.partition(quote.sentence)
    console.print(f"{escape(before)}[bold]{escape(quote.sentence)}[/bold]{escape(after)}\n")


def _stats(options: argparse.Namespace, engine: Engine, encoder: Encoder, console: Console) -> int:
    with engine.connect() as connection:
        articles = store.articles(connection)
        outdated = store.outdated(connection, encoder.version)
        counted = select(kb_passages.c.kind, func.count().label("entries")).group_by(kb_passages.c.kind)
        kinds = {row.kind: row.entries for row in connection.execute(counted)}
        version = store.version(connection)
    console.print(f"{len(articles)} articles, {kinds.get(store.PASSAGE, 0)} passages, version {version}")
    console.print(f"{kinds.get(store.QUESTION, 0)} questions given by writers")
    console.print(f"encoder {encoder.name} ({encoder.precision}, {encoder.dimensions} dimensions, {encoder.version})")
    if outdated:
        console.print(f"{len(outdated)} articles lack its embeddings: run `python -m kb_index build`")
    if articles:
        table = Table("category", "section", "articles", "last change")
        count = Counter((each.article.category, each.article.section) for each in articles)
        for (category, section), number in sorted(count.items()):
            same = [e for e in articles if (e.article.category, e.article.section) == (category, section)]
            last = max(each.updated_at for each in same)
            table.add_row(escape(category or "-"), escape(section or "-"), str(number), f"{last:%Y-%m-%d}")
        console.print(table)
    return 0
