"""What is passed on of conversations and their messages, beside the tables: plain values, safe between threads."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

# What a page reported longer ago has been dealt with, one way or another.
TROUBLE_LASTS = timedelta(minutes=30)


@dataclass(frozen=True)
class Uttered:
    """What the customer or the assistant said; `quoted` are an article's words, not the assistant's own."""

    by_customer: bool
    text: str
    at: datetime
    quoted: bool = False


@dataclass(frozen=True)
class Trouble:
    """What the customer's page reported last, and how often since their chat began."""

    what: str
    times: int
    at: datetime

    def counts(self, at: datetime) -> bool:
        return self.at > at - TROUBLE_LASTS


@dataclass(frozen=True)
class Turn:
    """One customer message that this worker now has to get an answer for.

    `before` is what was said since the bot took over, the newest last, at most `turns.SAID_BEFORE`.
    """

    conversation_id: str
    sequence: int
    text: str
    vote: bool | None
    state: dict[str, Any] | None
    owner_version: int
    lease: datetime
    before: tuple[Uttered, ...]
    locale: str
    at: datetime
    plan: str | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Stored:
    """A message as it was just stored: what a row of it says to a customer."""

    sequence: int
    author: str
    kind: str
    text: str
    created_at: datetime
    client_id: str | None
    agent_name: str | None
    extra: dict[str, Any] | None


@dataclass(frozen=True)
class Posted:
    message: Stored | Row[Any]
    repeated: bool
    turn: Turn | None


@dataclass(frozen=True)
class Reply:
    """What the bot says: one message to store."""

    text: str
    kind: str = "text"
    extra: dict[str, Any] | None = None


def trouble_of(conversation: Any) -> Trouble | None:
    """What the page of this conversation (its row, or as it is stored) reported last."""
    reported = conversation.page_trouble
    return Trouble(**reported | {"at": datetime.fromisoformat(reported["at"])}) if reported else None
