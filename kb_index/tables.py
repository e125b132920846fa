"""What is published, in SQL: the one place the bot answers from. Portable on SQLite and PostgreSQL."""

from sqlalchemy import JSON, Column, DateTime, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Articles as published. `version` is the knowledge base's version at the article's last change, so that
# another process can tell what to load again from two small columns. `digest` is a hash of what the
# article says, so that publishing the same text again changes nothing.
kb_articles = Table(
    "kb_articles",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("title", String(300), nullable=False),
    Column("category", String(120), nullable=False, server_default=""),
    Column("section", String(120), nullable=False, server_default=""),
    Column("language", String(20), nullable=False, server_default="en"),
    Column("url", String(1000), nullable=False, server_default=""),
    Column("questions", JSON, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

# What is searched: an article's title, its questions, and the passages of its body, each with its
# embedding and the version of the encoder that made it. `sentences` holds one embedding for each sentence
# of a passage, so that the one which answers is found without encoding any. All embeddings are
# float16, little-endian, L2-normalised.
kb_passages = Table(
    "kb_passages",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("article_id", String(80), ForeignKey("kb_articles.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False),  # "title", "question", "heading" or "passage"
    Column("position", Integer, nullable=False),  # counts from 0 within the kind
    Column("heading", String(500), nullable=False, server_default=""),  # "Section > Subsection"
    Column("anchor", String(100), nullable=False, server_default=""),  # the heading's id on the help page
    Column("text", Text, nullable=False),
    Column("embedding", LargeBinary, nullable=False),
    Column("sentences", LargeBinary, nullable=False),
    Column("encoder", String(64), nullable=False),
    Index("ix_kb_passages_article", "article_id", "kind", "position"),
    # SQLite may give a deleted passage's number to a new one; an index elsewhere would mix them up.
    sqlite_autoincrement=True,
)

# One row. Whoever publishes raises `version` first, which also makes publishers queue on PostgreSQL.
kb_state = Table(
    "kb_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
