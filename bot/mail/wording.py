"""What the mails say. Plain text: what people typed stays what they typed."""

import re
from collections.abc import Sequence

from bot.conversations.services import Message

SUBJECT = "Your support request #{number}"
# How much of what the customer wrote a confirmation repeats. Whoever owns the address may not be who typed it, so
# there is neither much nor a link in it.
MAX_QUOTE = 300
MAX_REASON = 200
FOOTER = "Reply to this e-mail to answer: your reply goes straight into the same conversation."
_LINK = re.compile(r"\b(?:[a-z][a-z0-9+.\-]*://|www\.)\S+|\b[\w\-]+(?:\.[\w\-]+)*\.[a-z]{2,}(?:/\S*)?", re.IGNORECASE)


def subject(conversation_id: str) -> str:
    return SUBJECT.format(number=conversation_id[:8])


def confirmation(said: Sequence[str]) -> str:
    """For who asked for e-mail: `said` is what they wrote, in its order."""
    quoted = "\n".join(f"    {line}" for line in _quote(said).splitlines())
    return (
        "Hello,\n\n"
        "you asked us in the chat to answer by e-mail. We have your request, and a person will answer it here. "
        f"This is what you wrote:\n\n{quoted}\n\n"
        "If there is something to add, reply to this e-mail: it goes into the same conversation.\n\n"
        "It was not you? Then somebody mistyped their address, and you can ignore this: the address gets no more "
        "mails than the answer, and nothing was signed up for.\n"
    )


def reply(messages: Sequence[Message]) -> str:
    """What agents wrote, in order, under the name of who wrote it, and whether that closed the request."""
    parts: list[str] = []
    name = None
    for message in messages:
        if message.author == "agent":
            if name not in (None, message.agent_name):
                parts.append(f"— {name}")
            parts.append(message.text)
            name = message.agent_name
    if name:
        parts.append(f"— {name}")
    if messages[-1].author == "system":
        parts.append("We have closed this request. If there is anything else, reply to this e-mail.")
    else:
        parts.append(FOOTER)
    return "\n\n".join(parts) + "\n"


def by_email(address: str) -> str:
    """The notice in the chat."""
    return (
        f"We will answer by e-mail to {address}. You can close the chat; if you reply to our e-mail, it comes back "
        "into this conversation. If the address is wrong, just enter the right one."
    )


def returned(address: str, error: str) -> str:
    return f"Our e-mail to {address} could not be delivered: {one_line(error)}"


def one_line(text: str) -> str:
    """What a mail server said, for people: bounded, and without what cannot be shown."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= MAX_REASON else shown[: MAX_REASON - 1] + "…"


def _quote(said: Sequence[str]) -> str:
    # Cut before it is looked through, which takes quadratic time.
    text = _LINK.sub("[link]", "\n".join(said)[: 2 * MAX_QUOTE])
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1].rstrip() + "…"
