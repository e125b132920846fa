"""`scripts/bench encoder`: the exported encoder against sentence-transformers on torch, on the same texts."""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.turns.questions import questions
from kb_index.encoder import Encoder
from kb_index.settings import KnowledgeSettings

Encode = Callable[[list[str]], np.ndarray]
WARM_UP = 20
WANTED_SPEEDUP = 3.0
WANTED_COSINE = 0.99


@dataclass
class Measured:
    """Milliseconds a single text, in the order measured, and texts a second in batches, by size of the batch."""

    single_ms: list[float] = field(default_factory=list)
    batches: dict[int, list[float]] = field(default_factory=dict)

    def figures(self) -> dict[str, object]:
        cuts = statistics.quantiles(self.single_ms, n=100)
        return {
            "p50_ms": round(cuts[49], 3),
            "p95_ms": round(cuts[94], 3),
            "p99_ms": round(cuts[98], 3),
            "batch_texts_per_s": {size: round(statistics.median(rates), 1) for size, rates in self.batches.items()},
        }


def main() -> int:
    options = _options()
    out = Console(stderr=options.json, highlight=False)
    progress = Console(stderr=True, highlight=False)
    settings = KnowledgeSettings()
    texts = [line.text for line in questions()][: options.texts]
    with progress.status("Loading both encoders …") as status:
        sides: dict[str, Encode] = {
            "ours": Encoder.load(settings.encoder_dir, threads=options.threads).encode,
            "sentence_transformers": _sentence_transformers(settings.encoder_model, options.threads),
        }
        measured = {name: Measured() for name in sides}
        for encode in sides.values():
            encode(texts[:WARM_UP])
        for number in range(options.rounds):
            for name, encode in sides.items():
                status.update(f"Round {number + 1} of {options.rounds}: {name} …")
                _measure(encode, texts, options.batch, measured[name])
        cosines = np.concatenate([_cosines(sides, text) for text in texts])
    result = _result(measured, cosines, options.threads, len(texts))
    out.print(_table(result, settings.encoder_model))
    print(json.dumps(result))
    # A slow run is a figure; another vector is a fault.
    return 0 if result["cosine_mean"] >= WANTED_COSINE else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench encoder", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the line of JSON on standard output")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured, in turns (5)")
    parser.add_argument("--texts", type=int, default=150, help="how many customer questions (150)")
    parser.add_argument("--threads", type=int, default=1, help="threads for one text, on both sides (1)")
    parser.add_argument("--batch", type=int, nargs="*", default=[8, 32], help="sizes of batches (8 32)")
    return parser.parse_args()


def _sentence_transformers(model: str, threads: int) -> Encode:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    import torch

    from kb_index.export import load

    torch.set_num_threads(threads)
    transformer = load(model)

    def encode(texts: list[str]) -> np.ndarray:
        # One batch, because a batch is what the caller asked for.
        return transformer.encode(
            texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )

    return encode


def _measure(encode: Encode, texts: list[str], sizes: list[int], into: Measured) -> None:
    for text in texts:
        started = time.perf_counter()
        encode([text])
        into.single_ms.append((time.perf_counter() - started) * 1000)
    for size in sizes:
        whole = len(texts) // size * size
        started = time.perf_counter()
        for first in range(0, whole, size):
            encode(texts[first : first + size])
        into.batches.setdefault(size, []).append(whole / (time.perf_counter() - started))


def _cosines(sides: dict[str, Encode], text: str) -> np.ndarray:
    ours, theirs = (encode([text]) for encode in sides.values())
    return (ours * theirs).sum(axis=1)


def _result(measured: dict[str, Measured], cosines: np.ndarray, threads: int, texts: int) -> dict:
    figures = {name: each.figures() for name, each in measured.items()}
    speedup = figures["sentence_transformers"]["p50_ms"] / figures["ours"]["p50_ms"]
    cosine = float(cosines.mean())
    return {
        **figures,
        "speedup": round(speedup, 2),
        "cosine_mean": round(cosine, 4),
        "cosine_min": round(float(cosines.min()), 4),
        "threads": threads,
        "texts": texts,
    }


def _table(result: dict, model: str) -> Table:
    table = Table(
        title=f"Encoding one customer question ({model}, {result['threads']} thread, {result['texts']} questions)",
        caption=f"{result['speedup']}x as fast at the median (wanted: {WANTED_SPEEDUP:g}x); cosine to the original "
        f"{result['cosine_mean']} on average (wanted: {WANTED_COSINE}), {result['cosine_min']} at worst",
    )
    sizes = list(result["ours"]["batch_texts_per_s"])
    for heading in ("", "p50 ms", "p95 ms", "p99 ms", *(f"texts/s by {size}" for size in sizes)):
        table.add_column(heading, justify="right" if heading else "left")
    for name, title in (("ours", "kb_index"), ("sentence_transformers", "sentence-transformers")):
        side = result[name]
        row = [f"{side[key]:.2f}" for key in ("p50_ms", "p95_ms", "p99_ms")]
        table.add_row(title, *row, *(f"{side['batch_texts_per_s'][size]:.0f}" for size in sizes))
    return table


if __name__ == "__main__":
    sys.exit(main())
