"""Brings a database to the present schema, through Alembic's own API."""

from alembic import command
from alembic.config import Config

from kb_index.settings import ROOT


def migrate(database_url: str) -> None:
    """Apply what is missing of the migrations in `bot/migrations`; nothing when all is there."""
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = database_url
    command.upgrade(config, "head")
