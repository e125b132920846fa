"""What a writer may rely on in the studio, and a reader on the help pages: real Chromium, the running product."""

import re
import uuid

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.staff import accessibility_problems, at_work, sideways


def start_article(page: Page) -> str:
    """A new article in the editor; its title."""
    title = f"Engraving {uuid.uuid4().hex[:8]}"
    page.get_by_text("New article", exact=True).click()
    page.get_by_label("Title", exact=True).fill(title)
    page.get_by_role("button", name="Start writing").click()
    expect(page.locator("#sb_title")).to_have_value(title)
    return title


def save(page: Page) -> None:
    page.get_by_role("button", name="Save draft").click()
    saved(page)


def saved(page: Page) -> None:
    # The notice may be that of an earlier draft.
    expect(page.locator("#sb_unsaved")).to_have_text("")
    expect(page.locator("#sb_notices")).to_contain_text("Draft saved")


def publish(page: Page, version: int) -> None:
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("#sb_notices")).to_contain_text(f"Published as version {version}")


def help_path(page: Page) -> str:
    return page.url.replace("/studio/", "/help/")


def test_an_article_is_written_beside_its_preview_published_changed_and_restored(browser: Browser, live_app) -> None:
    with (
        at_work(browser, live_app.url, live_app.writer, "/studio") as aoife,
        at_work(browser, live_app.url, None, "/help") as reader,
    ):
        title = start_article(aoife)
        aoife.locator("#sb_body").fill("We engrave kettles.\n\n## How long\n\nTwo **days**.")
        expect(aoife.locator("#sb_preview strong")).to_have_text("days")
        expect(aoife.locator("#sb_unsaved")).to_have_text("Not saved yet")
        save(aoife)
        expect(aoife.locator("#sb_unsaved")).to_have_text("")
        assert reader.goto(help_path(aoife)).status == 404
        publish(aoife, 1)
        reader.reload()
        expect(reader.get_by_role("heading", level=1)).to_have_text(title)
        expect(reader.locator("#how-long")).to_have_text("How long")
        aoife.locator("#sb_body").fill("We engrave kettles, and now mugs too.")
        aoife.keyboard.press("Control+s")
        expect(aoife.locator("#sb_status")).to_contain_text("Draft on top")
        publish(aoife, 2)
        reader.reload()
        expect(reader.locator("article")).to_contain_text("now mugs too")
        aoife.on("dialog", lambda dialog: dialog.accept())
        aoife.get_by_role("button", name="Publish again").click()
        expect(aoife.locator("#sb_history")).to_contain_text("Version 3")
        expect(aoife.locator("#sb_body")).to_have_value("We engrave kettles.\n\n## How long\n\nTwo **days**.")
        reader.reload()
        expect(reader.locator("article")).not_to_contain_text("mugs")
        aoife.get_by_role("button", name="Archive").click()
        expect(aoife.locator("#sb_status")).to_contain_text("Archived")
        assert reader.reload().status == 404


