"""The engine's half of `scripts/bench intents`; runs in the engine's environment, where Rasa is.

Trains the NLU of config.yml on `train.json` of a folder, reads `test.json`, a list of texts, and writes
`understood.json`: what the pipeline made of each text, and how long it took.
"""

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

from rasa.core.agent import Agent
from rasa.model_training import train_nlu

from bot.engine import tuning
from bot.engine.channel import plain_text
from bot.engine.featurizer import shared_encoder

WARM_UP = 20


def main() -> None:
    folder = Path(sys.argv[1])
    # As the service's channel hands them on: a leading slash would be a command to Rasa.
    texts = [plain_text(text) for text in json.loads((folder / "test.json").read_text(encoding="utf-8"))]
    started = time.perf_counter()
    model = train_nlu(str(folder / "config.yml"), str(folder / "train.json"), str(folder), fixed_model_name="intents")
    training_s = time.perf_counter() - started
    # As the running engine is.
    tuning.apply()
    agent = Agent.load(model)
    tuning.settle()
    understood, took = asyncio.run(_understand(agent, texts))
    encoder = shared_encoder()
    encoding = []
    for text in texts:
        started = time.perf_counter()
        encoder.encode([text])
        encoding.append((time.perf_counter() - started) * 1000)
    result = {
        "understood": understood,
        "training_s": training_s,
        "ms_per_message": statistics.median(took),
        "ms_encoding": statistics.median(encoding),
    }
    (folder / "understood.json").write_text(json.dumps(result), encoding="utf-8")


async def _understand(agent: Agent, texts: list[str]) -> tuple[list[dict], list[float]]:
    """Return intent, ranking and out-of-scope probability of each text, and the milliseconds it took."""
    for text in texts[:WARM_UP]:
        await agent.parse_message(text)
    understood, took = [], []
    for text in texts:
        started = time.perf_counter()
        parsed = await agent.parse_message(text)
        took.append((time.perf_counter() - started) * 1000)
        understood.append({key: parsed.get(key) for key in ("intent", "intent_ranking", "out_of_scope_probability")})
    return understood, took


if __name__ == "__main__":
    main()
