"""Many customers who wait at once, made in a second: as rows, not message by message."""

from datetime import timedelta

from sqlalchemy import insert
from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.db import now
from bot.desk.models import Handoff


def fill(session: Session, count: int) -> list[str]:
    """Let `count` customers wait, who asked one second after the other; the ids of their chats in that order."""
    chats = [f"{number:032x}" for number in range(count)]
    first = now() - timedelta(seconds=count)
    asked = [first + timedelta(seconds=number) for number in range(count)]
    session.execute(insert(conversations.Customer), [{"id": chat} for chat in chats])
    session.execute(
        insert(conversations.Conversation),
        [{"id": chat, "customer_id": chat, "owner": conversations.QUEUE, "owner_version": 2} for chat in chats],
    )
    session.execute(
        insert(Handoff),
        [
            {
                "conversation_id": chat,
                "reason": "asked_for_person",
                "reasons": ["Asked for a person."],
                "summary": "“Hello?”",
                "tried": [],
                "requested_at": at,
                "due_at": at,
                "queued_at": at,
            }
            for chat, at in zip(chats, asked, strict=True)
        ],
    )
    return chats
