"""The engine's half of `scripts/bench handover`; runs in the engine's environment, where Rasa is.

Reads `texts.json` of a folder, a list, and writes `intents.json`: what the trained model takes each text for.
"""

import asyncio
import json
import sys
from pathlib import Path

from rasa.core.agent import Agent

from bot.engine import tuning
from bot.engine.channel import plain_text


async def _intents(agent: Agent, texts: list[str]) -> dict[str, tuple[str, float]]:
    found = {}
    for text in texts:
        intent = (await agent.parse_message(plain_text(text)))["intent"]
        found[text] = (intent["name"], intent["confidence"])
    return found


def main() -> None:
    folder, model = Path(sys.argv[1]), sys.argv[2]
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    tuning.apply()
    agent = Agent.load(model)
    tuning.settle()
    (folder / "intents.json").write_text(json.dumps(asyncio.run(_intents(agent, texts))), encoding="utf-8")


if __name__ == "__main__":
    main()
