"""How sure an intent score makes us: probabilities from predictions for messages and intents that were left out.

For kernel ridge regression a prediction with some rows left out of the training needs no second training:
with `C` the inverse of kernel plus ridge and `a` the solution, the error on left-out rows `B` is
`inverse(C[B, B]) @ a[B]`. Every message is left out once by itself, as a new message of a known intent, and
once together with its whole intent, as a message that no intent fits.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import expit, log_softmax, logit
from sklearn.linear_model import LogisticRegression

TEMPERATURES = np.geomspace(0.02, 0.5, 25)


@dataclass(frozen=True)
class Calibration:
    """A logistic over `certainty_features`, and the temperature of the softmax over the intents."""

    weights: list[float]
    intercept: float
    temperature: float

    def inside(self, features: np.ndarray) -> np.ndarray:
        """Return `(rows,)`: how probable it is that a message has one of the intents."""
        return expit(features @ np.array(self.weights) + self.intercept)

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Calibration":
        return cls(
            [float(each) for each in values["weights"]], float(values["intercept"]), float(values["temperature"])
        )


def certainty_features(loose: np.ndarray, stiff: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Return float64 `(rows, 6)` of a loose and a stiff fit's scores, `(rows, intents + 1)` each, and of `cosines`.

    The loose fit's best score; the stiff one's best, its lead over the second, and its score of being out of scope,
    which is the last column. From the cosines to the intents' centres, `(rows, intents)`: that to the stiff fit's best
    intent, and the lead of the nearest centre over the second.
    """
    loose, stiff, outside = loose[:, :-1], stiff[:, :-1], stiff[:, -1]
    best, nearest = (np.partition(each, -2, axis=1)[:, -2:] for each in (stiff, cosines))
    near = cosines[np.arange(len(stiff)), stiff.argmax(axis=1)]
    leads = [each[:, 1] - each[:, 0] for each in (best, nearest)]
    columns = [loose.max(axis=1), best[:, 1], leads[0], outside, near, leads[1]]
    return np.stack(columns, axis=1).astype(np.float64)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows at length one; a row of zeros stays as it is, near nothing."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def left_out_cosines(rows: np.ndarray, sums: np.ndarray, targets_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosines, `(rows, intents)`, to the intents' centres without each row, and without its whole intent.

    `rows` are unit-length embeddings, `sums` those of all embeddings of each intent, `(intents, dimensions)`;
    `targets_of` is each row's intent, -1 for out of scope.
    """
    alone = rows @ unit(sums).T
    without_intent = alone.copy()
    inside = np.flatnonzero(targets_of >= 0)
    own = targets_of[inside]
    alone[inside, own] = (rows[inside] * unit(sums[own] - rows[inside])).sum(axis=1)
    without_intent[inside, own] = -1
    return alone, without_intent


def left_out(
    corner: np.ndarray, solution: np.ndarray, targets: np.ndarray, targets_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores, `(rows, intents + 1)`, of each row left out alone, and left out with its whole intent.

    `corner` is the lower factor's last corner, `(rows, rows)`; `solution` and `targets` are `(rows, intents + 1)`;
    `targets_of` is each row's intent, -1 for out of scope (whose second scores are zeros, and mean nothing).
    """
    half = solve_triangular(corner, np.eye(len(corner), dtype=corner.dtype), lower=True, check_finite=False)
    inverse = half.T @ half
    alone = targets - solution / np.diag(inverse)[:, None]
    without_intent = np.zeros_like(alone)
    for intent in np.unique(targets_of[targets_of >= 0]):
        rows = np.flatnonzero(targets_of == intent)
        block = inverse[np.ix_(rows, rows)]
        without_intent[rows] = targets[rows] - np.linalg.solve(block, solution[rows])
    return alone, without_intent


def calibrate(
    unseen: list[tuple[np.ndarray, np.ndarray]], targets_of: np.ndarray, unseen_weight: float, share_outside: float
) -> Calibration:
    """Fit a calibration on what `left_out` says of the loose fit and of the stiff one, and on `left_out_cosines`.

    `share_outside` of all messages are taken to be out of scope; of these, intents that were left out make up
    `unseen_weight`, or all where nothing else is known.
    """
    inside = targets_of >= 0
    alone, without_intent = (certainty_features(*each) for each in zip(*unseen, strict=True))
    groups = [alone[inside], without_intent[inside], alone[~inside]]
    weight = unseen_weight if len(groups[2]) else 1.0
    weights, intercept = _logistic([group for group in groups if len(group)], (1.0, weight, 1 - weight))
    # Fitted where one message in two is out of scope, which tells them apart best; then moved to the share expected.
    intercept += float(logit(1 - share_outside))
    return Calibration(weights, intercept, temperature=_temperature(unseen[0][0][inside, :-1], targets_of[inside]))


def _logistic(groups: list[np.ndarray], shares: tuple[float, ...]) -> tuple[list[float], float]:
    features = np.concatenate(groups)
    inside = np.concatenate([np.full(len(group), number == 0) for number, group in enumerate(groups)])
    pairs = zip(groups, shares, strict=False)
    weights = np.concatenate([np.full(len(group), share * len(groups[0]) / len(group)) for group, share in pairs])
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    fitted = LogisticRegression(max_iter=1000).fit((features - mean) / spread, inside, weights)
    slopes = fitted.coef_[0] / spread
    return slopes.tolist(), float(fitted.intercept_[0] - slopes @ mean)


def _temperature(scores: np.ndarray, targets_of: np.ndarray) -> float:
    """The one under which the left-out messages' own intents are most probable."""
    rows = np.arange(len(scores))
    losses = [-log_softmax(scores / each, axis=1)[rows, targets_of].mean() for each in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])
