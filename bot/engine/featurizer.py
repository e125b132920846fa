"""Sentence-encoder features for Rasa's classifiers, from the same artefact that the knowledge base uses."""

import contextvars
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from kb_index.encoder import Encoder, pack, unpack

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = 64
# The attribute under which a message carries its own embedding to the action server,
# which would otherwise encode the same text again (kb_index.encoder.pack).
EMBEDDING = "embedding"
# The text of the turn at hand and its embedding, where the service sent it along.
given: "contextvars.ContextVar[tuple[str, np.ndarray] | None]" = contextvars.ContextVar("given", default=None)


@lru_cache(maxsize=1)
def shared_encoder() -> Encoder:
    """The exported encoder, loaded once a process."""
    return Encoder.load(Path(os.environ.get("SWITCHBOARD_ENCODER_DIR") or ROOT / "models" / "encoder"))


def accept(text: str, offered: Any) -> None:
    """Take the embedding of `text` that came with a turn, `{"encoder", "vector"}`, if our encoder made it.

    The service encodes while the engine is busy with other turns, on the other core. Where it sent none, or
    the two processes have different encoders for the moment, the engine encodes for itself.
    """
    given.set(None)
    encoder = shared_encoder()
    if not isinstance(offered, dict) or offered.get("encoder") != encoder.version:
        return
    try:
        vector = unpack(str(offered.get("vector")))
    except ValueError:
        return
    if vector.shape == (encoder.dimensions,) and np.isfinite(vector).all():
        given.set((text, vector))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoderFeaturizer(DenseFeaturizer, GraphComponent):
    """Gives each message one dense sentence feature: its embedding, of length one."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "SentenceEncoderFeaturizer":
        return cls(execution_context.node_name, config)

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        super().__init__(name, config)

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return DenseFeaturizer.get_default_config()

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing can be set that could be wrong."""

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        examples = [message for message in training_data.training_examples if message.get(TEXT)]
        for start in range(0, len(examples), BATCH):
            self._featurize(examples[start : start + BATCH])
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message, embedding in zip(messages, self._featurize(messages), strict=True):
            message.set(EMBEDDING, pack(embedding), add_to_output=True)
        return messages

    def _featurize(self, messages: list[Message]) -> np.ndarray:
        embeddings = self._embeddings([message.get(TEXT) or "" for message in messages])
        for message, embedding in zip(messages, embeddings, strict=True):
            message.add_features(
                Features(
                    embedding[np.newaxis, :],
                    FEATURE_TYPE_SENTENCE,
                    TEXT,
                    self._identifier,
                )
            )
        return embeddings

    @staticmethod
    def _embeddings(texts: list[str]) -> np.ndarray:
        text, embedding = given.get() or (None, None)
        if embedding is not None and texts == [text]:
            return embedding[np.newaxis, :]
        return shared_encoder().encode(texts)
