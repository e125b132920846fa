"""`scripts/bench faqs`: search on public FAQs that nobody here wrote, beside plain MiniLM and BM25.

They are fetched as Debian packages (with apt-get, without installing anything). Each FAQ is asked twice: by messages
that were made up for it (`data/evaluation/faqs`), with its own questions as titles; and by its own questions, with only
the answers to find them in (`-answers`). Nothing is fitted on any of them.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString, Tag
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from kb_index import question_sets
from kb_index.distillation.texts import unpacked
from kb_index.encoder import Encoder
from kb_index.evaluate import evaluate
from kb_index.evaluate_cli import plain_encoder
from kb_index.question_sets import QuestionSet, QuestionSetError
from kb_index.settings import ROOT, KnowledgeSettings

MESSAGES = ROOT / "data" / "evaluation" / "faqs"
SETS = {"perl": ("perl-doc",), "python": ("python3.11-doc",), "proxy-and-mail": ("privoxy", "fetchmail")}
LEAST_WORDS = 8  # an answer of fewer only says where to look
SHOWN = ("recall_at_1", "recall_at_3", "mrr_at_10", "risk_coverage_area", "ece", "ece_by_chance")


@dataclass(frozen=True)
class Entry:
    """A question of an FAQ and its answer; `id` is the place it has there."""

    id: str
    question: str
    answer: str


def perl(folder: Path) -> Iterator[Entry]:
    """Read perlfaq1 to 9: POD, one question a second-level heading."""
    for file in sorted(folder.glob("usr/share/perl/5*/pod/perlfaq[1-9].pod")):
        parts = re.split(r"^=head2 ", file.read_text("utf-8"), flags=re.MULTILINE)[1:]
        for number, part in enumerate(parts, 1):
            question, _, answer = part.partition("\n")
            yield Entry(f"{file.stem}-{number}", _plain(question), _plain(answer.split("\n=head1")[0]))


def python(folder: Path) -> Iterator[Entry]:
    """Read Python's FAQ: HTML, one question a third- or second-level heading with its section's id."""
    for file in sorted(folder.glob("usr/share/doc/python3.11/html/faq/*.html")):
        soup = BeautifulSoup(file.read_bytes(), "html.parser")
        for mark in soup.find_all("a", class_="headerlink"):
            if mark.parent.name in ("h2", "h3"):
                heading, name = mark.parent, mark.parent.find_parent("section")["id"]
                mark.decompose()
                yield Entry(f"{file.stem}-{name}", _text(heading), _until_next(heading))


def privoxy(folder: Path) -> Iterator[Entry]:
    """Read Privoxy's FAQ: HTML, a third-level heading with an anchor."""
    for file in sorted(folder.glob("usr/share/doc/privoxy/faq/*.html")):
        for heading in BeautifulSoup(file.read_bytes(), "html.parser").find_all("h3"):
            if anchor := heading.find("a", attrs={"name": True}):
                question = re.sub(r"^[\d.\s]+", "", _text(heading))
                yield Entry(f"privoxy-{anchor['name']}", question, _until_next(heading))


def fetchmail(folder: Path) -> Iterator[Entry]:
    """Read fetchmail's FAQ: HTML, second-level headings that begin with a number like "G1."."""
    for file in folder.glob("usr/share/doc/fetchmail/fetchmail-FAQ.html*"):
        for heading in BeautifulSoup(file.read_bytes(), "html.parser").find_all("h2"):
            if found := re.match(r"([A-Z]\d+)\.\s*(.*)", _text(heading)):
                yield Entry(f"fetchmail-{found[1]}", found[2], _until_next(heading))


PACKAGES = {"perl-doc": perl, "python3.11-doc": python, "privoxy": privoxy, "fetchmail": fetchmail}


