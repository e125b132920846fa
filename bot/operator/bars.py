"""Scores as bars: the same scale for the same part of all candidates, whatever parts there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from kb_index.search import Hit


@dataclass(frozen=True)
class Bar:
    """From `left`, `width` wide, both in percent of the scale; `zero` is where nothing is."""

    value: float
    left: float
    width: float
    zero: float

    @property
    def negative(self) -> bool:
        return self.value < 0


@dataclass(frozen=True)
class Bars:
    """`parts` are the parts' names in their order; `rows` has a bar for each of them, or None, per candidate."""

    parts: tuple[str, ...]
    rows: tuple[tuple[Bar | None, ...], ...]


def bars(hits: Sequence[Hit]) -> Bars:
    names = tuple(dict.fromkeys(name for hit in hits for name in hit.parts))
    columns = []
    for name in names:
        values = [hit.parts.get(name) for hit in hits]
        known = [value for value in values if value is not None]
        # Most parts run from 0 to 1; one that leaves this gets the room that it needs.
        low, high = min(0.0, *known), max(1.0, *known)
        columns.append([None if value is None else _bar(value, low, high) for value in values])
    return Bars(names, tuple(zip(*columns, strict=True)) if columns else tuple(() for _ in hits))


def _bar(value: float, low: float, high: float) -> Bar:
    scale = 100 / (high - low)
    zero = -low * scale
    return Bar(value, round(zero + min(value, 0.0) * scale, 1), round(abs(value) * scale, 1), round(zero, 1))
