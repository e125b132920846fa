"""`/operator/hours`: when people are there. Works without scripts; what was mistyped is said beside its field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from bot.accounts import access
from bot.accounts.services import OPERATOR, Account
from bot.db import now
from bot.desk import hours_store
from bot.desk.hours import DAY_MIN
from bot.desk.hours_store import DAYS, Hours
from bot.errors import Invalid
from bot.pages import page

MAX_BODY = 32 * 1024
PAGE = "/operator/hours"
MAX_FIELD = 200

router = APIRouter(dependencies=[Depends(access.same_site)], include_in_schema=False, max_body_size=MAX_BODY)

Operator = Annotated[Account, Depends(access.require(OPERATOR))]
Text = Annotated[str, Form(max_length=MAX_FIELD)]
DONE = {
    "saved": "Saved. Customers are told by these hours from now on.",
    "undone": "The change was undone.",
    "added": "The day was added.",
    "removed": "The day was removed.",
    "restored": "The day is back.",
}


@dataclass(frozen=True)
class Row:
    """A day of the picture: `bars` are (left, width) in percent of the day."""

    day: str
    words: str
    bars: tuple[tuple[float, float], ...]
    today: bool
    special: str


@router.get(PAGE)
async def hours(
    request: Request,
    account: Operator,
    done: Annotated[str, Query(max_length=20)] = "",
    removed: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> Response:
    seen = await request.app.state.db.read(hours_store.hours)
    return _page(request, account, seen, done=DONE.get(done, ""), removed=removed)


@router.post(PAGE)
async def save(
    request: Request,
    account: Operator,
    version: Annotated[int, Form(ge=0, lt=2**31)],
    zone: Text = "",
    always: Text = "",
) -> Response:
    form = await request.form()
    typed = {f"day{number}": str(form.get(f"day{number}", ""))[:MAX_FIELD] for number in range(len(DAYS))}
    errors: dict[str, str] = {}
    week = [_or_note(errors, name, hours_store.spans_of, text) for name, text in typed.items()]
    if zone not in hours_store.zones():
        errors["zone"] = "There is no such time zone. Choose one from the list, like Europe/Dublin."
    if always:
        errors = {name: error for name, error in errors.items() if name == "zone"}
    if errors:
        seen = await request.app.state.db.read(hours_store.hours)
        typed |= {"zone": zone, "always": always, "version": str(version)}
        return _page(request, account, seen, typed=typed, errors=errors)
    await request.app.state.db.write(hours_store.set_week, account, zone, None if always else tuple(week), version)
    return RedirectResponse(f"{PAGE}?done=saved", status_code=303)


@router.post(f"{PAGE}/undo")
async def undo(request: Request, account: Operator, version: Annotated[int, Form(ge=0, lt=2**31)]) -> Response:
    await request.app.state.db.write(hours_store.undo_week, account, version)
    return RedirectResponse(f"{PAGE}?done=undone", status_code=303)


@router.post(f"{PAGE}/holidays")
async def add(
    request: Request, account: Operator, day: Text = "", name: Text = "", spans: Text = "", yearly: Text = ""
) -> Response:
    errors: dict[str, str] = {}
    found = _or_note(errors, "day", date.fromisoformat, day.strip())
    if "day" in errors:
        errors["day"] = "Choose a day."
    times = _or_note(errors, "spans", hours_store.spans_of, spans)
    if not errors:
        try:
            await request.app.state.db.write(hours_store.add_holiday, account, found, name, times, bool(yearly))
            return RedirectResponse(f"{PAGE}?done=added#sb_holidays", status_code=303)
        except Invalid as problem:
            errors[problem.code if problem.code in ("name", "day") else "spans"] = problem.message
    seen = await request.app.state.db.read(hours_store.hours)
    typed = {"day": day, "name": name, "spans": spans, "yearly": yearly}
    return _page(request, account, seen, holiday=typed, errors=errors)


@router.post(f"{PAGE}/holidays/{{holiday_id}}/remove")
async def remove(request: Request, account: Operator, holiday_id: int) -> Response:
    await request.app.state.db.write(hours_store.remove_holiday, account, _bounded(holiday_id))
    return RedirectResponse(f"{PAGE}?done=removed&removed={holiday_id}", status_code=303)


@router.post(f"{PAGE}/holidays/{{holiday_id}}/restore")
async def restore(request: Request, account: Operator, holiday_id: int) -> Response:
    await request.app.state.db.write(hours_store.restore_holiday, account, _bounded(holiday_id))
    return RedirectResponse(f"{PAGE}?done=restored", status_code=303)


def _bounded(number: int) -> int:
    """A number that a database can look for."""
    return number if 0 < number < 2**31 else 0


def _or_note(errors: dict[str, str], name: str, read: Any, text: str) -> Any:
    try:
        return read(text)
    except Invalid as problem:
        errors[name] = problem.message
    except ValueError:
        errors[name] = "This could not be read."
    return None


def _page(
    request: Request,
    account: Account,
    seen: Hours,
    *,
    typed: Mapping[str, str] | None = None,
    holiday: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    done: str = "",
    removed: int | None = None,
) -> Response:
    at = now()
    context = {
        "account": account,
        "seen": seen,
        "status": _status(seen, at),
        "rows": _picture(seen, at),
        "days": DAYS,
        "zones": hours_store.zones(),
        "typed": typed or _stored(seen),
        "holiday": holiday or {"day": "", "name": "", "spans": "", "yearly": ""},
        "holidays": [(each, _day_words(each.day, each.yearly), _words(each.spans)) for each in seen.holidays],
        "errors": errors or {},
        "done": done,
        "removed": removed,
    }
    return page(request, "operator/hours.html", context, status=422 if errors else 200)


def _stored(seen: Hours) -> dict[str, str]:
    week = seen.week or (*(((9 * 60, 17 * 60),),) * 5, (), ())
    days = {f"day{number}": hours_store.spans_text(spans) for number, spans in enumerate(week)}
    return {**days, "zone": seen.zone, "always": "yes" if seen.week is None else "", "version": str(seen.version)}


def _status(seen: Hours, at: datetime) -> tuple[bool, str]:
    """Whether it is open, and that in words with what comes next."""
    calendar = seen.calendar
    if calendar.is_open(at):
        end = calendar.next_closing(at)
        return True, f"Open now, closes {hours_store.in_words(calendar, end, at)}" if end else "Open now, always"
    start = calendar.next_opening(at)
    return False, (
        f"Closed, opens {hours_store.in_words(calendar, start, at)}"
        if start
        else "Closed, and no opening within a year"
    )


def _picture(seen: Hours, at: datetime) -> list[Row]:
    """The seven days from today on, as they will be."""
    today = at.astimezone(seen.calendar.zone).date()
    rows = []
    for number in range(7):
        day = today + timedelta(days=number)
        spans = seen.calendar.spans_on(day)
        bars = tuple((100 * opens / DAY_MIN, 100 * (closes - opens) / DAY_MIN) for opens, closes in spans)
        names = [each.name for each in seen.holidays if _is_on(each, day)]
        rows.append(
            Row(f"{DAYS[day.weekday()][:3]} {day.day} {day:%b}", _words(spans), bars, number == 0, "".join(names[:1]))
        )
    return rows


def _is_on(holiday: Any, day: date) -> bool:
    return holiday.day == day or (holiday.yearly and (holiday.day.month, holiday.day.day) == (day.month, day.day))


def _words(spans: Any) -> str:
    if [list(span) for span in spans] == [[0, DAY_MIN]]:
        return "all day"
    return ", ".join(f"{hours_store.clock(opens)}–{hours_store.clock(closes)}" for opens, closes in spans) or "closed"  # noqa: RUF001


def _day_words(day: date, yearly: bool) -> str:
    return f"{day.day} {day:%B}, every year" if yearly else f"{DAYS[day.weekday()]}, {day.day} {day:%B %Y}"
