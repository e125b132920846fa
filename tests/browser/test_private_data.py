"""A customer pastes a card number: afterwards it is nowhere to be seen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Chat

Tab = Callable[..., Chat]
Site = Callable[..., BrowserContext]
ELSEWHERE = "/somebody-elses-site"
CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("lang", "notice"),
    [("en", "We have hidden private data"), ("de", "Wir haben private Daten"), ("fr", "données privées")],
)
def test_the_widget_shows_what_was_stored_and_why(tab: Tab, site: Site, lang: str, notice: str) -> None:
    chat = tab(ELSEWHERE, site(lang=lang)).open()
    chat.text.fill(f"Please charge {CARD}, thanks")
    chat.text.press("Enter")
    expect(chat.mine("Please charge •••• 1111, thanks")).to_be_visible()
    expect(chat.log.locator(".notice", has_text=notice)).to_have_count(1)
    assert chat.mine().count() == 1 and CARD not in chat.log.inner_text()
    kept = chat.page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert "4111" not in kept
    chat.page.reload()
    expect(chat.page.locator("switchboard-widget .me .text")).to_have_text(["Please charge •••• 1111, thanks"])


def test_another_tab_never_sees_it(tab: Tab) -> None:
    first = tab().open()
    first.ask("hello")
    second = tab(context=first.page.context).open()
    first.text.fill(f"my card: {CARD}")
    first.text.press("Enter")
    expect(second.mine("my card: •••• 1111")).to_be_visible()
    expect(second.log.locator(".notice", has_text="hidden private data")).to_have_count(1)
    assert CARD not in second.log.inner_text()
