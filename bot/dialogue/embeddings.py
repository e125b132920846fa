"""The embeddings of what is being said: each text is encoded once, in a thread, beside the interpreter's lock."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from kb_index.encoder import Encoder

R = TypeVar("R")

# Some 6 MB: what the customers who write now have said in their last turns, and the answers that everybody gets.
KEPT = 4096


class Embeddings:
    """Embeddings of length one, float32 `(dimensions,)`, by their text; the newest `KEPT` are kept."""

    def __init__(self, encoder: Encoder) -> None:
        self.version = encoder.version
        self._encoder = encoder
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        # One thread: it works outside the interpreter's lock, beside the engine, which has the other core.
        self._thread = ThreadPoolExecutor(1, "encode")

    async def of(self, text: str) -> np.ndarray:
        """Raises whatever the encoder raises."""
        known = self._kept.get(text)
        return known if known is not None else await self.run(self.encode, text)

    async def run(self, work: Callable[..., R], *args: object) -> R:
        """Run `work` in the encoder's thread, where it may call `encode`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args))

    def encode(self, text: str) -> np.ndarray:
        """In the encoder's thread only."""
        known = self._kept.get(text)
        if known is None:
            known = self._encoder.encode([text])[0]
            self._kept[text] = known
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(text)
        return known

    def close(self) -> None:
        self._thread.shutdown()
