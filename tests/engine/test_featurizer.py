"""The embedding of a message: the one that came with the turn where it can be trusted, else the engine's own."""

import numpy as np
import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.engine import featurizer
from bot.engine.featurizer import EMBEDDING, SentenceEncoderFeaturizer, accept, shared_encoder
from kb_index.encoder import pack, unpack

TEXT = "where is my parcel"


@pytest.fixture
def embedded():
    """What a message with `text` carries after featurizing, when `offered` came with the turn for TEXT."""
    component = SentenceEncoderFeaturizer("test", {"alias": None})

    def embed(offered, text=TEXT):
        accept(TEXT, offered)
        message = component.process([Message({"text": text})])[0]
        features = message.get_dense_features("text")[1].features[0]
        vector = unpack(message.get(EMBEDDING))
        assert np.allclose(features, vector, atol=2e-3)
        return vector

    yield embed
    featurizer.given.set(None)


def own(text=TEXT):
    return shared_encoder().encode([text])[0]


def marked():
    """A vector that the encoder would never make, so that it is known again."""
    vector = np.zeros(shared_encoder().dimensions, dtype=np.float32)
    vector[0] = 1
    return vector


def test_the_services_embedding_is_used(embedded):
    vector = embedded({"encoder": shared_encoder().version, "vector": pack(marked())})
    assert np.array_equal(vector, marked())


@pytest.mark.parametrize(
    "offered",
    [
        None,
        "nonsense",
        {},
        {"encoder": "another", "vector": pack(marked())},
        {"encoder": shared_encoder().version},
        {"encoder": shared_encoder().version, "vector": "not base64!"},
        {"encoder": shared_encoder().version, "vector": pack(marked()[:-1])},
        {"encoder": shared_encoder().version, "vector": pack(marked() * np.nan)},
    ],
)
def test_what_cannot_be_trusted_is_encoded_here(embedded, offered):
    assert np.allclose(embedded(offered), own(), atol=1e-3)


def test_it_is_used_for_its_own_text_only(embedded):
    offered = {"encoder": shared_encoder().version, "vector": pack(marked())}
    assert np.allclose(embedded(offered, "another text"), own("another text"), atol=1e-3)
