"""Evaluation on a set of questions, beside what anyone would build first."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kb_index import baselines, measures
from kb_index.baselines import Found, Search
from kb_index.encoder import Encoder
from kb_index.index import IndexedArticle, IndexedPassage, indexed
from kb_index.lexical import Lexicon
from kb_index.question_sets import Document, Question, QuestionSet
from kb_index.search import KnowledgeBase
from kb_index.store import PASSAGE, STORED, entries

PRECISION = 0.9
COVERAGE = 0.7
# The scores whose precision is reported: where `SWITCHBOARD_ANSWER_THRESHOLD` and its like could stand.
THRESHOLDS = (0.25, 0.35, 0.5, 0.6, 0.7, 0.8)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """What a system found for each question, best first with its scores, and how long it took, in milliseconds."""

    found: list[Found]
    milliseconds: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The score of the first article; 0 where nothing was found."""
        return np.array([each[0][1] if each else 0.0 for each in self.found])

    def right(self, questions: list[Question]) -> np.ndarray:
        """Whether the first article answers. A question without an answer has no right one."""
        return np.array(
            [bool(found) and found[0][0] in asked.relevant for found, asked in zip(self.found, questions, strict=True)]
        )


def knowledge(documents: list[Document], encoder: Encoder, progress: Progress) -> KnowledgeBase:
    """Put documents into memory as a knowledge base: split, encoded and searched as in service, without a database."""
    lexicon = Lexicon()

    def prepared() -> Iterator[IndexedArticle]:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            split = pool.map(lambda each: entries(encoder, each.title, each.questions, each.text), documents)
            for number, (document, found) in enumerate(zip(documents, split, strict=True)):
                rows = [
                    IndexedPassage(row, each.kind, each.heading, each.anchor, each.text, each.sentences, words)
                    for row, each in enumerate(found)
                    for words in [lexicon.learn(f"{each.heading} {each.text}" if each.kind == PASSAGE else each.text)]
                ]
                vectors = np.stack([np.frombuffer(each.embedding, dtype=STORED) for each in found])
                values = {"id": document.id, "title": document.title, "category": "", "section": "", "url": ""}
                progress("ours: articles", number + 1, len(documents))
                yield indexed(values | {"version": 0}, rows, vectors, lexicon)

    held = KnowledgeBase(None, encoder)
    held.hold(list(prepared()), lexicon)
    return held


def run(search: Search, questions: Iterable[Question], progress: Callable[[int], None] = lambda _: None) -> Run:
    """Ask a system every question."""
    found, milliseconds = [], []
    for number, question in enumerate(questions):
        started = time.perf_counter()
        found.append(search(question.text))
        milliseconds.append((time.perf_counter() - started) * 1000)
        progress(number + 1)
    return Run(found, np.array(milliseconds))


def evaluate(given: QuestionSet, encoder: Encoder, plain: Encoder | None, progress: Progress) -> dict[str, dict]:
    """Return the measures of `ours` and, where a `plain` encoder is given to compare with, of `minilm` and `bm25`."""
    base = knowledge(given.documents, encoder, progress)
    systems: dict[str, Search] = {
        "ours": lambda text: [(hit.article_id, hit.score) for hit in base.search(text, limit=measures.DEPTH)]
    }
    if plain:
        systems["minilm"] = baselines.passages_only(
            given.documents, plain, lambda done, total: progress("minilm: articles", done, total)
        )
        systems["bm25"] = baselines.bm25(given.documents)
    runs = {
        name: run(search, given.questions, lambda done, name=name: progress(name, done, len(given.questions)))
        for name, search in systems.items()
    }
    results = {name: report(each, given.questions, name == "ours") for name, each in runs.items()}
    ours = ranking(runs["ours"], given.questions)
    for name in runs.keys() - {"ours"}:
        theirs = ranking(runs[name], given.questions)
        results[name]["ours_minus_this"] = {
            key: measures.paired_interval(ours[key], theirs[key]) for key in ("recall_at_1", "mrr_at_10")
        }
    return results


def ranking(found: Run, questions: list[Question]) -> dict[str, np.ndarray]:
    """Return the measures of a ranking, one number for each question that has an answer."""
    return measures.ranking(
        [[article for article, _ in each] for each in found.found], [question.relevant for question in questions]
    )


def report(found: Run, questions: list[Question], probabilities: bool) -> dict:
    """Return what is said of one system; `probabilities` tells that its scores mean to be some."""
    scores, right = found.scores, found.right(questions)
    answerable = np.array([bool(question.relevant) for question in questions])
    ranked = ranking(found, questions)
    result: dict = {name: float(values.mean()) if len(values) else None for name, values in ranked.items()}
    result |= {
        "questions": len(questions),
        "answerable": int(answerable.sum()),
        "ms_p50": float(np.median(found.milliseconds)),
        "auroc": measures.auroc(scores, answerable),
        "risk_coverage_area": measures.risk_coverage_area(scores, right),
        "coverage_at_90_precision": measures.coverage_at(PRECISION, scores, right),
        "wrong_at_70_coverage": measures.wrong_at(COVERAGE, scores, right),
        "wrong_at_70_coverage_at_best": measures.wrong_at_best(COVERAGE, right),
        "ece": measures.calibration_error(scores, right) if probabilities else None,
        "ece_by_chance": measures.calibration_error_by_chance(scores) if probabilities else None,
    }
    if probabilities:
        result["thresholds"] = [measures.at_threshold(each, scores, right) for each in THRESHOLDS]
    groups = dict.fromkeys(question.group for question in questions if question.relevant)
    if len(groups) > 1:
        of = np.array([question.group for question in questions])
        result["recall_at_1_by_group"] = {each: float(right[(of == each) & answerable].mean()) for each in groups}
    return result
