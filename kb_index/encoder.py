"""The sentence encoder as every process loads it: ONNX Runtime and a tokenizer, no torch.

Runs on Python 3.10 inside the sealed engine too, so it imports nothing but the standard library (as does
`kb_index.pictographs`), numpy, onnxruntime and tokenizers. `kb_index.export` makes the artefact that it loads.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from kb_index.pictographs import in_words

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
DESCRIPTION_FILE = "encoder.json"
FORMAT = 1
# What a part of a text has in common with all of it counts half, or the rows of a table would be one like the other.
# Chosen on half of the demo shop's labelled answers, see docs/answers.md.
CONTEXT = 0.5
# What the graph gives for a text: its embedding, and one for each of its tokens, in their context.
OUTPUTS = ("embedding", "tokens")
DESCRIBED = ("name", "version", "precision", "dimensions", "max_length")

# No tokenizer in use makes fewer tokens than one in 32 characters of prose. Cutting here first keeps a
# ten-megabyte text from being tokenized in full only to be truncated.
CHARACTERS_A_TOKEN = 32


class EncoderError(RuntimeError):
    """The exported encoder is missing, damaged, or of a kind this version does not read."""


class Encoder:
    """Turns texts into vectors of length one; near meanings lie near each other. Safe to share between threads."""

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, description: dict) -> None:
        self.name: str = description["name"]
        self.version: str = description["version"]
        self.precision: str = description["precision"]
        self.dimensions: int = description["dimensions"]
        self.max_length: int = description["max_length"]
        self._session = session
        # A graph that was made for one text at a time has no mask (kb_index/graph.py).
        self._masked = len(session.get_inputs()) > 1
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, directory: Path, threads: int = 1) -> Encoder:
        """Load the artefact in `directory`, with `threads` threads for one text.

        One thread is the default because requests run side by side already.
        Raises `EncoderError` when the artefact is missing, damaged or of another format.
        """
        directory = Path(directory)
        description = read_description(directory)
        if description["version"] != artefact_version(directory):
            raise EncoderError(f"the encoder in {directory} is damaged: export it again with `kb_index.export --force`")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads would otherwise burn a core each between two requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        tokenizer.no_padding()
        tokenizer.enable_truncation(description["max_length"])
        session = onnxruntime.InferenceSession(str(directory / MODEL_FILE), options, providers=["CPUExecutionProvider"])
        encoder = cls(session, tokenizer, description)
        encoder.encode(["The first run allocates memory; let no customer wait for it."])
        return encoder

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 `(len(texts), dimensions)`, each row L2-normalised; a text beyond the model's length is cut.

        Texts run one by one: int8 activations share a scale over a whole batch, so in a batch a text's
        vector would depend on its neighbours, and on one thread a batch saves next to nothing.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._encode_one(text)
        return vectors

    def encode_parts(self, text: str, spans: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Return a text's embedding `(dimensions,)` and those of parts of it, `(len(spans), dimensions)`, from one run.

        `spans` are from and to in characters. A part is the mean of its tokens, so that "it costs 5 euros" knows what
        is spoken of, less what it shares with the text; one beyond the model's length is encoded by itself.
        """
        encoded = self._tokenizer.encode(self._clean(text))
        embedding, tokens = self._session.run(list(OUTPUTS), self._given(encoded.ids))
        parts = np.empty((len(spans), self.dimensions), dtype=np.float32)
        shared = CONTEXT * tokens[0].mean(axis=0)
        starts, ends = np.array(encoded.offsets).reshape(-1, 2).T
        for row, (start, end) in enumerate(spans):
            inside = (starts >= start) & (ends <= end) & (ends > starts)
            # What the model's length cuts off, or cuts short, has to be read by itself.
            whole = inside.any() and (not encoded.overflowing or ends[inside].max() == end)
            if whole and tokens.shape[2] == self.dimensions:
                parts[row] = _unit(tokens[0][inside].mean(axis=0) - shared)
            else:
                parts[row] = self._encode_one(text[start:end])
        return _unit(embedding[0]), parts

    def token_ids(self, text: str) -> np.ndarray:
        """Return int64 `(1, tokens)`, as the graph takes them."""
        return np.array([self._ids(text)], dtype=np.int64)

    def knows(self, word: str) -> bool:
        """Whether the tokenizer has a word as one piece, as it has all common ones."""
        return len(self._tokenizer.encode(word, add_special_tokens=False).ids) == 1

    def _encode_one(self, text: str) -> np.ndarray:
        return _unit(self._session.run([OUTPUTS[0]], self._given(self._ids(text)))[0][0])

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(in_words(self._clean(text))).ids

    def _clean(self, text: str) -> str:
        # A lone surrogate cannot be passed on as UTF-8.
        return text[: self.max_length * CHARACTERS_A_TOKEN].encode("utf-8", "replace").decode("utf-8")

    def _given(self, ids: list[int]) -> dict[str, np.ndarray]:
        batch = np.array([ids], dtype=np.int64)
        return {"input_ids": batch, "attention_mask": np.ones_like(batch)} if self._masked else {"input_ids": batch}


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def pack(vector: np.ndarray) -> str:
    """A vector as text, for messages between processes: base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def unpack(packed: str) -> np.ndarray:
    """The float32 vector out of `pack`. Raises ValueError for text that is none."""
    return np.frombuffer(base64.b64decode(packed), dtype="<f2").astype(np.float32)


def read_description(directory: Path) -> dict:
    """Return `encoder.json` of the artefact; raises `EncoderError` when it is missing or unreadable."""
    try:
        description = json.loads((Path(directory) / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        if description["format"] != FORMAT:
            raise EncoderError(f"the encoder in {directory} has another format: run `python -m kb_index.export`")
        missing = [name for name in DESCRIBED if name not in description]
        if missing:
            raise EncoderError(f"the encoder in {directory} is damaged: {DESCRIPTION_FILE} has no {missing[0]}")
        return description
    except FileNotFoundError:
        raise EncoderError(f"no exported encoder in {directory}: run `python -m kb_index.export`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"the encoder in {directory} cannot be read: {error}") from error


def artefact_version(directory: Path) -> str:
    """Hash what decides the vectors, as 16 hex digits; stored embeddings name the encoder that made them by it."""
    digest = hashlib.sha256()
    for name in (MODEL_FILE, TOKENIZER_FILE):
        try:
            digest.update((Path(directory) / name).read_bytes())
        except OSError as error:
            raise EncoderError(f"the encoder in {directory} cannot be read: {error}") from error
    return digest.hexdigest()[:16]
