"""Opening hours as a calendar: weekly hours in the shop's time zone, and holidays. Pure: no clock, no storage.

What counts is the clock on the shop's wall: where clocks go forward an hour of the day does not happen, where they
go back it happens twice, and a span that covers it is open both times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_MIN = 24 * 60
# How far ahead an opening is looked for: a year and its holidays.
HORIZON = timedelta(days=400)
_DAY = timedelta(days=1)

# From which minute after midnight up to which, the latter left out; 1440 is midnight at the end of the day.
Span = tuple[int, int]
Spans = tuple[Span, ...]


@dataclass(frozen=True)
class SpecialDay:
    """A holiday, or a day with other hours. `year` None: every year; 29 February then only in leap years."""

    month: int
    day: int
    year: int | None
    spans: Spans = ()

    def falls_on(self, day: date) -> bool:
        return (self.month, self.day) == (day.month, day.day) and self.year in (None, day.year)


@dataclass(frozen=True)
class Calendar:
    """`week` has seven days, Monday first; None: always open, but for the special days."""

    zone: ZoneInfo
    week: tuple[Spans, ...] | None = None
    special: tuple[SpecialDay, ...] = ()

    def spans_on(self, day: date) -> Spans:
        """The hours of a day. A special day of one year goes before a yearly one, and both before the week."""
        found = [each for each in self.special if each.falls_on(day)]
        if found:
            return min(found, key=lambda each: each.year is None).spans
        return ((0, DAY_MIN),) if self.week is None else self.week[day.weekday()]

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(opens <= minute < closes for opens, closes in self.spans_on(local.date()))

    def next_opening(self, at: datetime) -> datetime | None:
        """The first moment from `at` on at which it is open, in UTC; None when it stays closed for over a year."""
        return next((start for start, _ in self._open(at, at + HORIZON)), None)

    def next_closing(self, at: datetime) -> datetime | None:
        """The end of the opening that `at` lies in or that comes next; None when none ends within a year."""
        end = next((end for _, end in self._open(at, at + HORIZON)), None)
        return end if end is not None and end < at + HORIZON else None

    def open_seconds_between(self, begin: datetime, end: datetime) -> float:
        return sum((stop - start).total_seconds() for start, stop in self._open(begin, end))

    def after_open_time(self, at: datetime, wanted: timedelta) -> datetime:
        """When `wanted` of opening time will have passed since `at`; where it never will, as if always open."""
        left = wanted
        for start, end in self._open(at, at + HORIZON):
            if end - start >= left:
                return start + left
            left -= end - start
        return at.astimezone(UTC) + wanted

    def _open(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The times in between at which it is open, in UTC and in order, with those that touch made one."""
        held: tuple[datetime, datetime] | None = None
        for start, stop in self._pieces(begin.astimezone(UTC), end.astimezone(UTC)):
            if held is not None and start <= held[1]:
                held = (held[0], stop)
                continue
            if held is not None:
                yield held
            held = (start, stop)
        if held is not None:
            yield held

    def _pieces(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        for start, stop, offset in _steady(self.zone, begin, end):
            day = (start + offset).date()
            while datetime.combine(day, time(), UTC) - offset < stop:
                midnight = datetime.combine(day, time(), UTC) - offset
                for opens, closes in self.spans_on(day):
                    first = max(start, midnight + timedelta(minutes=opens))
                    last = min(stop, midnight + timedelta(minutes=closes))
                    if first < last:
                        yield first, last
                day += _DAY


def _steady(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The time in between, cut into at most a day each and wherever the zone's offset changes, with that offset."""
    while begin < end:
        stop = min(begin + _DAY, end)
        offset = _offset(zone, begin)
        if _offset(zone, stop) != offset:
            low, high = begin, stop
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            # Clocks are changed on whole minutes.
            whole = high.replace(second=0, microsecond=0)
            stop = whole if whole > begin else high
        yield begin, stop, offset
        begin = stop


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
