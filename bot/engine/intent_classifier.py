"""Rasa's side of the intent classifier: training data in, `intent`, `intent_ranking` and doubts out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.importers.utils import training_data_from_paths
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.featurizer import SentenceEncoderFeaturizer, shared_encoder
from bot.engine.intent_model import IntentModel, Strength
from bot.engine.spelling import Speller

ROOT = Path(__file__).resolve().parent.parent.parent
# The attribute under which a message carries how probably it has none of the intents, 0 to 1.
OUT_OF_SCOPE_PROBABILITY = "out_of_scope_probability"
OUT_OF_SCOPE_FROM = 0.5
# With as many messages of its own that are out of scope, a training needs no background, and hardly any intents that
# are left out, to stand in for them.
ENOUGH_OUT_OF_SCOPE = 20
UNSEEN_BESIDE_OWN = 0.05
_STRENGTH = vars(Strength())


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class KernelIntentClassifier(IntentClassifier, GraphComponent):
    """Classifies with `IntentModel`, and calls `out_of_scope_intent` what is probably none of the intents.

    What would be out of scope, and has slips of the keyboard, is read once more without them (`Speller`); what is
    understood as it was typed is left alone.

    `background` names Rasa training files (from the project's root) with messages that no intent is meant to
    catch, for trainings with fewer than `ENOUGH_OUT_OF_SCOPE` such messages of their own. Those as near as
    `background_cosine` to an example of an intent are left out: a bot that does understand greetings is not
    taught that they are out of scope.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [SentenceEncoderFeaturizer]

    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn", "scipy"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {
            "out_of_scope_intent": "out_of_scope",
            "background": [],
            "background_cosine": 0.5,
            "ranking_length": 5,
            **_STRENGTH,
        }

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        if not 0 <= config["lexical"] < 1 or not 0 <= config["unseen_weight"] <= 1:
            raise ValueError("KernelIntentClassifier: `lexical` and `unseen_weight` lie between 0 and 1.")
        if not 0 < config["share_outside"] < 1:
            raise ValueError("KernelIntentClassifier: `share_outside` lies between 0 and 1.")
        if min(config["ridge"], config["certainty_ridge"], config["sharpness"]) <= 0:
            raise ValueError("KernelIntentClassifier: `ridge`, `certainty_ridge` and `sharpness` are above 0.")
        if config["ranking_length"] < 1:
            raise ValueError("KernelIntentClassifier: `ranking_length` is at least 1.")

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "KernelIntentClassifier":
        return cls(config, model_storage, resource)

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: IntentModel | None = None,
        speller: Speller | None = None,
    ) -> None:
        self.validate_config({**self.get_default_config(), **config})
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model
        self._speller = speller

    def train(self, training_data: TrainingData) -> Resource:
        examples = [each for each in training_data.intent_examples if each.get(INTENT) and each.get(TEXT)]
        nothing = self._config["out_of_scope_intent"]
        labels = [None if each.get(INTENT) == nothing else each.get(INTENT) for each in examples]
        texts = [each.get(TEXT) for each in examples]
        embeddings = np.stack([_embedding(each) for each in examples])
        inside = embeddings[[label is not None for label in labels]]
        strength = Strength(**{name: float(self._config[name]) for name in _STRENGTH})
        more, their_embeddings = [], embeddings[:0]
        if labels.count(None) >= ENOUGH_OUT_OF_SCOPE:
            strength = replace(strength, unseen_weight=min(strength.unseen_weight, UNSEEN_BESIDE_OWN))
        else:
            more, their_embeddings = self._background(set(texts), inside)
        self._model = IntentModel.fit(
            np.concatenate([embeddings, their_embeddings]), texts + more, labels + [None] * len(more), strength
        )
        self._speller = Speller.learn(texts + more, shared_encoder().knows)
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
            self._speller.save(folder)
        return self._resource

    def _background(self, known: set[str], inside: np.ndarray) -> tuple[list[str], np.ndarray]:
        """Return texts that are near no example of an intent, with their embeddings, `(texts, dimensions)`."""
        encoder = shared_encoder()
        paths = [str(ROOT / path) for path in self._config["background"]]
        examples = training_data_from_paths(paths, "en").intent_examples if paths else []
        texts = sorted({each.get(TEXT) for each in examples} - known)
        embeddings = encoder.encode(texts)
        if not texts:
            return texts, embeddings
        far = (embeddings @ inside.T).max(axis=1) < self._config["background_cosine"]
        return [text for text, is_far in zip(texts, far, strict=True) if is_far], embeddings[far]

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "KernelIntentClassifier":
        with model_storage.read_from(resource) as folder:
            model = IntentModel.load(folder)
            return cls(config, model_storage, resource, model, Speller.load(folder, shared_encoder().knows))

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process([each for each in training_data.training_examples if each.get(TEXT)])
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            self._classify(message)
        return messages

    def _classify(self, message: Message) -> None:
        probabilities, outside = self._probabilities(message)
        best = np.argsort(-probabilities)[: self._config["ranking_length"]]
        ranking = [_ranked(self._model.intents[index], probabilities[index]) for index in best]
        nothing = self._config["out_of_scope_intent"]
        if outside >= OUT_OF_SCOPE_FROM:
            ranking.insert(0, _ranked(nothing, outside))
        else:
            # Probably in scope: doubt between two intents is no reason to rank none of them first.
            ranking.insert(1, _ranked(nothing, min(outside, ranking[0][PREDICTED_CONFIDENCE_KEY])))
            ranking[1:] = sorted(ranking[1:], key=lambda each: -each[PREDICTED_CONFIDENCE_KEY])
        message.set(INTENT, ranking[0], add_to_output=True)
        message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        message.set(OUT_OF_SCOPE_PROBABILITY, float(outside), add_to_output=True)

    def _probabilities(self, message: Message) -> tuple[np.ndarray, float]:
        """What `IntentModel` makes of the message, as it is or, where that is out of scope, without its slips."""
        text = message.get(TEXT) or ""
        reading = self._model.probabilities(_embedding(message), text)
        if reading[1] < OUT_OF_SCOPE_FROM or (corrected := self._speller.correct(text)) == text:
            return reading
        other = self._model.probabilities(shared_encoder().encode([corrected])[0], corrected)
        return min(reading, other, key=lambda each: each[1])


def _ranked(intent: str, probability: float) -> dict[str, Any]:
    return {INTENT_NAME_KEY: intent, PREDICTED_CONFIDENCE_KEY: float(probability)}


def _embedding(message: Message) -> np.ndarray:
    """The message's sentence feature, `(dimensions,)`, of length one."""
    vector = message.get_dense_features(TEXT)[1].features[0].astype(np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
