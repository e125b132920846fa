"""The shop's opening hours as they are stored, and how they are changed. Inside the caller's transaction."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.accounts import services as accounts
from bot.accounts.services import Account
from bot.db import now
from bot.desk.hours import DAY_MIN, Calendar, Spans, SpecialDay
from bot.desk.models import Holiday, OpeningHours
from bot.errors import Conflict, Invalid, NotFound

DEFAULT_ZONE = "Europe/Dublin"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MAX_HOLIDAYS = 200
MAX_SPANS = 4
MAX_NAME = 100
YEARS_AHEAD = 10
# What is answered by e-mail is due after so much opening time.
BY_EMAIL_WITHIN = timedelta(hours=4)

Week = tuple[Spans, ...]


@dataclass(frozen=True)
class Opening:
    """Whether people are there, and when they are next (UTC): None while open, or when no opening is known."""

    open: bool
    next: datetime | None


@dataclass(frozen=True)
class Hours:
    """What the page shows. `week` None: always open; `can_undo`: the last change of the week can be taken back."""

    zone: str
    week: Week | None
    version: int
    can_undo: bool
    holidays: tuple[Holiday, ...]
    calendar: Calendar


def opening(session: Session, at: datetime) -> Opening:
    calendar = load(session)
    if calendar.is_open(at):
        return Opening(True, None)
    return Opening(False, calendar.next_opening(at))


def due_by_email(session: Session, at: datetime) -> datetime:
    """By when a request of `at` should be answered that came, or was moved, to e-mail."""
    return load(session).after_open_time(at, BY_EMAIL_WITHIN)


def load(session: Session) -> Calendar:
    return hours(session).calendar


def hours(session: Session) -> Hours:
    stored = session.get(OpeningHours, 1)
    holidays = tuple(
        session.scalars(select(Holiday).where(Holiday.removed_at.is_(None)).order_by(Holiday.day, Holiday.id))
    )
    zone = stored.time_zone if stored else DEFAULT_ZONE
    week = _week(stored.week) if stored else None
    special = tuple(
        SpecialDay(each.day.month, each.day.day, None if each.yearly else each.day.year, _spans(each.spans))
        for each in holidays
    )
    calendar = Calendar(ZoneInfo(zone), week, special)
    return Hours(zone, week, stored.version if stored else 0, bool(stored and stored.before), holidays, calendar)


def set_week(session: Session, account: Account, zone: str, week: Week | None, version: int) -> None:
    """Store the week; `version` is the one that was edited. Raises Invalid, and Conflict when it has changed since."""
    if zone not in zones():
        raise Invalid(f"“{zone[:60]}” is no time zone. Choose one like Europe/Dublin.")
    if week is not None:
        week = tuple(checked(spans) for spans in week)
    stored = _locked(session)
    if (stored.version if stored else 0) != version:
        raise Conflict("Somebody else has changed the hours meanwhile. Look at theirs and make your change again.")
    after = {"time_zone": zone, "week": _plain(week)}
    if stored is None:
        before = {"time_zone": DEFAULT_ZONE, "week": None}
        stored = OpeningHours(id=1, version=1, before=before, **after)
        session.add(stored)
    else:
        before = {"time_zone": stored.time_zone, "week": stored.week}
        if before == after:
            return
        stored.time_zone, stored.week, stored.before = zone, after["week"], before
        stored.version += 1
    accounts.record(session, account, "hours_changed", before=before, after=after)


def undo_week(session: Session, account: Account, version: int) -> None:
    """Take the last change of the week back. Done twice, it is there again. Raises Conflict."""
    stored = _locked(session)
    if stored is None or stored.before is None or stored.version != version:
        raise Conflict("The hours have changed meanwhile, so nothing was undone.")
    before = {"time_zone": stored.time_zone, "week": stored.week}
    after, stored.before = stored.before, before
    stored.time_zone, stored.week = after["time_zone"], after["week"]
    stored.version += 1
    accounts.record(session, account, "hours_changed", before=before, after=after, undone=True)


def add_holiday(session: Session, account: Account, day: date, name: str, spans: Spans, yearly: bool) -> Holiday:
    """Raises Invalid, whose code says for which of `name`, `day` and (any other) the times."""
    name = "".join(character for character in name if character.isprintable()).strip()
    if not name or len(name) > MAX_NAME:
        raise Invalid(f"A name has 1 to {MAX_NAME} characters.", code="name")
    if not now().year - 1 <= day.year <= now().year + YEARS_AHEAD:
        raise Invalid(f"Choose a day within the next {YEARS_AHEAD} years.", code="day")
    spans = checked(spans)
    present = hours(session).holidays
    if len(present) >= MAX_HOLIDAYS:
        raise Invalid(f"There are {MAX_HOLIDAYS} special days already. Remove old ones first.", code="day")
    if any(_same_day(each, day, yearly) for each in present):
        raise Invalid("This day has hours of its own already. Remove that entry first.", code="day")
    holiday = Holiday(day=day, yearly=yearly, name=name, spans=[list(span) for span in spans])
    session.add(holiday)
    session.flush()
    accounts.record(session, account, "holiday_added", holiday=holiday.id, day=day.isoformat(), name=name)
    return holiday


def remove_holiday(session: Session, account: Account, holiday_id: int) -> Holiday:
    """Removing a removed one changes nothing. Raises NotFound."""
    holiday = _holiday(session, holiday_id)
    if holiday.removed_at is None:
        holiday.removed_at = now()
        accounts.record(session, account, "holiday_removed", holiday=holiday.id, day=holiday.day.isoformat())
    return holiday


def restore_holiday(session: Session, account: Account, holiday_id: int) -> Holiday:
    """Raises NotFound, and Conflict when the day has got another entry meanwhile."""
    holiday = _holiday(session, holiday_id)
    if holiday.removed_at is not None:
        if any(_same_day(each, holiday.day, holiday.yearly) for each in hours(session).holidays):
            raise Conflict("This day has got another entry meanwhile.")
        holiday.removed_at = None
        accounts.record(session, account, "holiday_restored", holiday=holiday.id, day=holiday.day.isoformat())
    return holiday


def checked(spans: Spans) -> Spans:
    """`spans` in order. Raises Invalid for what is no day."""
    ordered = tuple(sorted(spans))
    if len(ordered) > MAX_SPANS:
        raise Invalid(f"At most {MAX_SPANS} times a day.")
    for opens, closes in ordered:
        if not 0 <= opens < closes <= DAY_MIN:
            raise Invalid("It has to close after it opens. Over midnight: until 24:00, and from 00:00 the next day.")
    for (_, closes), (opens, _) in pairwise(ordered):
        if opens < closes:
            raise Invalid("These times overlap.")
    return ordered


def minute_of(text: str) -> int:
    """Minutes after midnight of `HH:MM`, up to 24:00. Raises Invalid."""
    hours_, _, minutes = text.strip().partition(":")
    if not (hours_.isascii() and hours_.isdigit() and minutes.isascii() and minutes.isdigit() and len(minutes) == 2):
        raise Invalid("Write times as 09:00.")
    minute = int(hours_[:3]) * 60 + int(minutes)
    if int(minutes) > 59 or minute > DAY_MIN:
        raise Invalid("Times go from 00:00 to 24:00.")
    return minute


def spans_of(text: str) -> Spans:
    """Of what people type: “09:00-12:00, 13:00-17:00”; nothing, or “closed”, is closed. Raises Invalid."""
    if text.strip().lower() in ("", "closed"):
        return ()
    spans = []
    for part in text.replace(";", ",").split(",")[: 2 * MAX_SPANS]:
        opens, dash, closes = part.replace("–", "-").replace("—", "-").partition("-")  # noqa: RUF001
        if not dash:
            raise Invalid("Write it as 09:00-17:00, several with a comma between them. Leave it empty when closed.")
        # Midnight at the end of the day has two names.
        spans.append((minute_of(opens), minute_of(closes) or DAY_MIN))
    return checked(tuple(spans))


def spans_text(spans: Spans) -> str:
    """As `spans_of` reads it."""
    return ", ".join(f"{clock(opens)}-{clock(closes)}" for opens, closes in spans)


def clock(minute: int) -> str:
    """`HH:MM`."""
    return f"{minute // 60:02}:{minute % 60:02}"


@cache
def zones() -> list[str]:
    """The names that people choose from: continents and cities."""
    return ["UTC", *sorted(each for each in available_timezones() if "/" in each and not each.startswith("Etc/"))]


def in_words(calendar: Calendar, moment: datetime, at: datetime) -> str:
    """A moment on the shop's clock, as seen from `at`: “today at 09:00”, “Thursday, 2 January, at 09:00”."""
    local, today = moment.astimezone(calendar.zone), at.astimezone(calendar.zone).date()
    hour = local.strftime("%H:%M")
    if local.date() == today:
        return f"today at {hour}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow at {hour}"
    if local.date() < today + timedelta(days=7):
        return f"{DAYS[local.weekday()]} at {hour}"
    return f"{DAYS[local.weekday()]}, {local.day} {local.strftime('%B')}, at {hour}"


def _locked(session: Session) -> OpeningHours | None:
    return session.scalar(select(OpeningHours).where(OpeningHours.id == 1).with_for_update())


def _holiday(session: Session, holiday_id: int) -> Holiday:
    holiday = session.scalar(select(Holiday).where(Holiday.id == holiday_id).with_for_update())
    if holiday is None:
        raise NotFound("There is no such day.")
    return holiday


def _same_day(holiday: Holiday, day: date, yearly: bool) -> bool:
    if holiday.yearly != yearly:
        return False
    return (holiday.day.month, holiday.day.day) == (day.month, day.day) if yearly else holiday.day == day


def _week(stored: list[list[list[int]]] | None) -> Week | None:
    return None if stored is None else tuple(_spans(spans) for spans in stored)


def _spans(stored: list[list[int]]) -> Spans:
    return tuple((opens, closes) for opens, closes in stored)


def _plain(week: Week | None) -> list[list[list[int]]] | None:
    return None if week is None else [[list(span) for span in spans] for spans in week]
