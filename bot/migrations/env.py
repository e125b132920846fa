"""Alembic's entry: one history for the service, the knowledge base and the demo shop's orders."""

from alembic import context
from sqlalchemy import Connection

from actions.order_book import metadata as orders
from bot.accounts import models as _accounts  # noqa: F401 (registers its tables)
from bot.articles import models as _articles  # noqa: F401
from bot.conversations import models as _conversations  # noqa: F401
from bot.db import Base
from bot.desk import models as _desk  # noqa: F401
from bot.mail import models as _mail  # noqa: F401
from kb_index.database import create_database_engine
from kb_index.settings import KnowledgeSettings
from kb_index.tables import metadata as knowledge


def run(connection: Connection) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=[Base.metadata, knowledge, orders],
        render_as_batch=on_sqlite,
        compare_type=True,
    )
    if on_sqlite:
        # It changes a table by making another one and dropping the first, which others refer to. Off only outside a
        # transaction, and for this connection, which ends with the migration.
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
    with context.begin_transaction():
        context.run_migrations()
        if on_sqlite:
            _check_references(connection)


def _check_references(connection: Connection) -> None:
    """Raise RuntimeError, which takes all of it back, where a row refers to one that is gone."""
    lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if lost:
        raise RuntimeError(
            f"the migration would leave {len(lost)} rows without what they refer to, first in {lost[0][0]}"
        )


def main() -> None:
    # Callers that have a URL pass it; the command line takes it from the settings.
    url = context.config.attributes.get("url") or KnowledgeSettings().database_url
    engine = create_database_engine(url)
    try:
        with engine.execution_options(writes=True).connect() as connection:
            run(connection)
    finally:
        engine.dispose()


main()
