"""What a visitor may rely on when they talk to the widget: real Chromium, the running product."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page, WebSocket, expect

from tests.browser.conftest import Chat

QUESTION = "How much is shipping to Germany?"

Tab = Callable[..., Chat]
HostPage = Callable[..., BrowserContext]


def sent_frames(page: Page) -> list[dict[str, Any]]:
    """A list that grows with every frame that the page puts on a socket."""
    frames: list[dict[str, Any]] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda raw: frames.append(json.loads(raw)))

    page.on("websocket", watch)
    return frames


def test_a_question_is_answered_with_the_article_it_came_from(tab: Tab) -> None:
    chat = tab().open()
    chat.ask(QUESTION)
    card = chat.log.locator("a.card").last
    expect(card).to_contain_text("Shipping costs and delivery times")
    expect(card).to_have_attribute("href", re.compile("/help/shipping-costs-and-times"))
    expect(card).to_have_attribute("target", "_blank")
    expect(card).to_have_attribute("rel", "noopener noreferrer nofollow")


def test_what_the_visitor_has_seen_is_told(tab: Tab) -> None:
    chat = tab()
    frames = sent_frames(chat.page)
    chat.open().ask(QUESTION)
    for _ in range(50):
        if 2 in [frame["sequence"] for frame in frames if frame["type"] == "read"]:
            break
        chat.page.wait_for_timeout(100)
    else:
        raise AssertionError(f"the answer was shown and nobody was told: {frames}")


def test_a_vote_says_which_answer_it_is_about(tab: Tab) -> None:
    chat = tab()
    frames = sent_frames(chat.page)
    chat.open().ask(QUESTION)
    chat.panel.get_by_role("button", name="No", exact=True).click()
    expect(chat.log.locator(".me.sent", has_text="No")).to_be_visible()
    expect(chat.panel.get_by_text("Did this help?").first).to_be_hidden()
    votes = [frame["vote"] for frame in frames if frame.get("vote")]
    assert votes == [{"sequence": 2, "helped": False}]


def test_a_person_is_announced_in_the_visitors_language(tab: Tab, site: HostPage) -> None:
    chat = tab("/somebody-elses-site", site(lang="de")).open()
    chat.ask("I want to talk to a person")
    expect(chat.log.locator(".notice")).to_contain_text("Wir haben jemanden aus dem Team gerufen")
    expect(chat.panel.locator("header")).to_contain_text("Ein Mensch wird antworten")


def test_the_conversation_is_there_after_a_reload(tab: Tab) -> None:
    chat = tab().open()
    chat.ask(QUESTION)
    before = chat.everything()
    chat.page.reload()
    chat.open()
    expect(chat.log.locator(".text, .notice")).to_have_count(len(before))
    assert chat.everything() == before


def test_a_signed_identity_greets_by_name_and_keeps_what_was_said_before(tab: Tab) -> None:
    chat = tab().open()
    chat.ask("Said before signing in")
    chat.page.get_by_role("button", name="Sign in as Anna").click()
    expect(chat.panel.locator(".intro")).to_contain_text("Hello Anna Lindqvist!")
    expect(chat.mine("Said before signing in")).to_have_count(1)


def test_a_page_can_vouch_for_its_visitor_in_the_script_tag(tab: Tab, site: HostPage, live_app: Any) -> None:
    signed = httpx.post(f"{live_app.url}/demo/identity", trust_env=False).json()["token"]
    chat = tab("/somebody-elses-site", site(data=f'data-identity="{signed}"')).open()
    expect(chat.panel.locator(".intro")).to_contain_text("Hello Anna Lindqvist!")


def test_an_identity_that_does_not_check_out_is_reported_and_the_chat_goes_on(tab: Tab, site: HostPage) -> None:
    context = site()
    context.add_init_script("window.Switchboard = [['on', 'error', ({ code }) => { window.refused = code; }]]")
    chat = tab("/somebody-elses-site", context)
    chat.page.evaluate("Switchboard.identify('forged')")
    chat.open().ask("First")
    expect(chat.mine()).to_have_text(["First"])
    assert chat.page.evaluate("refused") == "identity_invalid"


def test_trouble_on_the_page_is_told_once_there_is_a_chat_and_met_in_it(tab: Tab) -> None:
    chat = tab()
    frames = sent_frames(chat.page)
    chat.page.evaluate("Switchboard.trouble('payment_failed')")
    chat.page.wait_for_timeout(300)
    assert frames == []  # nobody becomes a visitor by it
    chat.open().ask("my card does not work")
    expect(chat.theirs().first).to_contain_text("your payment did not go through")
    chat.page.evaluate("Switchboard.trouble('validation_errors')")
    chat.ask("and now?")
    assert [frame["trouble"] for frame in frames if frame.get("trouble")] == ["payment_failed", "validation_errors"]


def test_signing_out_leaves_nothing_of_the_visitor_in_this_tab_or_another(tab: Tab) -> None:
    one = tab().open()
    two = tab(context=one.page.context)
    one.ask("A secret")
    two.open()
    expect(two.mine("A secret")).to_be_visible()
    two.page.get_by_role("button", name="Close chat").first.click()
    one.page.evaluate("Switchboard.shutdown()")
    expect(one.page.locator("switchboard-widget")).to_have_count(0)
    expect(two.page.locator("switchboard-widget .me")).to_have_count(0)
    assert one.page.evaluate("Object.keys(localStorage)") == []
    one.page.evaluate("Switchboard.open()")
    one.ask("Somebody else")
    expect(one.mine()).to_have_text(["Somebody else"])


def test_an_answer_that_comes_while_the_panel_is_closed_is_counted(tab: Tab) -> None:
    chat = tab().open()
    chat.ask("First")
    seen = chat.theirs().count()
    chat.text.fill("Second")
    # At one go: an answer may be quicker than a second key.
    chat.panel.get_by_role("button", name="Send").evaluate("(send) => { send.click(); Switchboard.close(); }")
    expect(chat.launcher).to_have_accessible_name("Open chat (1 unread)")
    expect(chat.launcher.locator(".badge")).to_have_text("1")
    chat.open()
    expect(chat.theirs()).to_have_count(seen + 1)
    expect(chat.launcher.locator(".badge")).to_be_hidden()


def test_the_site_hears_events_and_its_early_calls_are_played(tab: Tab, site: HostPage) -> None:
    context = site()
    context.add_init_script(
        "window.heard = []; window.Switchboard = ['ready', 'open', 'close', 'message', 'owner']"
        ".map((name) => ['on', name, (detail) => heard.push([name, detail?.author ?? detail?.owner ?? ''].join(' '))]);"
        "window.Switchboard.push(['open']);"
    )
    chat = tab("/somebody-elses-site", context)
    expect(chat.text).to_be_visible()
    chat.ask("I want to talk to a person")
    expect(chat.panel.locator("header")).to_contain_text("A person will answer")
    chat.page.evaluate("Switchboard.close()")
    expect(chat.panel).to_be_hidden()
    heard = chat.page.evaluate("heard")
    assert heard[:3] == ["ready ", "open ", "owner bot"]
    assert {"owner queue", "message system", "close "} <= set(heard)


def test_nobody_becomes_a_visitor_by_looking_at_a_page(tab: Tab) -> None:
    chat = tab()
    frames = sent_frames(chat.page)
    chat.page.reload()
    expect(chat.launcher).to_be_visible()
    chat.page.wait_for_load_state("networkidle")
    assert frames == []
    assert chat.page.evaluate("localStorage.length") == 0


def test_what_a_page_offers_to_ask_is_only_sent_when_the_visitor_sends_it(tab: Tab) -> None:
    chat = tab()
    chat.page.get_by_role("button", name="Can I pause my subscription?").click()
    expect(chat.text).to_have_value("Can I pause my subscription?")
    expect(chat.mine()).to_have_count(0)
    chat.text.press("Enter")
    expect(chat.log.locator(".me.sent")).to_have_count(1)


def test_the_demo_shop_lists_orders_to_ask_about(tab: Tab) -> None:
    chat = tab()
    expect(chat.page.get_by_role("button", name="Ask about order").first).to_be_visible()
    chat.page.get_by_role("button", name="Ask about order").first.click()
    expect(chat.text).to_have_value(re.compile(r"^Where is my order KF-\d+\?$"))
