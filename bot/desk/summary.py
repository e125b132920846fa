"""What an agent reads first: what the customer wants, and what the bot tried."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversations.services import Message

MAX_QUOTE = 200
MAX_QUOTES = 3


@dataclass(frozen=True)
class Summary:
    text: str
    tried: tuple[str, ...]


def summarise(messages: Sequence[Message]) -> Summary:
    """From the messages since the bot took over: the first and the newest things said, and the articles shown."""
    said = [message for message in messages if message.author == "customer"]
    quotes = [said[0], *said[-(MAX_QUOTES - 1) :]] if len(said) > MAX_QUOTES else said
    lines = [f"“{_short(message.text)}”" for message in quotes]
    if len(said) > MAX_QUOTES:
        lines.insert(1, f"… {len(said) - MAX_QUOTES} more …")
    tried = dict.fromkeys(
        message.extra["article"]["title"]
        for message in messages
        if message.author == "bot" and message.extra and message.extra.get("article")
    )
    return Summary("\n".join(lines), tuple(tried))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1].rstrip() + "…"
