"""Long loops that let others run: a thread that works in Python keeps the interpreter's lock for 5 ms at a time.

A search gives the lock up whenever it computes, some ten times, and would wait 5 ms each time while an index is built.
"""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

ITEMS = 200  # after so many of a cheap loop, well under a millisecond, the lock is let go of
PAUSE_S = 0.0002

Item = TypeVar("Item")


def slowly(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items, sleeping a moment every few hundred."""
    for number, item in enumerate(items):
        if number % ITEMS == ITEMS - 1:
            time.sleep(PAUSE_S)
        yield item
