"""Which of many rows may be near a question, roughly and fast; what is found is then compared by its full vectors."""

from dataclasses import dataclass

import faiss
import numpy as np

# Along the 96 directions in which the rows differ most, each read as one of 16 values: FAISS compares 32 rows at a
# time so. Half the time of half precision along as many, and as many of the nearest (docs/retrieval.md).
DIRECTIONS = 96
BITS = 4
LAST = 2**BITS - 1
# How far the 16 values reach, in standard deviations to both sides; from 2.4 to 3 the same rows are found.
REACH = 2.5


@dataclass(frozen=True)
class Coarse:
    """What a set of rows taught: `directions`, float32 `(DIRECTIONS, dimensions)`, and where each one's values lie.

    It serves somewhat different rows as well, because it only chooses which are looked at closely.
    """

    directions: np.ndarray
    lowest: np.ndarray
    step: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Coarse":
        """Learn from float32 `(rows, dimensions)`."""
        _, found = np.linalg.eigh(vectors.T @ vectors)
        directions = np.ascontiguousarray(found[:, -DIRECTIONS:].T)
        along = vectors @ directions.T
        reach = REACH * np.maximum(along.std(axis=0), 1e-6)
        return cls(directions, along.mean(axis=0) - reach, 2 * reach / LAST)

    def index(self, vectors: np.ndarray) -> faiss.Index:
        """Return an index of these rows, to be searched with what `along` returns."""
        count = len(self.directions)
        rows = faiss.IndexPQ(count, count, BITS, faiss.METRIC_INNER_PRODUCT)
        values = self.lowest[:, None] + self.step[:, None] * np.arange(LAST + 1, dtype=np.float32)
        faiss.copy_array_to_vector(values.astype(np.float32).ravel(), rows.pq.centroids)
        rows.is_trained = True
        rows.add_sa_codes(self._codes(vectors))
        return faiss.IndexPQFastScan(rows)

    def _codes(self, vectors: np.ndarray) -> np.ndarray:
        """Return the number of the nearest value along each direction, two in a byte.

        Even steps make that one division; FAISS would compare with all 16, half a second at each publish.
        """
        steps = vectors @ self.directions.T
        steps -= self.lowest
        steps /= self.step
        numbers = np.clip(np.rint(steps, out=steps), 0, LAST, out=steps).astype(np.uint8)
        return numbers[:, ::2] | numbers[:, 1::2] << BITS

    def along(self, vector: np.ndarray) -> np.ndarray:
        """Return a question's vector as it is compared."""
        # Not "@": BLAS would wake its threads for so little.
        return np.vecdot(self.directions, vector)
