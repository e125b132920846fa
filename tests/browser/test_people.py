"""An operator says who can take what, in a real browser."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.staff import accessibility_problems, at_work, sideways


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1360, 840), (390, 844)], ids=["desktop", "phone"])
def test_teams_and_agents_are_changed_without_a_reload_and_axe_finds_nothing(
    browser: Browser, live_app, scheme: str, size: tuple[int, int]
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    with at_work(browser, live_app.url, live_app.operator, "/desk", **options) as sam:
        sam.get_by_role("link", name="People").click()
        expect(sam.get_by_role("heading", level=1)).to_have_text("People")
        sam.get_by_label("New team").fill("Returns")
        sam.get_by_role("button", name="Add").click()
        expect(sam.get_by_role("status")).to_contain_text("Saved")
        expect(sam.get_by_label("New team")).to_have_value("")
        mia = sam.locator(".agents li", has_text="Mia Novak")
        mia.get_by_label("Team").select_option(label="Returns")
        mia.get_by_label("Languages").fill("german")
        mia.get_by_role("button", name="Save").click()
        expect(sam.get_by_role("alert")).to_contain_text("A language is two letters")
        # What was typed stays to be put right.
        expect(mia.get_by_label("Languages")).to_have_value("german")
        mia.get_by_label("Languages").fill("de, en")
        mia.get_by_label("Skills").fill("shipping, shiping")
        mia.get_by_role("button", name="Save").click()
        expect(sam.get_by_role("status")).to_contain_text("Saved")
        expect(mia.locator(".unknown")).to_have_text("No article has the topic shiping, so no chat needs that skill.")
        mia.get_by_label("Skills").fill("")
        mia.get_by_role("button", name="Save").click()
        expect(mia.locator(".unknown")).to_have_count(0)
        sam.get_by_role("button", name="Remove Returns").click()
        expect(sam.get_by_role("alert")).to_contain_text("still has members")
        assert accessibility_problems(sam) == []
        assert sideways(sam) == 0
        mia.get_by_label("Team").select_option(label="No team")
        mia.get_by_label("Languages").fill("")
        mia.get_by_role("button", name="Save").click()
        expect(sam.get_by_role("status")).to_contain_text("Saved")
        sam.get_by_role("button", name="Remove Returns").click()
        expect(sam.get_by_role("button", name="Remove Returns")).to_have_count(0)
