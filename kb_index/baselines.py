"""What anyone would build first, to compare with: BM25, and the encoder on passages of 120 words."""

from collections.abc import Callable

import bm25s
import faiss
import numpy as np
import Stemmer

from kb_index.encoder import Encoder
from kb_index.question_sets import Document

WORDS = 120
DEPTH = 10
Found = list[tuple[str, float]]
Search = Callable[[str], Found]


def bm25(documents: list[Document]) -> Search:
    """Lucene's BM25 over title and text, English stems, without stop words."""
    stemmer = Stemmer.Stemmer("english")
    model = bm25s.BM25(method="lucene")
    tokens = bm25s.tokenize(
        [_said(document) for document in documents], stopwords="en", stemmer=stemmer, show_progress=False
    )
    model.index(tokens, show_progress=False)

    def search(question: str) -> Found:
        asked = bm25s.tokenize(question, stopwords="en", stemmer=stemmer, return_ids=False, show_progress=False)[0]
        known = [word for word in asked if word in model.vocab_dict]
        scores = model.get_scores(known) if known else np.zeros(len(documents))
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        return [(documents[number].id, float(scores[number])) for number in best]

    return search


def passages_only(documents: list[Document], encoder: Encoder, progress: Callable[[int, int], None]) -> Search:
    """The best cosine of an article's passages: each 120 words of title and text, one after another."""
    owners, vectors = [], []
    for number, document in enumerate(documents):
        words = _said(document).split()
        for start in range(0, len(words), WORDS):
            owners.append(number)
            vectors.append(encoder.encode([" ".join(words[start : start + WORDS])])[0])
        progress(number + 1, len(documents))
    index = faiss.IndexFlatIP(encoder.dimensions)
    index.add(np.array(vectors, dtype=np.float32))

    def search(question: str) -> Found:
        faiss.omp_set_num_threads(1)
        scores, rows = index.search(encoder.encode([question]), min(20 * DEPTH, len(owners)))
        best: dict[str, float] = {}
        for score, row in zip(scores[0], rows[0], strict=True):
            best.setdefault(documents[owners[row]].id, float(score))
        return list(best.items())[:DEPTH]

    return search


def _said(document: Document) -> str:
    return ": ".join(part for part in (document.title, document.text) if part)
