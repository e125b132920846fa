"""The intent classifier by itself: kernel ridge regression that also learns what it does not know.

The kernel is `(1 - lexical) * exp(2 * sharpness * (cosine - 1)) + lexical * n-gram similarity`; every intent is a
target of 0 or 1, and so is being out of scope. The solution is closed, and so are its leave-one-out and
leave-one-intent-out predictions (`intent_calibration`): how it does on messages and on intents that it has
not seen is known without training it again.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix
from scipy.special import softmax

from bot.engine.intent_calibration import (
    Calibration,
    calibrate,
    certainty_features,
    left_out,
    left_out_cosines,
    unit,
)
from bot.engine.ngrams import NGrams

# Of all that a training leaves in the folder (`bot.engine.spelling` has a file there too).
FORMAT = 3
ARRAYS_FILE = "intents.npz"
TEXTS_FILE = "intents.json"
# Rows whose left-out predictions calibrate; the smallest training sets give fewer.
CALIBRATION_ROWS = 4000
# How many numbers of the kernel are made at a time, in rows.
BLOCK = 2000


@dataclass(frozen=True)
class Strength:
    """What a training chooses nothing about; docs/intents.md has the figures behind the defaults."""

    lexical: float = 0.4
    sharpness: float = 2.0
    # A loose fit tells intents apart best, a stiff one what is in scope.
    ridge: float = 0.3
    certainty_ridge: float = 2.0
    # What the intents that were left out weigh against messages that are out of scope, in calibration.
    unseen_weight: float = 0.5
    # How many of the messages that come are taken to be out of scope: more of them, and more are refused.
    share_outside: float = 0.4


class IntentModel:
    """`scores`, then `probabilities`: of each intent, and of none of them."""

    def __init__(
        self,
        intents: list[str],
        ngrams: NGrams,
        strength: Strength,
        embeddings: np.ndarray,
        by_meaning: np.ndarray,
        by_words: np.ndarray,
        centres: np.ndarray,
        calibration: Calibration,
    ) -> None:
        self.intents = intents
        self._ngrams = ngrams
        self._strength = strength
        # (rows, dimensions) of the training; (rows, 2 x (intents + 1)) and (n-grams, the same) of both solutions.
        self._embeddings = embeddings
        self._by_meaning = by_meaning
        self._by_words = by_words
        # (intents, dimensions), of length one: the middle of each intent's examples.
        self._centres = centres
        self.calibration = calibration

    @classmethod
    def fit(
        cls, embeddings: np.ndarray, texts: list[str], labels: list[str | None], strength: Strength, seed: int = 0
    ) -> "IntentModel":
        """Learn from unit-length float32 `(rows, dimensions)`, their texts and their intents; None is out of scope.

        Raises ValueError where there are not two intents to tell apart.
        """
        intents = sorted({label for label in labels if label is not None})
        if len(intents) < 2:
            raise ValueError("an intent classifier needs examples of at least two intents")
        number = {intent: index for index, intent in enumerate(intents)}
        targets_of = np.array([-1 if label is None else number[label] for label in labels])
        order, held = _calibration_last(targets_of, seed)
        embeddings, targets_of = np.ascontiguousarray(embeddings[order], dtype=np.float32), targets_of[order]
        ngrams = NGrams.fit(texts)
        words = ngrams.rows(texts[index] for index in order)
        targets = (targets_of[:, None] == [*range(len(intents)), -1]).astype(np.float32)
        matrix = _kernel(embeddings, words, strength)
        solutions, unseen = [], []
        for ridge in (strength.ridge, strength.certainty_ridge):
            factor, solution = _solve(matrix, ridge, targets)
            solutions.append(solution)
            unseen.append(left_out(factor[-held:, -held:], solution[-held:], targets[-held:], targets_of[-held:]))
        sums = targets[:, :-1].T @ embeddings
        unseen.append(left_out_cosines(embeddings[-held:], sums, targets_of[-held:]))
        solution = np.concatenate(solutions, axis=1)
        calibration = calibrate(unseen, targets_of[-held:], strength.unseen_weight, strength.share_outside)
        by_meaning = ((1 - strength.lexical) * solution).astype(np.float32)
        by_words = (strength.lexical * (words.T @ solution)).astype(np.float32)
        return cls(intents, ngrams, strength, embeddings, by_meaning, by_words, unit(sums), calibration)

    def scores(self, embedding: np.ndarray, text: str) -> np.ndarray:
        """Return `(2, intents + 1)`, the last one for out of scope, of the loose fit and of the stiff one.

        Around 1 for a message like an intent's examples, around 0 for any other.
        """
        near = self._embeddings @ embedding
        near -= 1
        near *= 2 * self._strength.sharpness
        np.exp(near, out=near)
        columns, values = self._ngrams.row(text)
        return (near @ self._by_meaning + values @ self._by_words[columns]).reshape(2, -1)

    def probabilities(self, embedding: np.ndarray, text: str) -> tuple[np.ndarray, float]:
        """Return each intent's probability, `(intents,)`, and that the message has none of them; their sum is 1."""
        loose, stiff = self.scores(embedding, text)
        cosines = self._centres @ embedding
        features = certainty_features(loose[None, :], stiff[None, :], cosines[None, :])
        inside = float(self.calibration.inside(features)[0])
        return inside * softmax(loose[:-1] / self.calibration.temperature), 1 - inside

    def save(self, folder: Path) -> None:
        """Write numbers and texts, and nothing that could run when it is read."""
        arrays = {
            "embeddings": self._embeddings,
            "by_meaning": self._by_meaning,
            "by_words": self._by_words,
            "centres": self._centres,
            "weights": self._ngrams.weights,
        }
        np.savez(folder / ARRAYS_FILE, **arrays)
        described = {
            "format": FORMAT,
            "intents": self.intents,
            "vocabulary": sorted(self._ngrams.vocabulary, key=self._ngrams.vocabulary.__getitem__),
            "unknown": self._ngrams.unknown,
            "strength": vars(self._strength),
            "calibration": self.calibration.to_dict(),
        }
        (folder / TEXTS_FILE).write_text(json.dumps(described), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "IntentModel":
        """Read what `save` wrote; raises ValueError for another format, and OSError where there is none."""
        described = json.loads((folder / TEXTS_FILE).read_text(encoding="utf-8"))
        if described.get("format") != FORMAT:
            raise ValueError("the model's intents are of another version: train it again")
        with np.load(folder / ARRAYS_FILE, allow_pickle=False) as arrays:
            vocabulary = {gram: column for column, gram in enumerate(described["vocabulary"])}
            return cls(
                described["intents"],
                NGrams(vocabulary, arrays["weights"], described["unknown"]),
                Strength(**described["strength"]),
                arrays["embeddings"],
                arrays["by_meaning"],
                arrays["by_words"],
                arrays["centres"],
                Calibration.from_dict(described["calibration"]),
            )


def _solve(matrix: np.ndarray, ridge: float, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower Cholesky factor of `matrix` plus ridge, and the solution for `targets`."""
    stiffened = matrix.copy()
    stiffened[np.diag_indices(len(stiffened))] += ridge
    factor, _ = cho_factor(stiffened, lower=True, overwrite_a=True, check_finite=False)
    return factor, cho_solve((factor, True), targets, check_finite=False)


def _kernel(embeddings: np.ndarray, words: csr_matrix, strength: Strength) -> np.ndarray:
    """Return float32 `(rows, rows)`, made in blocks: at 15,000 rows a copy of it is a gigabyte."""
    matrix = embeddings @ embeddings.T
    for start in range(0, len(matrix), BLOCK):
        block = matrix[start : start + BLOCK]
        block -= 1
        block *= 2 * strength.sharpness
        np.exp(block, out=block)
        block *= 1 - strength.lexical
        block += strength.lexical * (words[start : start + BLOCK] @ words.T).toarray()
    return matrix


def _calibration_last(targets_of: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
    """Return an order of the rows in which those that calibrate come last, and how many they are.

    They are whole intents, and as large a share of what is out of scope: of the last rows, the inverse that
    left-out predictions need follows from the last corner of the factor alone.
    """
    random = np.random.default_rng(seed)
    share = min(1.0, CALIBRATION_ROWS / len(targets_of))
    groups = [np.flatnonzero(targets_of == each) for each in random.permutation(targets_of.max() + 1)]
    chosen = groups[: max(2, round(share * len(groups)))]
    outside = random.permutation(np.flatnonzero(targets_of < 0))
    last = np.concatenate([*chosen, outside[: int(np.ceil(share * len(outside)))]])
    first = np.setdiff1d(np.arange(len(targets_of)), last)
    return np.concatenate([first, last]), len(last)
