"""The tables behind the queue, and the people who work on it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcDateTime, now


class Handoff(Base):
    """One stay with people: it waits, is claimed, and ends. Open while `ended_at` is null."""

    __tablename__ = "handoffs"
    __table_args__ = (
        Index("ix_handoffs_ended_at_claimed_at_due_at", "ended_at", "claimed_at", "due_at"),
        # The queue itself: what the next free agent gets is its first row, however many hand-offs there have been.
        Index(
            "ix_handoffs_waiting",
            "due_at",
            "id",
            sqlite_where=text("ended_at IS NULL AND claimed_at IS NULL"),
            postgresql_where=text("ended_at IS NULL AND claimed_at IS NULL"),
        ),
        Index("ix_handoffs_agent_id_ended_at", "agent_id", "ended_at"),
        # One stay at a time, whatever races.
        Index(
            "uq_handoffs_open",
            "conversation_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_handoffs_conversation_id_ended_at", "conversation_id", "ended_at"),
        # Few rows at any time, looked for all the time.
        Index(
            "ix_handoffs_lost_by",
            "lost_by",
            sqlite_where=text("lost_by IS NOT NULL"),
            postgresql_where=text("lost_by IS NOT NULL"),
        ),
        Index(
            "ix_handoffs_pushed_at",
            "pushed_at",
            sqlite_where=text("pushed_at IS NOT NULL"),
            postgresql_where=text("pushed_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    # asked_for_person, frustrated, unresolved, complaint or engine_unavailable
    reason: Mapped[str] = mapped_column(String(30))
    # The same in plain words, each a sentence.
    reasons: Mapped[list[str]] = mapped_column(JSON)
    summary: Mapped[str] = mapped_column(Text)
    # What the bot tried: titles of the articles it showed.
    tried: Mapped[list[str]] = mapped_column(JSON)
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    # Orders the queue: `requested_at` less a head start for what is urgent. It stands still, so everybody's turn comes.
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_id: Mapped[str | None] = mapped_column(String(32))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # resolved, or null while open
    outcome: Mapped[str | None] = mapped_column(String(20))
    # Who should have it: a team, a skill (one of its topics), a language (ISO 639-1). Null: anybody.
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    skill: Mapped[str | None] = mapped_column(String(50))
    language: Mapped[str | None] = mapped_column(String(8))
    # Since when, and to which address, it is answered by e-mail. Null: the customer waits in the chat.
    by_email_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    by_email_to: Mapped[str | None] = mapped_column(String(254))
    # Since when it is offered to whom it is for; after a while anybody may take it.
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    # Given by the desk itself and not looked at since.
    pushed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The agent who was away while the customer waited, until they have seen that it went back.
    lost_by: Mapped[str | None] = mapped_column(String(32))
    # While it waits: when the customer was last heard of (to the minute), and since when they have been away for so
    # long that they count as gone. bot/desk/forecast.py keeps both.
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Then also: the due_at that they have again when they come back.
    place_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Team(Base):
    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class Agent(Base):
    """What the desk knows of an account that works on chats: what they can take, and whether they are there."""

    __tablename__ = "agents"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
    skills: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Empty: the articles' language only.
    languages: Mapped[list[str]] = mapped_column(JSON, default=list)
    # How many chats at a time; null: the setting.
    capacity: Mapped[int | None]
    # available, away, lunch or gone, and since when.
    state: Mapped[str] = mapped_column(String(10), default="gone")
    state_since: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    # When their desk was last heard of.
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When the desk itself last gave them a chat: whose turn it is among equals.
    given_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OpeningHours(Base):
    """The shop's week, in one row. Without it there is always somebody."""

    __tablename__ = "opening_hours"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    # As in the IANA time zone database: Europe/Dublin.
    time_zone: Mapped[str] = mapped_column(String(64))
    # Monday first: seven lists of [opens, closes] in minutes after midnight. Null: always open.
    week: Mapped[list[list[list[int]]] | None] = mapped_column(JSON)
    # What it was before the last change, for undoing that: the same two fields. Null: nothing to undo.
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    # Grows with every change, so that two who edit at once notice.
    version: Mapped[int] = mapped_column(default=1)


class Holiday(Base):
    """A day with hours of its own. A removed one is kept, so that removing can be undone."""

    __tablename__ = "holidays"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date)
    # Every year on this day.
    yearly: Mapped[bool]
    name: Mapped[str] = mapped_column(String(100))
    # As a day of the week; empty: closed.
    spans: Mapped[list[list[int]]] = mapped_column(JSON)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Promise(Base):
    """A range that a waiting customer was shown. A later one does not take the place of an earlier one."""

    __tablename__ = "promises"
    __table_args__ = (
        Index("ix_promises_handoff_id", "handoff_id"),
        Index(
            "ix_promises_open",
            "due_at",
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    handoff_id: Mapped[int] = mapped_column(ForeignKey("handoffs.id"))
    # Which stay in the queue: the conversation's owner_version all through it.
    spell: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    position: Mapped[int]
    low_min: Mapped[int]
    high_min: Mapped[int]
    # made_at + high_min
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # From when on it is about to break, and whether the hand-off was moved up for that.
    pressing_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pressed: Mapped[bool] = mapped_column(default=False)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Null while open, and where it can't be said: the customer left, or the clock was changed.
    kept: Mapped[bool | None]
    # Whether its breaking brought an apology.
    apologised: Mapped[bool] = mapped_column(default=False)
