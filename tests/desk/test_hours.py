"""Opening hours: what the clock on the shop's wall says, over summer time and holidays; and how they are stored."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from bot.accounts.models import AuditEntry
from bot.accounts.services import OPERATOR, ensure_account
from bot.conversations import customers
from bot.conversations import services as conversations
from bot.db import now
from bot.desk import hours_store, services
from bot.desk.hours import DAY_MIN, Calendar, SpecialDay
from bot.errors import Conflict, Invalid, NotFound

DUBLIN = ZoneInfo("Europe/Dublin")
NINE_TO_FIVE = ((9 * 60, 17 * 60),)
WEEK = (*(NINE_TO_FIVE,) * 5, (), ())
SHOP = Calendar(DUBLIN, WEEK)


def at(text, zone=DUBLIN, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23 08:59:59", False),
        ("2026-11-23 09:00", True),
        ("2026-11-23 16:59:59", True),
        ("2026-11-23 17:00", False),
        ("2026-11-21 12:00", False),
    ],
)
def test_it_opens_on_the_minute_and_closes_on_the_minute(moment, is_open):
    assert SHOP.is_open(at(moment)) is is_open


def test_after_friday_evening_comes_monday_morning_in_the_shops_zone():
    assert SHOP.next_opening(at("2026-11-20 17:00")) == at("2026-11-23 09:00")
    # In New York it is still Friday noon.
    assert SHOP.next_opening(at("2026-11-20 12:00", ZoneInfo("America/New_York"))) == at("2026-11-23 09:00")
    assert SHOP.next_opening(at("2026-11-23 10:00")) == at("2026-11-23 10:00")
    assert SHOP.next_closing(at("2026-11-23 10:00")) == at("2026-11-23 17:00")


def test_a_lunch_break_is_closed():
    lunch = Calendar(DUBLIN, (((9 * 60, 12 * 60), (13 * 60, 17 * 60)), *((),) * 6))
    assert not lunch.is_open(at("2026-11-23 12:30"))
    assert lunch.next_opening(at("2026-11-23 12:30")) == at("2026-11-23 13:00")
    assert lunch.open_seconds_between(at("2026-11-23 00:00"), at("2026-11-24 00:00")) == 7 * 3600


def test_a_day_with_summer_time_has_23_hours_and_one_without_25():
    always = Calendar(DUBLIN)
    assert always.open_seconds_between(at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 23 * 3600
    assert always.open_seconds_between(at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 25 * 3600
    # Nine o'clock is nine o'clock, before and after.
    assert SHOP.next_opening(at("2026-03-28 12:00")).astimezone(UTC).hour == 8
    assert SHOP.next_opening(at("2026-10-24 12:00")).astimezone(UTC).hour == 9


def test_hours_within_the_hour_that_is_skipped_or_repeated():
    nights = Calendar(DUBLIN, (((60, 105),),) * 7)
    # 01:00 to 02:00 does not happen on 29 March, and happens twice on 25 October.
    assert nights.open_seconds_between(at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 0
    assert nights.open_seconds_between(at("2026-10-25 00:00"), at("2026-10-26 00:00")) == 2 * 45 * 60
    assert nights.is_open(at("2026-10-25 01:30")) and nights.is_open(at("2026-10-25 01:30", fold=1))
    assert nights.next_opening(at("2026-10-25 01:50")) == at("2026-10-25 01:00", fold=1).astimezone(UTC)


def test_a_holiday_is_closed_or_has_its_own_hours_and_one_year_goes_before_every_year():
    christmas = SpecialDay(12, 25, None)
    half_day = SpecialDay(12, 24, 2026, ((9 * 60, 12 * 60),))
    shop = Calendar(DUBLIN, WEEK, (christmas, half_day, SpecialDay(12, 24, None)))
    assert not shop.is_open(at("2026-12-25 10:00")) and not shop.is_open(at("2031-12-25 10:00"))
    assert shop.is_open(at("2026-12-24 10:00")) and not shop.is_open(at("2026-12-24 13:00"))
    assert not shop.is_open(at("2027-12-24 10:00"))
    assert shop.next_opening(at("2026-12-24 12:00")) == at("2026-12-28 09:00")


def test_midnight_does_not_interrupt_what_is_open_on_both_sides():
    shop = Calendar(DUBLIN, (((22 * 60, DAY_MIN),), ((0, 60),), *((),) * 5))
    assert shop.next_closing(at("2026-11-23 23:00")) == at("2026-11-24 01:00")


def test_a_shop_that_never_opens_says_so_and_counts_no_opening_time():
    never = Calendar(DUBLIN, ((),) * 7)
    assert never.next_opening(at("2026-11-23 10:00")) is None
    assert never.open_seconds_between(at("2026-01-01 00:00"), at("2026-12-31 00:00")) == 0
    assert never.after_open_time(at("2026-11-23 10:00"), timedelta(hours=4)) == at("2026-11-23 14:00")


def test_four_opening_hours_go_over_night_and_weekend():
    assert SHOP.after_open_time(at("2026-11-20 15:00"), timedelta(hours=4)) == at("2026-11-23 11:00")
    assert SHOP.after_open_time(at("2026-11-21 15:00"), timedelta(hours=4)) == at("2026-11-23 13:00")


zones = st.sampled_from(["Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
days = st.lists(st.integers(0, DAY_MIN), max_size=6, unique=True).map(
    lambda edges: tuple(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)
special = st.builds(
    SpecialDay, st.integers(1, 12), st.integers(1, 28), st.sampled_from([None, 2024, 2025, 2026, 2027]), days
)
calendars = st.builds(
    lambda zone, week, holidays: Calendar(ZoneInfo(zone), week, tuple(holidays)),
    zones,
    st.none() | st.tuples(*(days,) * 7),
    st.lists(special, max_size=5),
)


@given(calendars, moments, st.integers(0, 3 * 24 * 3600), st.integers(0, 3 * 24 * 3600))
def test_opening_time_adds_up(calendar, begin, first, second):
    middle, end = begin + timedelta(seconds=first), begin + timedelta(seconds=first + second)
    whole = calendar.open_seconds_between(begin, end)
    parts = calendar.open_seconds_between(begin, middle) + calendar.open_seconds_between(middle, end)
    assert abs(whole - parts) < 1e-3
    assert 0 <= whole <= first + second + 1e-3


@given(calendars, moments)
def test_the_next_opening_is_open_and_nothing_before_it_is(calendar, moment):
    found = calendar.next_opening(moment)
    if found is None:
        assert calendar.open_seconds_between(moment, moment + timedelta(days=399)) == 0
        return
    assert found >= moment and calendar.is_open(found)
    assert calendar.open_seconds_between(moment, found) == 0
    assert (found == moment) == calendar.is_open(moment)


@given(calendars, moments, st.integers(0, 24 * 60))
def test_what_is_open_by_the_clock_is_open_by_the_count(calendar, moment, minutes):
    moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    counted = calendar.open_seconds_between(moment, moment + timedelta(minutes=1))
    assert counted == (60 if calendar.is_open(moment) else 0)


@given(calendars, moments, st.integers(1, 48 * 3600))
def test_after_so_much_opening_time_so_much_has_passed(calendar, moment, seconds):
    after = calendar.after_open_time(moment, timedelta(seconds=seconds))
    assert after > moment
    counted = calendar.open_seconds_between(moment, after)
    never = calendar.open_seconds_between(moment, moment + timedelta(days=400)) < seconds
    assert never or abs(counted - seconds) < 1e-3


async def operator(db):
    return await db.write(ensure_account, "sam@example.com", "Sam", OPERATOR, "a long enough password")


async def test_who_sets_nothing_is_always_open(db):
    assert await db.read(hours_store.opening, now()) == hours_store.Opening(True, None)


async def test_the_week_is_stored_audited_and_a_change_can_be_undone_and_done_again(db):
    sam = await operator(db)
    await db.write(hours_store.set_week, sam, "Europe/Berlin", WEEK, 0)
    opening = await db.read(hours_store.opening, at("2026-11-21 12:00"))
    assert opening == hours_store.Opening(False, at("2026-11-23 09:00", ZoneInfo("Europe/Berlin")))
    with pytest.raises(Conflict, match="Somebody else"):
        await db.write(hours_store.set_week, sam, "UTC", None, 0)
    await db.write(hours_store.undo_week, sam, 1)
    assert (await db.read(hours_store.opening, at("2026-11-21 12:00"))).open
    with pytest.raises(Conflict):
        await db.write(hours_store.undo_week, sam, 1)
    await db.write(hours_store.undo_week, sam, 2)
    assert (await db.read(hours_store.hours)).week == WEEK
    done = await db.read(lambda session: session.scalars(select(AuditEntry.what)).all())
    assert done.count("hours_changed") == 3


async def test_a_holiday_can_be_removed_and_restored(db):
    sam = await operator(db)
    day = date(now().year + 1, 12, 25)
    noon = datetime(day.year, 12, 25, 12, tzinfo=UTC)
    holiday = await db.write(hours_store.add_holiday, sam, day, "Christmas", (), True)
    assert not (await db.read(hours_store.opening, noon)).open
    with pytest.raises(Invalid, match="already"):
        await db.write(hours_store.add_holiday, sam, day, "Again", (), True)
    await db.write(hours_store.remove_holiday, sam, holiday.id)
    assert (await db.read(hours_store.opening, noon)).open
    await db.write(hours_store.restore_holiday, sam, holiday.id)
    assert not (await db.read(hours_store.opening, noon)).open
    with pytest.raises(NotFound):
        await db.write(hours_store.remove_holiday, sam, 4711)


@pytest.mark.parametrize(
    "spans",
    [((600, 540),), ((540, 540),), ((0, 1441),), ((-1, 10),), ((0, 700), (600, 800)), ((0, 1),) * 5],
)
def test_hours_that_are_none_are_refused(spans):
    with pytest.raises(Invalid):
        hours_store.checked(spans)


@pytest.mark.parametrize(
    "text", ["", "9", "nine", "24:01", "12:60", "1:2", "-1:00", "\u0660\u0669:\u0660\u0660", "99999999999:00"]
)
def test_times_that_are_none_are_refused(text):
    with pytest.raises(Invalid):
        hours_store.minute_of(text)


def test_moments_are_told_as_people_say_them():
    told = [
        hours_store.in_words(SHOP, at(moment), at("2026-11-20 08:00"))
        for moment in ("2026-11-20 09:00", "2026-11-21 09:00", "2026-11-23 09:00", "2026-12-28 09:00")
    ]
    assert told == ["today at 09:00", "tomorrow at 09:00", "Monday at 09:00", "Monday, 28 December, at 09:00"]


@pytest.mark.parametrize("reason", ["asked_for_person", "engine_unavailable"])
async def test_who_needs_a_person_outside_the_hours_is_told_when_people_are_back(db, reason):
    sam = await operator(db)
    local = now().astimezone(UTC)
    week = [()] * 7
    tomorrow = (local.weekday() + 1) % 7
    week[tomorrow] = ((9 * 60, 17 * 60),)
    await db.write(hours_store.set_week, sam, "UTC", tuple(week), 0)

    def ask(session):
        conversation = conversations.current_of(session, customers.new_visitor(session, "en").id)
        services.hand_over(session, conversation, reason, [])
        return conversation.id

    chat = await db.write(ask)
    notice = (await db.read(services.transcript, chat))[-1]
    assert notice.extra["notice"] == "closed"
    assert "tomorrow at 09:00 (UTC)" in notice.text and "E-mail me instead" in notice.text
    opens = datetime.fromisoformat(notice.extra["next"])
    assert opens == (local + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
