"""Teaches the encoder: `python -m kb_index.distillation`, called by `scripts/train encoder`. Writes `kb_index/adapter`.

Takes about three hours on two processors and 4 GB of disk, needs Debian's package sources, and starts again
where it was ended: texts and the teacher's vectors stay in the folder that `--work` names.
"""

import argparse
import json
import multiprocessing
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kb_index.articles import ArticleError
from kb_index.distillation import matching, sources, student, teacher, texts, written
from kb_index.export import ADAPTER, PLAIN, TAUGHT, resolve
from kb_index.settings import ROOT

HELD = 500
WRITTEN_A_LESSON = 1000  # texts
OTHERS = 12  # lessons of the first round that the second one still reads


def gather(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Return short texts and passages, chosen once and then kept in the work folder."""
    stored = options.work / "texts.json"
    if not stored.exists():
        dice, found = random.Random(options.seed), texts.Texts()
        for package, folder in texts.unpacked(sources.MANUALS, options.work / "packages"):
            print(f"texts: {package}")
            texts.add_manual(found, package, folder)
        for package, folder in texts.unpacked([sources.DICTIONARY, *sources.SAYINGS], options.work / "packages"):
            if package == sources.DICTIONARY:
                texts.add_dictionary(found, folder, dice)
            else:
                texts.add_sayings(found, folder)
        texts.add_packages(found)
        for path in options.messages:
            texts.add_messages(found, path)
        for folder in options.articles:
            texts.add_articles(found, folder)
        stored.write_text(json.dumps(texts.chosen(found, dice)))
    short, passages = json.loads(stored.read_text())
    return short, passages


def teach(number: int, options: argparse.Namespace, lessons: int) -> None:
    """One process's part of the teacher's work."""
    import torch

    torch.set_num_threads(1)
    short, passages = gather(options)
    ours = list(dict.fromkeys(text for topic in written.read(options.written) for each in topic for text in each.texts))
    parts = [ours[start : start + WRITTEN_A_LESSON] for start in range(0, len(ours), WRITTEN_A_LESSON)]
    given = {
        options.work / "lessons" / f"{each:04d}.npz": teacher.lesson(each, short, passages) for each in range(lessons)
    } | {options.work / "written" / f"{each:04d}.npz": part for each, part in enumerate(parts)}
    own = list(given)[number :: options.processes]
    teacher.teach(options.work / teacher.NAME, {target: given[target] for target in own})


def train(number: int, options: argparse.Namespace, lessons: int) -> None:
    """One process's part of the student's: first the teacher's places, then which message belongs to which article.

    The first process writes what came of it.
    """
    import torch

    torch.set_num_threads(1)
    pupil = student.Student(resolve(PLAIN), options.seed, number)
    given = student.lessons(options.work / "lessons")[:lessons]
    beside = student.Beside(number, options.processes, options.work / "meeting")
    say = print if number == 0 else lambda _: None
    first, second = options.work / "first", options.work / "second"
    projection = pupil.align(given[0])
    cosines = student.train(pupil, given, options.seen, HELD, say, beside, projection)
    # Each process has the same weights.
    student.write(pupil, first / str(number), student.KEPT)
    topics, lesson = written.read(options.written), student.joined(student.lessons(options.work / "written"))
    for run in range(matching.RUNS):
        pupil.go_on_from(first / str(number))
        seed = f"{options.seed} {number} {run}"
        matching.train(matching.Matching(topics, lesson, given[1:OTHERS], projection, pupil, seed), say, beside)
        if number == 0:
            student.write(pupil, second / str(run), 1.0)
    if number == 0:
        runs = [second / str(run) for run in range(matching.RUNS)]
        student.write(pupil, options.output, 1.0, matching.blended(first / "0", runs, matching.KEPT))
        how = {"base": student.BASE, "teacher": teacher.NAME, "kept": [student.KEPT, matching.KEPT]}
        how |= {"texts": sum(len(each.texts) for each in given), "seen": options.seen, "cosine": cosines}
        how |= {"written": sum(map(len, topics)), "passes": matching.PASSES, "runs": matching.RUNS}
        described = json.dumps({"name": TAUGHT} | how, indent=2)
        (options.output / "taught.json").write_text(f"{described}\n", encoding="utf-8")


def together(work: Callable[..., None], *given) -> bool:
    """Do it in as many processes as wanted, each given its number first; return whether all went right."""
    options = given[0]
    (options.work / "meeting").unlink(missing_ok=True)
    spawn = multiprocessing.get_context("spawn")
    sides = [spawn.Process(target=work, args=(number, *given)) for number in range(options.processes)]
    for each in sides:
        each.start()
    for each in sides:
        each.join()
    return all(each.exitcode == 0 for each in sides)


def main(arguments: list[str] | None = None) -> int:
    """Gather, teach, train and write; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/train encoder", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "distillation", help="where what it needs is kept")
    parser.add_argument("--teacher", type=Path, default=ROOT / "var" / "teacher", help="where its parts are")
    parser.add_argument(
        "--messages", type=Path, action="append", default=[], help="JSON lines with `text`, or a CSV file"
    )
    parser.add_argument("--articles", type=Path, action="append", default=[], help="a folder of articles in Markdown")
    parser.add_argument(
        "--written", type=Path, default=written.WRITTEN, help="a folder of articles with messages that they answer"
    )
    parser.add_argument("--lessons", type=int, default=41, help="how much the teacher reads, in 3,372 texts (41)")
    parser.add_argument("--seen", type=int, default=520_000, help="how many the student reads, many again (520000)")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each (2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ADAPTER)
    options = parser.parse_args(arguments)
    for path in options.messages + options.articles:
        if not path.exists():
            print(f"error: {path} does not exist", file=sys.stderr)
            return 2
    try:
        written.read(options.written)
    except written.WrittenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        short, passages = gather(options)
        teacher.joined(options.teacher, options.work)
    except (OSError, subprocess.CalledProcessError, ArticleError) as error:
        print(f"error: the texts or the teacher could not be had: {error}", file=sys.stderr)
        return 1
    lessons = min(options.lessons, len(short) // teacher.SHORT_A_LESSON, len(passages) // teacher.PASSAGES_A_LESSON)
    if lessons < 2:
        print("error: too few texts were found; is this Debian, with its package sources?", file=sys.stderr)
        return 1
    if not (together(teach, options, lessons) and together(train, options, lessons)):
        print("error: a process ended early, see above; running it again goes on from there", file=sys.stderr)
        return 1
    print((options.output / "taught.json").read_text(encoding="utf-8"))
    return 0
