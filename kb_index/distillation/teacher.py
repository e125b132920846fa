"""The teacher, whose vectors the student learns: all-mpnet-base-v2, five times its size and too slow to serve."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

NAME = "all-mpnet-base-v2"
SHORT_A_LESSON, PASSAGES_A_LESSON = 3072, 300
TEXTS_A_STEP, TOKENS_A_TEXT = 48, 200


def joined(parts: Path, folder: Path) -> Path:
    """Return the teacher's folder, made of the parts of one archive that `requirements/teacher.txt` puts into `parts`.

    Raises FileNotFoundError where they are not there.
    """
    target = folder / NAME
    if not target.is_dir():
        found = sorted(parts.glob("*/input/*.zip.*"), key=lambda each: each.suffix)
        if not found:
            raise FileNotFoundError(f"no teacher in {parts}: `scripts/train encoder` fetches it")
        with zipfile.ZipFile(io.BytesIO(b"".join(each.read_bytes() for each in found))) as packed:
            packed.extractall(folder / "aside")
        (folder / "aside" / NAME).rename(target)
    return target


def lesson(number: int, short: list[str], passages: list[str]) -> list[str]:
    """Return the texts of one lesson."""
    return [
        *short[number * SHORT_A_LESSON : (number + 1) * SHORT_A_LESSON],
        *passages[number * PASSAGES_A_LESSON : (number + 1) * PASSAGES_A_LESSON],
    ]


def teach(source: Path, lessons: dict[Path, list[str]], say=print) -> None:
    """Write the teacher's vectors for lessons, each by the file that they go to; what is there already is kept."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(source), device="cpu")
    model.max_seq_length = TOKENS_A_TEXT
    model.to(torch.bfloat16)
    for target, texts in lessons.items():
        if target.exists() and json.loads(target.with_suffix(".json").read_text()) == texts:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with torch.inference_mode():
            vectors = model.encode(texts, batch_size=TEXTS_A_STEP, convert_to_tensor=True).float().numpy()
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        target.with_suffix(".json").write_text(json.dumps(texts))
        aside = target.with_suffix(".part.npz")
        np.savez(aside, e=vectors.astype(np.float16))
        aside.rename(target)
        say(f"teacher: {target.parent.name}, lesson {target.stem}")
