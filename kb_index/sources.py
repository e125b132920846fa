"""What sentences are quoted from: an article's passages with their embeddings, lists in one piece."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kb_index.lists import goes_on
from kb_index.sentences import known_spans
from kb_index.store import STORED


@dataclass(frozen=True)
class Source:
    """A passage of an article to take sentences from.

    `vectors`, float32 `(sentences, dimensions)`, are those of its sentences, `vector` that of the whole with its title
    and headings; none where it is not known.
    """

    text: str
    heading: str
    anchor: str
    vectors: np.ndarray
    vector: np.ndarray | None = None

    @classmethod
    def stored(cls, text: str, heading: str, anchor: str, whole: bytes, vectors: bytes, dimensions: int) -> "Source":
        """Make one of a passage's columns; without the sentences' embeddings where there are not as many."""
        vector = np.frombuffer(whole, dtype=STORED).astype(np.float32)
        fits = vector.size == dimensions
        return cls(text, heading, anchor, embeddings(text, vectors, dimensions), vector if fits else None)


def rejoined(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Put together again what was split within a list, so that its steps can be told from the first on."""
    joined: list[Source] = []
    for source in sources:
        before = joined[-1] if joined else None
        if (
            before is not None
            and (before.heading, before.anchor) == (source.heading, source.anchor)
            and len(before.vectors)
            and len(source.vectors)
            and goes_on(before.text, source.text)
        ):
            vector = None
            if before.vector is not None and source.vector is not None:
                vector = before.vector + source.vector
                vector = vector / np.linalg.norm(vector)
            text = f"{before.text}\n{source.text}"
            vectors = np.concatenate([before.vectors, source.vectors])
            joined[-1] = Source(text, source.heading, source.anchor, vectors, vector)
        else:
            joined.append(source)
    return tuple(joined)


def embeddings(text: str, vectors: bytes, dimensions: int) -> np.ndarray:
    """Read the stored embeddings of a text's sentences; none where there are not as many as sentences."""
    matrix = np.frombuffer(vectors, dtype=STORED).astype(np.float32)
    fits = matrix.size == len(known_spans(text)) * dimensions
    return matrix.reshape(-1, dimensions) if fits else np.zeros((0, dimensions), np.float32)
