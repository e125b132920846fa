"""What the actions work with, built at first use and shared by all of them."""

import logging
import threading
from functools import lru_cache

from pydantic import Field
from rasa_sdk import Tracker
from sqlalchemy import Engine

from actions.order_book import OrderBook, SqlOrderBook
from kb_index.database import create_database_engine
from kb_index.encoder import Encoder
from kb_index.search import KnowledgeBase
from kb_index.settings import KnowledgeSettings

# How often a publish by another process is looked for; searchable within a second is the promise.
REFRESH_S = 0.25

logger = logging.getLogger(__name__)


class ActionSettings(KnowledgeSettings):
    """Read from the environment or `.env`, with the prefix `SWITCHBOARD_`."""

    answer_threshold: float = Field(default=0.6, description="The score from which an article is given as the answer.")
    demo: bool = Field(default=False, description="Look up orders in the demo shop's book.")
    another_threshold: float = Field(
        default=0.2, description="The score from which it is asked back whether an article is meant."
    )


def intent_of(tracker: Tracker) -> str:
    """Return the newest message's intent, the fallback among them (`Tracker` leaves that out, and needs a ranking)."""
    return str((tracker.latest_message.get("intent") or {}).get("name") or "")


def careful(tracker: Tracker) -> bool:
    """Whether the service wants this turn's reply short: the customer is upset, or in trouble."""
    metadata = tracker.latest_message.get("metadata") or {}
    return bool((metadata.get("context") or {}).get("careful"))


@lru_cache(maxsize=1)
def settings() -> ActionSettings:
    return ActionSettings()


@lru_cache(maxsize=1)
def database() -> Engine:
    return create_database_engine(settings().database_url)


@lru_cache(maxsize=1)
def orders() -> OrderBook | None:
    """Where orders are looked up; None: nowhere, and what is asked about them is a question for the articles."""
    return SqlOrderBook(database()) if settings().demo else None


@lru_cache(maxsize=1)
def encoder() -> Encoder:
    return Encoder.load(settings().encoder_dir)


@lru_cache(maxsize=1)
def knowledge() -> KnowledgeBase:
    """The knowledge base, kept current by a thread that polls its version."""
    base = KnowledgeBase(database(), encoder())
    base.refresh()
    threading.Thread(target=_keep_current, args=(base,), name="kb-refresh", daemon=True).start()
    return base


def _keep_current(base: KnowledgeBase) -> None:
    pause = threading.Event()
    while not pause.wait(REFRESH_S):
        try:
            base.refresh()
        except Exception:
            # The old index still answers; the next round tries again.
            logger.exception("kb_refresh_failed")
            pause.wait(2)
