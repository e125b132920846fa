"""The tables behind the studio."""

from datetime import datetime

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db import Base, UtcDateTime, now


class ArticleDraft(Base):
    """What writers work on; at most one an article, and gone once it is published."""

    __tablename__ = "article_drafts"

    article_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(120))
    questions: Mapped[list[str]] = mapped_column(JSON)
    # Raised by every save: who saves says which one they saw.
    revision: Mapped[int] = mapped_column(default=1)
    # The version whose text the draft started from; 0 for an article that was never published.
    base_version: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    author_id: Mapped[str | None] = mapped_column(String(32))


class ArticleVersion(Base):
    """A text as it once was published. Never changed, never removed."""

    __tablename__ = "article_versions"

    article_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    # Counts from 1.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # As wide as an import may bring it; writers get less.
    title: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(String(120))
    section: Mapped[str] = mapped_column(String(120))
    language: Mapped[str] = mapped_column(String(20))
    url: Mapped[str] = mapped_column(String(1000))
    questions: Mapped[list[str]] = mapped_column(JSON)
    # Null for a text that an import brought.
    author_id: Mapped[str | None] = mapped_column(String(32))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
