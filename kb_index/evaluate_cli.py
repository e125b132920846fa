"""`python -m kb_index evaluate`: reads a set of questions, shows a table, and prints a last line of JSON."""

import argparse
import json
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kb_index import export, question_sets
from kb_index.encoder import Encoder
from kb_index.evaluate import evaluate
from kb_index.question_sets import QuestionSet, QuestionSetError
from kb_index.settings import KnowledgeSettings

SHOWN = {
    "recall_at_1": "recall@1",
    "recall_at_3": "recall@3",
    "mrr_at_10": "MRR@10",
    "ndcg_at_10": "nDCG@10",
    "ms_p50": "ms a question (p50)",
    "auroc": "AUROC, answerable against not",
    "risk_coverage_area": "risk-coverage area (0 is best)",
    "coverage_at_90_precision": "coverage at 90 % precision",
    "wrong_at_70_coverage": "wrong answers at 70 % coverage",
    "wrong_at_70_coverage_at_best": "… if it knew which are wrong",
    "ece": "expected calibration error",
    "ece_by_chance": "… of probabilities that are true",
}


def add_to(commands) -> None:
    """Add the command to the parser of `python -m kb_index`."""
    command = commands.add_parser("evaluate", help="measure search and its honesty on a set of questions")
    command.add_argument("--corpus", type=Path, required=True, help="JSON lines `_id title text`, or a folder")
    command.add_argument("--queries", type=Path, help="JSON lines `_id text`")
    command.add_argument("--qrels", type=Path, help="`query-id TAB corpus-id TAB score`; no row: no answer")
    command.add_argument("--messages", type=Path, help="labelled messages instead, as data/evaluation/messages.jsonl")
    command.add_argument("--half", choices=("even", "odd"), help="only every second question, from the first or second")
    command.add_argument("--remove", type=_share, default=0.0, metavar="SHARE", help="take articles out at random")
    command.add_argument("--seed", type=int, default=0, help="which articles (0)")
    command.add_argument("--compare", action="store_true", help="beside BM25 and plain MiniLM on plain passages")
    command.add_argument("--json", action="store_true", help="print the line of JSON only")
    command.set_defaults(run=run, needs_database=False)


def run(options: argparse.Namespace, encoder: Encoder, console: Console, errors: Console) -> int:
    """Run the command; return its exit code."""
    try:
        given = _read(options)
    except QuestionSetError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}")
        return 2
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=errors.is_terminal) as bar:
        tasks: dict[str, int] = {}
        shown: dict[str, float] = {}

        def progress(name: str, done: int, total: int) -> None:
            # Drawing takes time of its own, which would be measured as a question's.
            if done < total and time.monotonic() - shown.get(name, 0.0) < 0.2:
                return
            shown[name] = time.monotonic()
            task = tasks.setdefault(name, tasks[name] if name in tasks else bar.add_task(name, total=total))
            bar.update(task, completed=done)

        results = evaluate(given, encoder, plain_encoder(errors) if options.compare else None, progress)
    if not options.json:
        _print(given, results, console)
    console.print(json.dumps(results), markup=False)
    return 0


def plain_encoder(errors: Console) -> Encoder:
    """The encoder as it was before it was taught anything, exported at the first comparison."""
    folder = KnowledgeSettings().encoder_dir.with_name("encoder-plain")
    export.export(export.PLAIN, folder, say=lambda line: errors.print(line, highlight=False))
    return Encoder.load(folder)


def _read(options: argparse.Namespace) -> QuestionSet:
    if options.messages and not (options.queries or options.qrels):
        given = question_sets.read_messages(options.corpus, options.messages)
    elif options.queries and options.qrels and not options.messages:
        given = question_sets.read(options.corpus, options.queries, options.qrels)
    else:
        raise QuestionSetError("give --queries and --qrels, or --messages")
    if options.half:
        given = question_sets.half(given, options.half == "odd")
    return question_sets.without(given, options.remove, options.seed) if options.remove else given


def _print(given: QuestionSet, results: dict[str, dict], console: Console) -> None:
    some = next(iter(results.values()))
    counts = (
        f"{len(given.documents):,} articles, {some['questions']:,} questions, {some['answerable']:,} with an answer"
    )
    table = Table("", *results, title=counts, title_justify="left")
    for key, label in SHOWN.items():
        table.add_row(label, *(_figure(result[key]) for result in results.values()))
    for group in some.get("recall_at_1_by_group", {}):
        table.add_row(
            f"recall@1, {group}", *(_figure(each["recall_at_1_by_group"][group]) for each in results.values())
        )
    for name, result in results.items():
        for key, (low, high) in result.get("ours_minus_this", {}).items():
            console.print(f"ours minus {name}, {SHOWN[key]}: {low:+.3f} to {high:+.3f} (95 %, paired bootstrap)")
    console.print(table)
    table = Table("answers from a score of", "are given to", "and are right in", title="ours", title_justify="left")
    for row in results["ours"]["thresholds"]:
        table.add_row(*(_figure(row[key]) for key in ("threshold", "coverage", "precision")))
    console.print(table)


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError("a share is from 0 to below 1")
    return share
