"""Measures noticing on labelled dialogues and texts, beside a list of keywords and a lexicon."""

import time
from collections.abc import Callable

import numpy as np

from bot.escalation import baselines, measures, mood
from bot.escalation.examples import ExampleError, Line
from bot.escalation.mood import Said
from kb_index.encoder import Encoder

# Below this satisfaction (1 to 5, the mean of several raters) a turn went wrong.
LOW = 2.5
PRECISION = 0.9
Progress = Callable[[int, int], None]
Scores = dict[str, list[float]]


def evaluate(
    dialogues: list[list[Line]] | None,
    texts: list[tuple[str, bool]] | None,
    encoder: Encoder,
    progress: Progress,
) -> dict[str, dict[str, float | None]]:
    """Return the figures of `ours`, `keywords` and `vader`; None for what the given files say nothing about.

    A turn's time is the median of all that noticing takes: encoding what the assistant wrote since the customer's last
    turn and what the customer writes, and both heads.
    """
    lexicon = baselines.vader()
    results: dict[str, dict[str, float | None]] = {"ours": {}, "keywords": {}, "vader": {}}
    spent: list[float] = []
    moods, low = _moods(dialogues or [], encoder, lexicon, spent, progress)
    wishes, wanted = _wishes(texts or [], encoder, lexicon, [] if dialogues else spent, progress)
    alarms = int((np.array(moods["keywords"])[~low] > 0).sum()) if moods["keywords"] else 0
    for name, found in results.items():
        scores, asked = np.array(moods[name]), np.array(wishes[name])
        found["auroc"] = measures.auroc(low, scores) if len(scores) else None
        found["average_precision"] = measures.average_precision(low, scores) if len(scores) else None
        found["recall_at_p90"] = measures.recall_at_precision(low, scores, PRECISION) if len(scores) else None
        found["recall_at_keywords_false_alarms"] = (
            measures.recall_at_false_alarms(low, scores, alarms) if len(scores) else None
        )
        found["wants_human_ap"] = measures.average_precision(wanted, asked) if len(asked) else None
    results["ours"]["ms_per_turn"] = 1000 * float(np.median(spent)) if spent else None
    return {
        name: {key: None if value is None else round(value, 4) for key, value in found.items()}
        for name, found in results.items()
    }


def _moods(
    dialogues: list[list[Line]], encoder: Encoder, lexicon: Callable | None, spent: list[float], progress: Progress
) -> tuple[Scores, np.ndarray]:
    """Score every customer turn that has a satisfaction; it is about the assistant turn before it."""
    scores: Scores = {"ours": [], "keywords": [], "vader": []}
    low = []
    total = sum(len(talk) for talk in dialogues)
    done = 0
    for talk in dialogues:
        history: list[Said] = []
        taken = 0.0
        for line in talk:
            started = time.perf_counter()
            said = Said.of(line.by_customer, line.text, lambda text: encoder.encode([text])[0])
            if line.by_customer:
                found = mood.frustration(said.embedding, said.text, history).probability
                mood.wants_person(said.embedding, said.text)
            taken += time.perf_counter() - started
            if line.by_customer:
                spent.append(taken)
                taken = 0.0
            history.append(said)
            done += 1
            progress(done, total)
            if line.by_customer and line.label is not None:
                low.append(line.label < LOW)
                scores["ours"].append(found)
                scores["keywords"].append(baselines.keyword_frustration(line.text))
                if lexicon:
                    scores["vader"].append(lexicon(line.text))
    if dialogues and not low:
        raise ExampleError("no customer turn of the dialogues has a `satisfaction`")
    return scores, np.array(low, dtype=bool)


def _wishes(
    texts: list[tuple[str, bool]], encoder: Encoder, lexicon: Callable | None, spent: list[float], progress: Progress
) -> tuple[Scores, np.ndarray]:
    scores: Scores = {"ours": [], "keywords": [], "vader": []}
    for done, (text, _) in enumerate(texts, 1):
        started = time.perf_counter()
        scores["ours"].append(mood.wants_person(encoder.encode([text])[0], text))
        spent.append(time.perf_counter() - started)
        scores["keywords"].append(baselines.keyword_person(text))
        if lexicon:
            scores["vader"].append(lexicon(text))
        progress(done, len(texts))
    return scores, np.array([wanted for _, wanted in texts], dtype=bool)
