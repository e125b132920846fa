"""Whose turn it is: the only place where the owner of a conversation changes.

Who changes it holds the lock of the conversation's row, or (in `give`) of what stands for it: nobody else gives away a
chat whose waiting hand-off is locked. Each function runs inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, Text, bindparam, insert, literal, select, update
from sqlalchemy.orm import Session

from bot.conversations.models import AGENT, BOT, QUEUE, Conversation, Message
from bot.db import UtcDateTime
from bot.events import announce, conversation_topic

_C, _M = Conversation.__table__, Message.__table__
_AT = bindparam("at", type_=UtcDateTime)


_GIVEN = (
    update(_C)
    .where(_C.c.id == bindparam("chat"))
    .values(
        owner=AGENT,
        owner_version=_C.c.owner_version + 1,
        agent_id=bindparam("agent"),
        agent_name=bindparam("name"),
        last_sequence=_C.c.last_sequence + 1,
        updated_at=_AT,
        turn_due_at=None,
    )
)
_JOINED = insert(_M).from_select(
    ["conversation_id", "sequence", "author", "kind", "text", "extra", "created_at"],
    select(
        _C.c.id,
        # The number that `_GIVEN` has just taken.
        _C.c.last_sequence,
        literal("system"),
        literal("notice"),
        bindparam("text", type_=Text),
        bindparam("extra", type_=JSON),
        _AT,
    ).where(_C.c.id == bindparam("chat")),
    include_defaults=False,
)


@dataclass(frozen=True)
class Given:
    """A conversation that becomes this agent's (id and name)."""

    conversation_id: str
    agent: tuple[str, str]


def change_owner(
    session: Session,
    conversation: Conversation,
    owner: str,
    agent: tuple[str, str] | None = None,
) -> None:
    """The conversation's row must be locked by the caller."""
    if owner not in (BOT, QUEUE, AGENT) or (owner == AGENT) != (agent is not None):
        raise ValueError(f"no such owner: {owner} with agent {agent}")
    conversation.owner = owner
    conversation.owner_version += 1
    conversation.agent_id, conversation.agent_name = agent or (None, None)
    conversation.turn_due_at = None
    if owner == BOT:
        # A fresh start: nothing of before makes the bot hand off again, or answer old messages.
        conversation.dialogue_state = None
        conversation.page_trouble = None
        conversation.answered_sequence = conversation.last_sequence
        conversation.bot_since_sequence = conversation.last_sequence
    announce(session, conversation_topic(conversation.id))


def give(session: Session, chats: Sequence[Given], at: datetime) -> None:
    """Give waiting chats to agents, and tell the customers that somebody has joined.

    Core, because claims come in bursts: a `Conversation` that the session holds already is stale afterwards. The caller
    has locked each chat's waiting hand-off.
    """
    connection = session.connection()
    connection.execute(
        _GIVEN,
        [{"chat": chat.conversation_id, "agent": chat.agent[0], "name": chat.agent[1], "at": at} for chat in chats],
    )
    connection.execute(
        _JOINED,
        [
            {
                "chat": chat.conversation_id,
                "text": f"{chat.agent[1]} has joined the chat.",
                "extra": {"notice": "agent_joined", "name": chat.agent[1]},
                "at": at,
            }
            for chat in chats
        ],
    )
    announce(session, *(conversation_topic(chat.conversation_id) for chat in chats))
