"""The operator sets the opening hours in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.staff import accessibility_problems, at_work, sideways

PAGE = "/operator/hours"


def always_open(page: Page) -> None:
    """As the rest of the product's tests expect it."""
    page.goto(PAGE)
    page.get_by_label("There is always somebody").check()
    page.get_by_role("button", name="Save the week").click()
    expect(page.locator(".state")).to_have_text("Open now, always (Europe/Dublin)")


def test_a_week_is_typed_seen_as_bars_and_undone(browser: Browser, live_app: object) -> None:
    with at_work(browser, live_app.url, live_app.operator, "/desk") as page:
        page.get_by_role("link", name="Hours").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Opening hours")
        page.get_by_label("There is always somebody").uncheck()
        try:
            for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
                page.get_by_label(day, exact=True).fill("00:00-12:00, 12:00-24:00")
            page.get_by_label("Monday", exact=True).fill("nine to five")
            page.get_by_role("button", name="Save the week").click()
            expect(page.locator("#sb_day0_problem")).to_contain_text("09:00-17:00")
            expect(page.get_by_label("Monday", exact=True)).to_have_value("nine to five")
            assert accessibility_problems(page) == []
            page.get_by_label("Monday", exact=True).fill("09:00-12:00, 13:00-17:00")
            page.get_by_role("button", name="Save the week").click()
            expect(page.get_by_role("status")).to_contain_text("Saved.")
            # Two bars on each of the seven days, a break between them on Monday.
            assert page.locator(".picture .span").count() == 14
            monday = page.locator(".picture li", has_text="Mon")
            expect(monday.locator(".words")).to_have_text("09:00–12:00, 13:00–17:00")  # noqa: RUF001
            first, second = (each.bounding_box() for each in monday.locator(".span").all())
            assert first["x"] + first["width"] < second["x"]
            page.get_by_role("button", name="Undo the last change").click()
            expect(page.locator(".state")).to_contain_text("Open now, always")
        finally:
            always_open(page)


def test_a_holiday_is_added_removed_and_put_back_by_keyboard_alone(browser: Browser, live_app: object) -> None:
    with at_work(browser, live_app.url, live_app.operator, PAGE) as page:
        page.get_by_label("Name").fill("Stocktaking")
        page.get_by_label("Day", exact=True).fill("2027-01-04")
        page.keyboard.press("Enter")
        entry = page.locator(".list li", has_text="Stocktaking")
        expect(entry).to_contain_text("Monday, 4 January 2027 · closed")
        entry.get_by_role("button").press("Enter")
        expect(page.locator(".list li", has_text="Stocktaking")).to_have_count(0)
        page.get_by_role("button", name="Put it back").press("Enter")
        expect(entry).to_be_visible()
        entry.get_by_role("button").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("removed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_and_a_phone_never_scrolls_sideways(
    browser: Browser, live_app: object, scheme: str
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": 360, "height": 740}}
    with at_work(browser, live_app.url, live_app.operator, PAGE, **options) as page:
        assert accessibility_problems(page) == []
        assert sideways(page) == 0
