"""What a visitor sees while they wait for a person, and how they go on by e-mail: real Chromium."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, WebSocketRoute, expect

from tests.browser.conftest import Chat
from tests.browser.test_widget_page import ELSEWHERE, PHONE, focused, serious

Tab = Callable[..., Chat]
Site = Callable[..., BrowserContext]
RANGE = {"type": "queue", "key": "between", "position": 3, "low": 4, "high": 9, "text": "…", "email": True}


class Server:
    """The product's socket, on which the test says things too; `email_me` frames it keeps to itself."""

    def __init__(self, page: Page, **welcome: Any) -> None:
        self.emails: list[dict[str, Any]] = []
        self._welcome = {"owner": "queue", **welcome}
        self._routes: list[WebSocketRoute] = []
        page.route_web_socket("**/channel/socket", self._between)

    def _between(self, route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def from_server(raw: str | bytes) -> None:
            frame = json.loads(raw)
            route.send(json.dumps(frame | self._welcome) if frame["type"] == "welcome" else raw)

        def from_page(raw: str | bytes) -> None:
            frame = json.loads(raw)
            if frame["type"] == "email_me":
                self.emails.append(frame)
            else:
                server.send(raw)

        server.on_message(from_server)
        route.on_message(from_page)
        self._routes.append(route)

    def says(self, **frame: Any) -> None:
        self._routes[-1].send(json.dumps(frame))

    def notices(self, code: str, **extra: Any) -> None:
        said = {"author": "system", "kind": "notice", "text": "…", "at": "2026-11-23T09:00:00Z"}
        self.says(type="message", sequence=1, notice=code, **said | extra)


def waiting(chat: Chat, **welcome: Any) -> Server:
    """In the queue, third, with a range."""
    server = Server(chat.page, **welcome)
    chat.open()
    expect(chat.panel.locator("header")).to_contain_text("person")
    server.says(**RANGE)
    expect(line(chat)).to_be_visible()
    return server


def line(chat: Chat) -> Locator:
    return chat.panel.locator(".wait p")


def form(chat: Chat) -> Locator:
    return chat.panel.locator("form")


def test_the_range_is_shown_changes_and_goes_when_an_agent_joins(tab: Tab) -> None:
    chat = tab()
    server = waiting(chat)
    expect(line(chat)).to_have_text("You are number 3. It will take 4\u20139 minutes.")
    expect(line(chat)).to_have_attribute("aria-live", "polite")
    server.says(**RANGE | {"key": "up_to", "position": 2, "low": None, "high": 5})
    expect(line(chat)).to_have_text("You are number 2. It will take less than 5 minutes.")
    server.says(type="queue", key="under_a_minute", position=1, text="…", email=True)
    expect(line(chat)).to_have_text("You are number 1. It will take less than 1 minute.")
    server.says(type="queue", key="nobody_on_duty", position=1, text="…", email=True)
    expect(line(chat)).to_have_text("Nobody is here just now.")
    server.says(type="owner", owner="agent", agent={"name": "Mia"})
    expect(line(chat)).to_be_hidden()


def test_the_line_covers_nothing_of_what_was_said_last(tab: Tab) -> None:
    chat = tab()
    server = Server(chat.page)
    chat.open()
    expect(chat.panel.locator("header")).to_contain_text("person")
    for number in range(1, 13):
        said = {"author": "bot", "kind": "text", "text": f"Word {number}", "at": "2026-11-23T09:00:00Z"}
        server.says(type="message", sequence=number, **said)
    last = chat.log.get_by_text("Word 12")
    expect(last).to_be_in_viewport()
    server.says(**RANGE)
    expect(line(chat)).to_be_visible()
    expect(last).to_be_in_viewport(ratio=1)
    below = chat.page.evaluate(
        "([last, line]) => line.getBoundingClientRect().top - last.getBoundingClientRect().bottom",
        [last.element_handle(), line(chat).element_handle()],
    )
    assert below > 0


def test_a_screen_reader_hears_what_has_changed_and_nothing_twice(tab: Tab) -> None:
    chat = tab()
    server = waiting(chat)
    line(chat).evaluate(
        "(line) => { window.changes = 0; new MutationObserver(() => { changes += 1; })"
        ".observe(line, { childList: true, characterData: true, subtree: true }); }"
    )
    for _ in range(3):
        server.says(**RANGE)
    server.says(**RANGE | {"low": 3, "high": 8})
    expect(line(chat)).to_contain_text("3\u20138")
    assert chat.page.evaluate("changes") == 1


def test_a_real_queue_is_shown_until_a_real_agent_joins(tab: Tab, live_app: Any) -> None:
    chat = tab().open()
    chat.ask("I want to talk to a person")
    # As others have left the desk: nobody there yet, or agents of tests before, who are still seen.
    expect(line(chat)).to_have_text(re.compile(r"^(Nobody is here just now\.|You are number \d+\b.*)"))
    expect(chat.panel.get_by_text("E-mail me instead")).to_be_hidden()
    email, password = live_app.agent
    with httpx.Client(base_url=live_app.url, trust_env=False, headers={"Origin": live_app.url}) as desk:
        desk.post("/sign-in", data={"email": email, "password": password})
        conversation = chat.page.evaluate(
            "JSON.parse(localStorage[Object.keys(localStorage).find((key) => key.endsWith(':read'))])[0]"
        )
        assert desk.post(f"/desk/chats/{conversation}/claim").status_code == 303
    expect(line(chat)).to_be_hidden()
    expect(chat.log.locator(".notice").last).to_contain_text("has joined")


def test_email_instead_is_asked_for_sent_and_confirmed(tab: Tab) -> None:
    chat = tab()
    server = waiting(chat)
    chat.panel.get_by_text("E-mail me instead").click()
    address = chat.panel.get_by_label("E-mail address")
    expect(address).to_be_focused()
    address.fill("anna@")
    address.press("Enter")
    expect(form(chat).get_by_role("alert")).to_have_text("Please check the address.")
    expect(address).to_have_accessible_description("Please check the address.")
    assert server.emails == []
    address.fill("anna@example.com")
    form(chat).get_by_role("button", name="Send").click()
    expect(form(chat).get_by_role("alert")).to_have_text("")
    assert server.emails == [{"type": "email_me", "email": "anna@example.com", "client_id": "email"}]
    server.notices("by_email", address="anna@example.com")
    expect(chat.log.locator(".notice").last).to_have_text("We will answer by e-mail to anna@example.com.")
    expect(line(chat)).to_be_hidden()
    expect(chat.text).to_be_focused()


def test_what_the_server_refuses_stands_beside_the_field(tab: Tab) -> None:
    chat = tab()
    server = waiting(chat)
    chat.panel.get_by_text("E-mail me instead").click()
    chat.panel.get_by_label("E-mail address").fill("anna@example.com")
    chat.panel.get_by_label("E-mail address").press("Enter")
    for code in ("email_invalid", "conflict", "email_invalid", "constructor"):
        server.says(type="error", code=code, message="…", client_id="email")
        said = "Please check the address." if code == "email_invalid" else "Not sent."
        expect(form(chat).get_by_role("alert")).to_have_text(said)
    expect(chat.panel.get_by_label("E-mail address")).to_have_value("anna@example.com")


def test_an_address_that_the_shop_vouches_for_is_there_already_and_it_can_be_cancelled(tab: Tab) -> None:
    chat = tab()
    known = {"name": "Anna", "identified": True, "email": "anna@example.com"}
    server = waiting(chat, customer=known)
    page = chat.page
    chat.panel.get_by_text("E-mail me instead").focus()
    page.keyboard.press("Enter")
    expect(chat.panel.get_by_label("E-mail address")).to_have_value("anna@example.com")
    expect(chat.panel.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.press("Tab")
    assert focused(page) == "Cancel"
    page.keyboard.press("Enter")
    expect(form(chat)).to_be_hidden()
    assert focused(page) == "E-mail me instead"
    assert server.emails == []


def test_email_is_offered_only_where_the_server_offers_it(tab: Tab) -> None:
    chat = tab()
    server = waiting(chat)
    server.says(**RANGE | {"email": False})
    expect(chat.panel.get_by_text("E-mail me instead")).to_be_hidden()
    expect(line(chat)).to_be_visible()


def test_an_apology_says_the_new_estimate_in_the_visitors_language(tab: Tab, site: Site) -> None:
    chat = tab(ELSEWHERE, site(lang="de"))
    server = Server(chat.page)
    chat.open()
    expect(chat.panel.locator("header")).to_contain_text("Ein Mensch wird antworten")
    server.says(**RANGE)
    expect(line(chat)).to_have_text("Sie sind Nummer 3. Es dauert 4\u20139 Minuten.")
    server.notices("wait_apology", wait={"key": "between", "position": 1, "low": 2, "high": 6})
    expect(chat.log.locator(".notice")).to_have_text(
        "Es dauert leider länger als gesagt. Sie sind Nummer 1. Es dauert 2\u20136 Minuten."
    )


@pytest.mark.parametrize(
    ("next_", "said"), [("2026-11-23T09:00:00Z", "We are back: Nov 23, 2026"), (None, "Closed for now.")]
)
def test_outside_business_hours_it_is_said_when_people_are_back(tab: Tab, next_: str | None, said: str) -> None:
    chat = tab(timezone_id="Europe/Dublin")
    server = waiting(chat)
    server.notices("closed", text="Closed for now.", next=next_)
    expect(chat.log.locator(".notice").last).to_contain_text(said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious_while_waiting(tab: Tab, scheme: str, device: dict[str, Any]) -> None:
    chat = tab(color_scheme=scheme, reduced_motion="reduce", **device)
    expect(chat.page.get_by_role("button", name="Ask about order").first).to_be_attached()
    server = waiting(chat)
    assert serious(chat.page) == []
    chat.panel.get_by_text("E-mail me instead").click()
    server.says(type="error", code="email_invalid", message="…", client_id="email")
    expect(form(chat).get_by_role("alert")).to_be_visible()
    assert serious(chat.page) == []
    panel, box = chat.panel.bounding_box(), chat.panel.locator(".wait").bounding_box()
    field = chat.panel.get_by_label("E-mail address")
    assert panel is not None and box is not None
    assert panel["x"] <= box["x"] and box["x"] + box["width"] <= panel["x"] + panel["width"]
    if device:
        assert field.evaluate("(field) => parseFloat(getComputedStyle(field).fontSize)") >= 16


def test_it_fits_on_a_right_to_left_page(tab: Tab, site: Site) -> None:
    chat = tab(ELSEWHERE, site(lang="ar", dir="rtl", reduced_motion="reduce"))
    waiting(chat)
    summary, box = chat.panel.locator("summary").bounding_box(), chat.panel.locator(".wait").bounding_box()
    assert summary is not None and box is not None
    assert box["x"] + box["width"] - summary["x"] - summary["width"] < 30
