"""The tables behind e-mail."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcDateTime, now


class MailThread(Base):
    """A conversation whose customer asked for e-mail. One address at a time; a corrected one replaces it."""

    __tablename__ = "mail_threads"
    __table_args__ = (
        Index(
            "ix_mail_threads_active", "conversation_id", sqlite_where=text("active"), postgresql_where=text("active")
        ),
    )

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    address: Mapped[str] = mapped_column(String(254))
    # Part of what the reply address is signed over; a new one makes the old reply addresses worthless.
    secret: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    # Message-IDs of the thread, newest last: ours without their domain (which is a setting), the customer's whole.
    message_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    # All addresses that were tried in this conversation.
    addresses: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Whether what people write goes out by e-mail: from asking for it until the request is resolved.
    active: Mapped[bool] = mapped_column(default=True)
    # Where e-mail was asked for, and up to where messages have been put into the outbox.
    since_sequence: Mapped[int]
    mailed_sequence: Mapped[int]
    # When the present address first answered: until then few mails go there.
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class OutgoingMail(Base):
    """A mail in the outbox: due while neither `sent_at` nor `failed_at` is set."""

    __tablename__ = "outgoing_mails"
    __table_args__ = (
        Index(
            "ix_outgoing_mails_due",
            "next_attempt_at",
            "id",
            sqlite_where=text("sent_at IS NULL AND failed_at IS NULL"),
            postgresql_where=text("sent_at IS NULL AND failed_at IS NULL"),
        ),
        Index("ix_outgoing_mails_conversation_id_made_at", "conversation_id", "made_at"),
        Index("ix_outgoing_mails_to_made_at", "to", "made_at"),
        Index("ix_outgoing_mails_kind_made_at", "kind", "made_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("mail_threads.conversation_id"))
    # confirmation or reply
    kind: Mapped[str] = mapped_column(String(20))
    to: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(210))
    text: Mapped[str] = mapped_column(Text)
    # Without its domain. It stays the same however often the mail is tried.
    message_id: Mapped[str] = mapped_column(String(80), unique=True)
    in_reply_to: Mapped[str | None] = mapped_column(String(1000))
    references: Mapped[list[str]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    attempts: Mapped[int] = mapped_column(default=0)
    # Also until when the process that sends it has it.
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What the mail server said last.
    error: Mapped[str | None] = mapped_column(String(500))


class IncomingMail(Base):
    """A mail that was taken, so that one that is delivered twice is posted once."""

    __tablename__ = "incoming_mails"
    __table_args__ = (Index("ix_incoming_mails_conversation_id_received_at", "conversation_id", "received_at"),)

    # Of conversation and Message-ID, which may be of any length.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("mail_threads.conversation_id"))
    message_id: Mapped[str] = mapped_column(String(1000))
    # posted, automatic or bounce
    outcome: Mapped[str] = mapped_column(String(20))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
