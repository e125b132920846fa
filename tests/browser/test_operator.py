"""The operator looks into an answer, in a real browser and with the real engine."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.staff import accessibility_problems, at_work, sideways

PAGE = "/operator/answers"


@pytest.fixture
def sam(browser: Browser, live_app: object) -> Iterator[Page]:
    with at_work(browser, live_app.url, live_app.operator, "/desk") as page:
        page.get_by_role("link", name="Answers").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Why does it say that?")
        yield page


def explain(page: Page, text: str, before: str = "") -> None:
    if before:
        page.get_by_text("It follows an earlier message").click()
        page.get_by_label("What the customer wrote before that").fill(before)
    page.locator("textarea[name=text]").fill(text)
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="Candidates")).to_be_visible()


def test_a_question_shows_decision_intent_and_candidates_with_every_part(sam: Page) -> None:
    explain(sam, "can I get my coffee ground for a moka pot")
    expect(sam.locator(".verdict")).to_contain_text("ask_question")
    expect(sam.locator(".verdict")).to_contain_text("answer_threshold")
    expect(sam.locator(".said .bubble").first).to_be_visible()
    expect(sam.locator(".steps")).to_contain_text("ask_question")
    rows = sam.locator(".candidates tbody tr")
    assert rows.count() > 1
    parts = sam.locator(".candidates thead th").all_inner_texts()[2:]
    assert len(parts) >= 3
    # A bar per part, and one for the score on which both thresholds are marked.
    assert rows.first.locator("svg.bar").count() == len(parts) + 1
    assert rows.first.locator(".score .mark").count() >= 2
    width = rows.first.locator(".score .more").bounding_box()["width"]
    assert width > rows.last.locator(".score .more").bounding_box()["width"]


def test_anger_another_language_and_private_data_are_explained(sam: Page) -> None:
    explain(sam, "this is useless, I am fed up!!! my card is 4111 1111 1111 1111")
    expect(sam.locator(".verdict")).to_contain_text("Hands over to a person")
    expect(sam.locator(".steps")).to_contain_text("my card is •••• 1111")
    explain(sam, "Wo bleibt meine Bestellung? Ich warte seit Montag.")
    expect(sam.locator(".verdict")).to_contain_text("German")
    expect(sam.locator(".said")).to_contain_text("In Ihrer Sprache")


def test_the_page_works_without_scripts(browser: Browser, live_app: object) -> None:
    with at_work(browser, live_app.url, live_app.operator, PAGE, java_script_enabled=False) as page:
        explain(page, "how much is shipping to Germany?", "hello")
        expect(page.locator("textarea[name=text]")).to_have_value("how much is shipping to Germany?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, live_app: object, scheme: str) -> None:
    with at_work(browser, live_app.url, live_app.operator, PAGE, color_scheme=scheme) as page:
        assert accessibility_problems(page) == []
        explain(page, "my kettle is broken and it makes me angry")
        assert accessibility_problems(page) == []


def test_a_phone_never_scrolls_sideways(browser: Browser, live_app: object) -> None:
    with at_work(browser, live_app.url, live_app.operator, PAGE, viewport={"width": 360, "height": 740}) as page:
        explain(page, "x" * 300 + " how long do I have to return a grinder that I have used?")
        assert sideways(page) == 0


def test_an_agent_is_told_whom_it_is_for(browser: Browser, live_app: object) -> None:
    with at_work(browser, live_app.url, live_app.agent, PAGE) as page:
        expect(page.get_by_text("This part is for operators")).to_be_visible()
