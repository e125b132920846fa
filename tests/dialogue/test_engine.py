"""What may come back from the engine's address, and what it means."""

import asyncio
import contextlib
import json

import numpy as np
import pytest

from bot.dialogue.embeddings import Embeddings
from bot.dialogue.engine import EngineDown, RasaEngine, TurnRequest
from kb_index.encoder import Encoder, unpack
from kb_index.settings import ROOT

ENCODER = Encoder.load(ROOT / "models" / "encoder")
REQUEST = TurnRequest("c" * 32, 1, "hello", None, {})


async def ask(answer: bytes | None, timeout_s: float = 5.0, question=lambda engine: engine.take_turn(REQUEST)):
    """Ask an engine whose every answer is `answer`; None never answers."""
    seen = []

    serving = []

    async def serve(reader, writer):
        serving.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))[15:])
        seen.append((head.decode(), json.loads(await reader.readexactly(length))))
        if answer is None:
            await reader.read()  # until the other side gives up
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    embeddings = Embeddings(ENCODER)
    engine = RasaEngine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "the-token", timeout_s, embeddings)
    try:
        return await question(engine), seen
    finally:
        await engine.close()
        embeddings.close()
        server.close()
        await asyncio.gather(*serving)


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status.encode(), len(body), body)


async def test_a_turn_is_sent_with_the_token_and_comes_back_typed():
    body = {"messages": [{"type": "text", "text": "hi"}], "intent": "greet", "confidence": 0.9, "policy": "RulePolicy"}
    result, seen = await ask(http(json.dumps({**body, "state": {"slots": {}}, "error": None}).encode()))
    assert result.messages == [{"type": "text", "text": "hi"}] and result.state == {"slots": {}}
    head, sent = seen[0]
    assert "authorization: bearer the-token" in head.lower()
    assert sent["text"] == "hello" and sent["turn"] == 1
    assert sent["embedding"]["encoder"] == ENCODER.version
    assert np.allclose(unpack(sent["embedding"]["vector"]), ENCODER.encode(["hello"])[0], atol=1e-3)


async def test_understanding_takes_no_turn_and_comes_back_ranked():
    body = {
        "intent": {"name": "greet", "confidence": 0.9},
        "intent_ranking": [{"name": "greet", "confidence": 0.9}, {"name": "goodbye", "confidence": 0.1}],
        "entities": [{"entity": "order_number", "value": "KF-12345"}],
    }
    answer = http(json.dumps(body).encode())
    understood, seen = await ask(answer, question=lambda engine: engine.understand("hello"))
    assert understood.ranking == [("greet", 0.9), ("goodbye", 0.1)]
    assert understood.entities == [("order_number", "KF-12345")]
    head, sent = seen[0]
    assert head.startswith("POST /webhooks/switchboard/parse ") and "authorization: bearer the-token" in head.lower()
    assert sent["text"] == "hello" and sent["embedding"]["encoder"] == ENCODER.version


@pytest.mark.parametrize(
    "answer",
    [
        http(b'{"messages": [], "error": "action_failed: action_answer"}'),
        http(b'{"error": "unauthorized"}', "401 Unauthorized"),
        http(b"Internal Server Error", "500 Internal Server Error"),
        http(b"not json"),
        http(b"[]"),
        b"garbage",
        b"",
    ],
)
async def test_anything_but_a_good_answer_is_an_engine_that_is_down(answer):
    with pytest.raises(EngineDown):
        await ask(answer)


async def test_an_engine_that_takes_too_long_is_down():
    with pytest.raises(EngineDown, match="Timeout"):
        await ask(None, timeout_s=0.2)


async def test_an_encoder_that_fails_is_an_engine_that_is_down():
    class Broken:
        version = "broken"

        def encode(self, texts):
            raise RuntimeError("out of memory")

    embeddings = Embeddings(Broken())
    engine = RasaEngine("http://127.0.0.1:9", "the-token", 1.0, embeddings)
    with pytest.raises(EngineDown, match="the encoder: RuntimeError: out of memory"):
        await engine.take_turn(REQUEST)
    await engine.close()
    embeddings.close()


async def test_nobody_there_is_down_and_not_healthy():
    embeddings = Embeddings(ENCODER)
    engine = RasaEngine("http://127.0.0.1:9", "the-token", 1.0, embeddings)
    with pytest.raises(EngineDown):
        await engine.take_turn(REQUEST)
    assert await engine.healthy() is False
    await engine.close()
    embeddings.close()