def test_publishing_an_old_version_asks_first_and_the_one_in_use_is_not_offered(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        start_article(aoife)
        aoife.locator("#sb_body").fill("The first words.")
        publish(aoife, 1)
        aoife.locator("#sb_body").fill("Other words.")
        publish(aoife, 2)
        again = aoife.get_by_role("button", name="Publish this version again")
        aoife.get_by_role("link", name="Version 2", exact=True).click()
        expect(aoife.locator(".heading .tag")).to_have_text("In use")
        expect(again).to_have_count(0)
        aoife.get_by_role("link", name="Back to the editor").click()
        aoife.get_by_role("link", name="Version 1", exact=True).click()
        aoife.once("dialog", lambda dialog: dialog.dismiss())
        again.click()
        expect(aoife.locator("article")).to_contain_text("The first words.")
        aoife.once("dialog", lambda dialog: dialog.accept())
        again.click()
        expect(aoife.locator("#sb_body")).to_have_value("The first words.")
        expect(aoife.locator("#sb_history")).to_contain_text("Version 3")


def test_the_form_for_a_new_article_closes_by_keyboard_and_by_a_click_elsewhere(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        opener, title = aoife.locator("details.new summary"), aoife.get_by_label("Title", exact=True)
        opener.press("Enter")
        expect(title).to_be_visible()
        title.press("Escape")
        expect(title).to_be_hidden()
        expect(opener).to_be_focused()
        opener.click()
        expect(title).to_be_visible()
        aoife.get_by_role("heading", name="Articles").click()
        expect(title).to_be_hidden()


def test_articles_are_found_while_typing(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        everything = aoife.locator("ul.articles li").count()
        aoife.get_by_role("searchbox").fill("refund times")
        expect(aoife.locator("#sb_found .summary")).not_to_have_text(f"{everything} articles")
        for words in aoife.locator("ul.articles strong").all_inner_texts():
            assert words
        aoife.get_by_role("searchbox").fill("zebra crossing")
        expect(aoife.locator("#sb_found")).to_contain_text("Nothing found")


def test_going_back_from_an_article_finds_the_search_again(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        aoife.get_by_role("searchbox").fill("refund")
        aoife.wait_for_url("**/studio?q=refund*")
        found = aoife.locator("ul.articles li").count()
        aoife.locator("ul.articles a").first.click()
        expect(aoife.locator("#sb_title")).to_be_visible()
        aoife.go_back()
        expect(aoife.get_by_role("searchbox")).to_have_value("refund")
        expect(aoife.locator("ul.articles li")).to_have_count(found)


def test_a_double_click_publishes_once_and_what_follows_a_save_at_once_is_no_conflict(
    browser: Browser, live_app
) -> None:
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        start_article(aoife)
        aoife.locator("#sb_body").fill("Wrapped in paper.")
        aoife.get_by_role("button", name="Publish", exact=True).dblclick()
        expect(aoife.locator("#sb_notices")).to_contain_text("Published as version 1")
        aoife.locator("#sb_body").fill("Wrapped in linen.")
        aoife.keyboard.press("Control+s")
        aoife.get_by_role("button", name="Publish", exact=True).click()
        expect(aoife.locator("#sb_notices")).to_contain_text("Published as version 2")
        expect(aoife.locator("#sb_unsaved")).to_have_text("")
        expect(aoife.locator(".conflict")).to_have_count(0)
        expect(aoife.locator(".versions li")).to_have_count(2)


def test_two_writers_at_one_article_lose_nothing(browser: Browser, live_app) -> None:
    with (
        at_work(browser, live_app.url, live_app.writer, "/studio") as aoife,
        at_work(browser, live_app.url, live_app.operator, "/studio") as sam,
    ):
        start_article(aoife)
        sam.goto(aoife.url)
        aoife.locator("#sb_body").fill("Aoife's text")
        sam.locator("#sb_body").fill("Sam's text")
        save(aoife)
        sam.get_by_role("button", name="Publish", exact=True).click()
        expect(sam.get_by_role("alert")).to_contain_text("both texts are here")
        expect(sam.get_by_label("The other text", exact=True)).to_have_value("Aoife's text")
        expect(sam.locator("#sb_body")).to_have_value("Sam's text")
        sam.get_by_role("button", name="Use the other text instead").click()
        expect(sam.locator("#sb_body")).to_have_value("Aoife's text")
        expect(sam.locator("#sb_preview")).to_contain_text("Aoife's text")
        sam.locator("#sb_body").fill("Aoife's text, and Sam's")
        save(sam)
        aoife.locator("#sb_body").fill("Aoife again")
        aoife.get_by_role("button", name="Save draft").click()
        aoife.get_by_role("button", name="Keep mine").click()
        saved(aoife)
        sam.reload()
        expect(sam.locator("#sb_body")).to_have_value("Aoife again")


def test_leaving_with_unsaved_words_asks_first(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        start_article(aoife)
        asked: list[str] = []
        aoife.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        aoife.locator("#sb_body").press_sequentially("Unsaved")
        aoife.get_by_role("link", name="← Articles").click()
        expect(aoife.locator("#sb_body")).to_have_value("Unsaved")
        assert asked == ["beforeunload"]
        save(aoife)
        aoife.get_by_role("link", name="← Articles").click()
        expect(aoife.get_by_role("heading", name="Articles")).to_be_visible()
        assert asked == ["beforeunload"]


def test_scripts_in_an_article_do_not_run_in_the_preview_or_on_the_help_page(browser: Browser, live_app) -> None:
    body = (
        "Before <script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3))\n\n"
        "<div hx-get='/desk' hx-trigger='load'>box</div><svg onload=alert(4)></svg>\n\nAfter"
    )
    with at_work(browser, live_app.url, live_app.writer, "/studio") as aoife:
        dialogs: list[str] = []
        aoife.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        start_article(aoife)
        aoife.locator("#sb_body").fill(body)
        expect(aoife.locator("#sb_preview")).to_contain_text("After")
        publish(aoife, 1)
        aoife.goto(help_path(aoife))
        expect(aoife.locator("article")).to_contain_text("After")
        assert aoife.locator("article :is(script, svg, [onerror], [hx-get])").count() == 0
        assert dialogs == []


def test_a_reader_finds_the_section_while_typing_and_comes_back_to_what_was_found(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, None, "/help") as reader:
        reader.get_by_role("searchbox").press_sequentially("water drips from the machine", delay=15)
        reader.locator(".hits a").filter(has_text="No water or pressure").click()
        expect(reader.get_by_role("heading", level=1)).to_contain_text("No water or pressure")
        expect(reader.locator(":target")).to_be_in_viewport()
        reader.go_back()
        expect(reader.get_by_role("searchbox")).to_have_value("water drips from the machine")
        expect(reader.locator(".hits a").first).to_be_visible()
        reader.get_by_role("searchbox").fill("")
        expect(reader.get_by_role("heading", name="Account", exact=True)).to_be_visible()


def test_who_does_not_find_it_asks_the_same_in_the_chat(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, None, "/help?q=are+you+hiring") as reader:
        expect(reader.get_by_role("status")).to_contain_text("Nothing here is clearly about that")
        reader.get_by_role("button", name="ask in the chat").click()
        draft = reader.get_by_role("dialog").get_by_role("textbox")
        expect(draft).to_have_value("are you hiring")
        draft.press("Enter")
        expect(reader.get_by_role("log")).to_contain_text(re.compile("I don't have an article|Is it one of these"))


def test_the_help_pages_are_searched_from_an_article_and_without_scripts(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, None, "/help/account-locked", java_script_enabled=False) as reader:
        reader.get_by_role("searchbox").fill("where is my parcl")
        reader.get_by_role("searchbox").press("Enter")
        expect(reader.get_by_role("status")).to_contain_text("Understood as “where is my parcel”")
        expect(reader.locator(".hits a").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1360, 840), (390, 844)], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_the_studio_and_on_the_help_pages(
    browser: Browser, live_app, scheme: str, size: tuple[int, int]
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    with at_work(browser, live_app.url, live_app.writer, "/studio", **options) as aoife:
        for path in ("/studio", "/studio/account-locked", "/studio/account-locked/versions/1"):
            aoife.goto(path)
            expect(aoife.locator("h1").first).to_be_attached()
            assert accessibility_problems(aoife) == [], path
            assert sideways(aoife) == 0, path
    with at_work(browser, live_app.url, None, "/help", **options) as reader:
        for path in ("/help", "/help?q=refund", "/help?q=pizza", "/help/account-locked", "/help/no-such-page"):
            reader.goto(path)
            assert accessibility_problems(reader) == [], path
            assert sideways(reader) == 0, path
