"""Search at size: `scripts/bench retrieval`. Building, searching, and a publish while others search.

Articles are made up of common words, so that the same command measures the same everywhere; how good search is,
`python -m kb_index evaluate` tells. The last line is JSON.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from pathlib import Path

import faiss
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlalchemy import Engine

from kb_index import store
from kb_index.articles import Article
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.importing import import_articles
from kb_index.schema import migrate
from kb_index.search import KnowledgeBase
from kb_index.settings import KnowledgeSettings

WORDS = [
    *("order", "parcel", "return", "refund", "kettle", "grinder", "coffee", "tea", "filter", "delivery", "invoice"),
    *("card", "account", "password", "address", "voucher", "subscription", "warranty", "repair", "customs", "shop"),
    *("clean", "water", "temperature", "gift", "email", "payment", "bank", "label", "size", "price", "stock", "pause"),
    *("cancel", "change", "track", "open", "close", "send", "receive", "find", "use", "check", "keep", "wait", "write"),
]
GLUE = [
    "the",
    "a",
    "your",
    "our",
    "of",
    "in",
    "for",
    "with",
    "when",
    "before",
    "after",
    "if",
    "not",
    "and",
    "or",
    "can",
]
WARM_UP = 50


def _sentence(chance: random.Random) -> str:
    words = [chance.choice(WORDS if number % 2 else GLUE) for number in range(chance.randint(6, 14))]
    return " ".join(words).capitalize() + "."


def _article(number: int, passages: int) -> Article:
    chance = random.Random(number)
    parts = [" ".join(_sentence(chance) for _ in range(6)) for _ in range(passages)]
    body = "\n\n".join(f"## Part {part + 1} {chance.choice(WORDS)}\n\n{text}" for part, text in enumerate(parts))
    return Article(id=f"article-{number}", title=_sentence(chance)[:-1], body=body)


def _build(folder: Path, engine: Engine, encoder: Encoder, passages: int) -> dict:
    """Import a folder of `passages` passages, five an article, as anyone does."""
    source = folder / "articles"
    source.mkdir()
    for number in range(passages // 5):
        article = _article(number, 5)
        (source / f"{article.id}.md").write_text(f"---\ntitle: {article.title}\n---\n\n{article.body}")
    with _bar("importing") as progress:
        report = import_articles(engine, encoder, source, progress=progress)
    return {"passages": report.passages, "seconds": report.seconds}


def _bar(title: str):
    from rich.progress import Progress

    class Bar(Progress):
        def __enter__(self):
            super().__enter__()
            task = self.add_task(title, total=None)
            return lambda done, total: self.update(task, completed=done, total=total)

    return Bar(console=Console(stderr=True))


def _fill(engine: Engine, encoder: Encoder, articles: int) -> None:
    """Publish many articles quickly: those of a few hundred, with their vectors shifted a little at random."""
    generator = np.random.default_rng(0)
    prepared = [store.prepare(_article(number, 1), encoder) for number in range(300)]
    with engine.execution_options(writes=True).begin() as connection:
        for number in track(range(articles), "publishing", console=Console(stderr=True)):
            model = prepared[number % len(prepared)]
            entries = []
            for entry in model.entries:
                vector = np.frombuffer(entry.embedding, dtype=store.STORED).astype(np.float32)
                vector = vector + generator.normal(0, 0.03, vector.shape)
                vector = (vector / np.linalg.norm(vector)).astype(store.STORED)
                entries.append(store.Entry(**{**vars(entry), "embedding": vector.tobytes()}))
            article = Article(id=f"copy-{number}", title=model.article.title, body=model.article.body)
            store.publish(connection, store.PreparedArticle(article, model.encoder, tuple(entries)))


def _search(base: KnowledgeBase, encoder: Encoder, count: int) -> dict:
    """Time whole searches with encoding, and of them the two things inside: encoding and the search of the index."""
    chance = random.Random(7)
    questions = [_sentence(chance) for _ in range(count + WARM_UP)]
    index = base._index
    times: dict[str, list[float]] = {"search": [], "encode": [], "index": []}
    for question in questions:
        started = time.perf_counter()
        base.search(question)
        searched = time.perf_counter()
        vector = encoder.encode([question])[0]
        encoded = time.perf_counter()
        index.nearest(vector, 128)
        times["index"].append(time.perf_counter() - encoded)
        times["encode"].append(encoded - searched)
        times["search"].append(searched - started)
    result = {f"{name}_ms_p50": float(np.median(values[WARM_UP:]) * 1000) for name, values in times.items()}
    result["search_ms_p99"] = float(np.percentile(times["search"][WARM_UP:], 99) * 1000)
    return result | {"rows": len(index), "index_share": result["index_ms_p50"] / result["search_ms_p50"]}


def _exactness(base: KnowledgeBase, encoder: Encoder, count: int = 200) -> float:
    """How many of the ten nearest rows are among those that the index looks at closely."""
    chance, index = random.Random(8), base._index
    exact = faiss.IndexFlatIP(encoder.dimensions)
    exact.add(index.vectors)
    found = []
    for vector in encoder.encode([_sentence(chance) for _ in range(count)]):
        _, rows = exact.search(vector.reshape(1, -1), 10)
        found.append(len(set(rows[0].tolist()) & set(index.nearest(vector, 128).tolist())) / 10)
    return float(np.mean(found))


def _publish(base: KnowledgeBase, engine: Engine, encoder: Encoder, rounds: int) -> dict:
    """Publish article after article while another thread searches; how late each is found, and how long it paused."""
    vectors = encoder.encode([_sentence(random.Random(number)) for number in range(50)])
    done, pauses, quiet = threading.Event(), [], []

    def ask(into: list[float]) -> None:
        number = 0
        while not done.is_set():
            started = time.perf_counter()
            base.search("where is the parcel that i order", embedding=vectors[number % len(vectors)])
            into.append(time.perf_counter() - started)
            number += 1
            time.sleep(0.002)

    for into, publish in ((quiet, False), (pauses, True)):
        done.clear()
        searcher = threading.Thread(target=ask, args=(into,))
        searcher.start()
        seconds = []
        for number in range(rounds):
            if not publish:
                time.sleep(0.3)
                continue
            prepared = store.prepare(_article(1_000_000 + number, 1), encoder)
            started = time.perf_counter()
            with engine.execution_options(writes=True).begin() as connection:
                store.publish(connection, prepared)
            base.refresh()
            seconds.append(time.perf_counter() - started)
            assert any(hit.article_id == prepared.article.id for hit in base.search(prepared.article.title))
        done.set()
        searcher.join()
    return {
        "articles": len(base._articles),
        "publish_to_searchable_s": float(np.median(seconds)),
        "search_max_ms": max(pauses) * 1000,
        "search_p99_ms": float(np.percentile(pauses, 99) * 1000),
        "search_max_ms_without_publishing": max(quiet) * 1000,
    }


def main() -> None:
    """Run all of it and print a table and JSON."""
    parser = argparse.ArgumentParser(prog="scripts/bench retrieval", description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000, help="to build, and to search (10,000)")
    parser.add_argument("--articles", type=int, default=10_000, help="in place when one more is published (10,000)")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=10, help="articles published one after another")
    options = parser.parse_args()
    encoder = Encoder.load(KnowledgeSettings().encoder_dir)
    results: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("build", "publish"):
            url = f"sqlite:///{folder / part}.db"
            migrate(url)
            engine = create_database_engine(url)
            base = KnowledgeBase(engine, encoder)
            if part == "build":
                results["build"] = _build(folder, engine, encoder, options.passages)
                base.refresh()
                results["search"] = _search(base, encoder, options.questions)
                results["search"]["ten_nearest_found"] = _exactness(base, encoder)
            else:
                _fill(engine, encoder, options.articles)
                base.refresh()
                results["publish"] = _publish(base, engine, encoder, options.rounds)
            engine.dispose()
    table = Table("part", "measure", "value")
    for part, values in results.items():
        for key, value in values.items():
            table.add_row(part, key, f"{value:,.3f}" if isinstance(value, float) else f"{value:,}")
    Console().print(table)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
