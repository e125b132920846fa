"""How a conversation goes, seen from one customer message: its words, its mood, and what is known beside them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from bot.conversations.records import Turn, Uttered
from bot.dialogue.embeddings import Embeddings
from bot.escalation.mood import HISTORY, Said
from bot.escalation.noticed import noticed
from bot.escalation.signals import Signals

# A longer pause is somebody who was away, not somebody who was trying.
LONGEST_PAUSE = timedelta(minutes=3)


class Noticing:
    """Measures the signals of a message; `valued_plans` are plans, in lower case, whose customers come first."""

    def __init__(self, embeddings: Embeddings, valued_plans: frozenset[str] = frozenset()) -> None:
        self._embeddings = embeddings
        self._valued_plans = valued_plans

    async def notice(self, turn: Turn) -> Signals:
        """Raises whatever the encoder raises."""
        found = await self.of(turn.text, turn.before)
        trouble = turn.trouble if turn.trouble and turn.trouble.counts(turn.at) else None
        return replace(
            found,
            unresolved_min=minutes([*(each.at for each in turn.before), turn.at]),
            trouble=trouble.what if trouble else None,
            troubles=trouble.times if trouble else 0,
            valued=(turn.plan or "").casefold() in self._valued_plans,
        )

    async def of(self, text: str, before: Sequence[Uttered] = ()) -> Signals:
        """The signals of the words alone, behind those that were said before. Raises whatever the encoder raises."""
        return await self._embeddings.run(self._measure, text, before)

    def _measure(self, text: str, before: Sequence[Uttered]) -> Signals:
        encode = self._embeddings.encode
        said = [Said.of(each.by_customer, each.text, encode, each.quoted) for each in before[-HISTORY:]]
        return noticed(Said.of(True, text, encode), said)


def minutes(moments: Sequence[datetime]) -> float:
    """From the first to the last of `moments`, with long pauses, and a clock that was set back, left out."""
    gaps = (later - earlier for earlier, later in pairwise(moments))
    zero = timedelta()
    total = sum((gap for gap in gaps if zero < gap <= LONGEST_PAUSE), zero)
    return round(total.total_seconds() / 60, 1)
