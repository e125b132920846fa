"""The tables behind conversations."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcDateTime, now

BOT = "bot"
QUEUE = "queue"
AGENT = "agent"


def new_id() -> str:
    return uuid4().hex


class Customer(Base):
    """A visitor; `external_id` is the shop's own id for them once they are identified."""

    __tablename__ = "customers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    external_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    plan: Mapped[str | None] = mapped_column(String(100))
    locale: Mapped[str] = mapped_column(String(20), default="en")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    # When they asked not to be written to unasked.
    opted_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (
        # Without `updated_at`: every message would rewrite the index, and on PostgreSQL all others of the table.
        Index("ix_conversations_customer_id", "customer_id"),
        Index("ix_conversations_turn_due_at", "turn_due_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.id"))
    # Who answers: bot, queue or agent. Every change bumps owner_version; what was written under an
    # older number is dropped.
    owner: Mapped[str] = mapped_column(String(10), default=BOT)
    owner_version: Mapped[int] = mapped_column(default=1)
    agent_id: Mapped[str | None] = mapped_column(String(32))
    agent_name: Mapped[str | None] = mapped_column(String(200))
    last_sequence: Mapped[int] = mapped_column(default=0)
    # The newest customer message that the bot has dealt with, and the first one of its present spell.
    answered_sequence: Mapped[int] = mapped_column(default=0)
    bot_since_sequence: Mapped[int] = mapped_column(default=0)
    # Set while a customer message waits for the bot: whose time it is past may take the turn.
    turn_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dialogue_state: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    page: Mapped[str | None] = mapped_column(String(1000))
    # What the page last reported, as {"what", "times", "at"}: see conversations.services.report_trouble.
    page_trouble: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    read_sequence: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Message(Base):
    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("conversation_id", "client_id"),)

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # customer, bot, agent or system
    author: Mapped[str] = mapped_column(String(10))
    agent_id: Mapped[str | None] = mapped_column(String(32))
    agent_name: Mapped[str | None] = mapped_column(String(200))
    # Chosen by whoever sent it; the same one again is the same message.
    client_id: Mapped[str | None] = mapped_column(String(64))
    # text, answer or notice
    kind: Mapped[str] = mapped_column(String(10), default="text")
    text: Mapped[str] = mapped_column(Text)
    # What goes with it for the widget: article, quick_replies, ask_helped, notice, vote.
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class Vote(Base):
    """Whether an answer helped, as the customer said under it. The last word counts."""

    __tablename__ = "votes"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    article_id: Mapped[str | None] = mapped_column(String(80))
    helped: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