def write(folder: Path) -> None:
    """Fetch the FAQs and write each set as `NAME/corpus.jsonl`, and `NAME-answers` with queries and judgements."""
    read = {
        package: [
            each
            for each in PACKAGES[package](place)
            if len(each.answer.split()) >= LEAST_WORDS and len(each.question.split()) > 2
        ]
        for package, place in unpacked(list(PACKAGES), folder / "packages")
    }
    for name, packages in SETS.items():
        entries = [entry for package in packages for entry in read[package]]
        _lines(folder / name / "corpus.jsonl", ({"_id": e.id, "title": e.question, "text": e.answer} for e in entries))
        bare = folder / f"{name}-answers"
        _lines(bare / "corpus.jsonl", ({"_id": e.id, "title": "", "text": e.answer} for e in entries))
        _lines(bare / "queries.jsonl", ({"_id": e.id, "text": e.question} for e in entries))
        rows = [f"{entry.id}\t{entry.id}\t1" for entry in entries]
        (bare / "qrels.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows, ""]), "utf-8")


def sets(folder: Path) -> dict[str, QuestionSet]:
    """Read what was written, with our messages."""
    found = {}
    for name in SETS:
        found[name] = question_sets.read_messages(folder / name / "corpus.jsonl", MESSAGES / f"{name}.jsonl")
        bare = folder / f"{name}-answers"
        found[bare.name] = question_sets.read(bare / "corpus.jsonl", bare / "queries.jsonl", bare / "qrels.tsv")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Fetch, measure, and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bench faqs", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "faqs", help="where the FAQs are kept")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        write(options.folder)
        given = sets(options.folder)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: the FAQs cannot be fetched ({error}): on Debian, run `apt-get update` first", file=sys.stderr)
        return 2
    except QuestionSetError as error:
        print(f"error: {error}; another version of the package, perhaps", file=sys.stderr)
        return 2
    encoder, plain = Encoder.load(KnowledgeSettings().encoder_dir), plain_encoder(console)
    results = {}
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("sets", total=len(given))
        for name, each in given.items():
            results[name] = evaluate(each, encoder, plain, lambda *_: None)
            bar.advance(task)
    _print(results, given, console)
    return 0


def _print(results: dict[str, dict], given: dict[str, QuestionSet], console: Console) -> None:
    table = Table(
        "set", "articles", "questions", "recall@1", "MiniLM", "BM25", "times MiniLM", "calibration error", "by chance"
    )
    times = {name: each["ours"]["recall_at_1"] / each["minilm"]["recall_at_1"] for name, each in results.items()}
    for name, each in results.items():
        recalls = [f"{each[system]['recall_at_1']:.3f}" for system in ("ours", "minilm", "bm25")]
        errors = [f"{each['ours'][key]:.3f}" for key in ("ece", "ece_by_chance")]
        counts = [str(len(given[name].documents)), str(len(given[name].questions))]
        table.add_row(name, *counts, *recalls, f"{times[name]:.2f}", *errors)
    console.print(table)
    short = {
        name: {system: {key: each[system].get(key) for key in SHOWN} for system in each}
        | {"times_minilm": times[name], "ours_minus_minilm": each["minilm"]["ours_minus_this"]["recall_at_1"]}
        for name, each in results.items()
    }
    print(json.dumps({"sets": short, "mean_times_minilm": sum(times.values()) / len(times)}))


def _lines(path: Path, rows: Iterator[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _plain(pod: str) -> str:
    """Return POD's text without its commands and formatting codes."""
    text = re.sub(r"^=\w+.*$", "", pod, flags=re.MULTILINE)
    text = re.sub(r"[A-Z]<<+ (.*?) >>+", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"E<(lt|gt)>", lambda found: {"lt": "<", "gt": ">"}[found[1]], text)
    for _ in range(3):  # one within another
        text = re.sub(r"[BCFILSX]<([^<>|]*)(\|[^<>]*)?>", r"\1", text)
    return text.strip()


def _text(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def _until_next(heading: Tag) -> str:
    """Return the text after a heading, up to the next one of the first three levels; a line a block."""
    said, blocks = [], ("p", "li", "pre", "dt", "dd", "tr", "br")
    for element in heading.next_elements:
        if isinstance(element, Tag):
            if element.name in ("h1", "h2", "h3", "hr") or "footer" in " ".join(element.get("class", [])).lower():
                break
            if element.name in blocks:
                said.append("\n")
        elif isinstance(element, NavigableString) and heading not in element.parents:
            said.append(str(element) if element.find_parent("pre") else re.sub(r"\s+", " ", element))
    return re.sub(r" *\n[ \n]*", "\n", "".join(said)).strip()


if __name__ == "__main__":
    sys.exit(main())
