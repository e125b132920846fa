"""Nothing is lost and nothing doubled, whatever happens between the widget and the product."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from tests.browser.conftest import Chat, Wire

QUESTION = "How much is shipping to Germany?"
TOKEN = "localStorage[Object.keys(localStorage).find((key) => key.endsWith(':token'))]"

Tab = Callable[..., Chat]
HostPage = Callable[..., BrowserContext]


def answer_first(page: Page, *answers: dict[str, Any]) -> None:
    """The first message on the product's socket goes nowhere: these frames come back instead."""
    waiting = list(answers)

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def from_page(raw: str | bytes) -> None:
            frame = json.loads(raw)
            if frame["type"] != "message" or not waiting:
                server.send(raw)
                return
            for answer in waiting:
                own = {"client_id": frame["client_id"]} if answer["type"] == "error" else {}
                route.send(json.dumps(answer | own))
            waiting.clear()

        route.on_message(from_page)

    page.route_web_socket("**/channel/socket", between)


@contextlib.contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """A site at another address than the product's, and not on its list."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_two_tabs_opened_at_once_are_one_visitor_in_one_conversation(tab: Tab) -> None:
    one = tab()
    two = tab(context=one.page.context)
    for chat in (one, two):
        chat.page.evaluate("Switchboard.open()")
    one.ask("Hello from the first tab")
    two.ask("Hello from the second tab")
    for chat in (one, two):
        expect(chat.mine()).to_have_text(["Hello from the first tab", "Hello from the second tab"])
    expect(one.log.locator(".text, .notice")).to_have_count(len(two.everything()))
    assert one.everything() == two.everything()


def test_a_message_written_offline_is_sent_once_the_network_is_back(tab: Tab) -> None:
    chat = tab().open()
    chat.ask("First")
    chat.page.context.set_offline(True)
    expect(chat.banner).to_have_text("Reconnecting…")
    chat.say("Written in a tunnel")
    expect(chat.log.locator(".me.sent", has_text="Written in a tunnel")).to_have_count(0)
    chat.page.context.set_offline(False)
    expect(chat.log.locator(".me.sent", has_text="Written in a tunnel")).to_be_visible()
    expect(chat.banner).to_be_hidden()
    chat.page.reload()
    chat.open()
    expect(chat.mine("Written in a tunnel")).to_have_count(1)


def test_a_message_whose_acknowledgement_got_lost_is_there_once(tab: Tab, wire: Wire) -> None:
    chat = tab().open()
    chat.ask("First")
    wire.mute()
    chat.say("Did this arrive?")
    expect(chat.log.locator(".me.sending", has_text="Did this arrive?")).to_be_visible()
    chat.page.wait_for_timeout(500)  # the product has it on its disk by now; only its word of it is lost
    wire.restore()
    wire.cut()
    expect(chat.log.locator(".me.sent", has_text="Did this arrive?")).to_be_visible()
    chat.ask("Last")
    expect(chat.mine()).to_have_text(["First", "Did this arrive?", "Last"])
    chat.page.reload()
    chat.open()
    expect(chat.mine()).to_have_text(["First", "Did this arrive?", "Last"])


def test_messages_that_could_not_be_sent_survive_a_reload_and_go_in_order(tab: Tab, wire: Wire) -> None:
    chat = tab().open()
    chat.ask("First")
    wire.block(b"/channel/")
    expect(chat.banner).to_be_visible()
    chat.say("Second")
    chat.say("Third")
    chat.page.reload()
    wire.restore()
    chat.open()
    expect(chat.log.locator(".me.sent")).to_have_count(3)
    expect(chat.mine()).to_have_text(["First", "Second", "Third"])


def test_a_connection_that_is_cut_comes_back_by_itself_and_misses_nothing(tab: Tab, wire: Wire) -> None:
    one = tab().open()
    one.ask("First")
    two = tab(context=one.page.context).open()
    expect(two.mine("First")).to_be_visible()
    wire.cut()
    two.ask("Said while the other tab was cut off")
    expect(one.mine("Said while the other tab was cut off")).to_have_count(1)
    expect(one.banner).to_be_hidden()


def test_http_takes_over_where_sockets_are_blocked(tab: Tab, wire: Wire) -> None:
    wire.block(b"Upgrade: websocket")
    chat = tab()
    requests: list[str] = []
    chat.page.on("request", lambda request: requests.append(f"{request.method} {request.url.split('?')[0]}"))
    chat.open().ask(QUESTION)
    chat.ask("Which grinder suits me?")
    expect(chat.mine()).to_have_text([QUESTION, "Which grinder suits me?"])
    frames = [request for request in requests if request.endswith("/channel/frames")]
    assert {frame.split()[0] for frame in frames} >= {"GET", "POST"}
    chat.page.reload()
    chat.open()
    expect(chat.mine()).to_have_text([QUESTION, "Which grinder suits me?"])


@pytest.mark.parametrize("sockets", [True, False], ids=["socket", "http"])
def test_a_bad_line_loses_doubles_and_reorders_nothing(tab: Tab, wire: Wire, sockets: bool) -> None:
    if not sockets:
        wire.block(b"Upgrade: websocket")
    chat = tab().open()
    chat.ask("Message 0")
    said = ["Message 0"]
    for trouble in [
        "none",
        "mute",
        "cut",
        "none",
        "mute",
        "restart",
        "reload",
        "cut",
        "none",
        "mute",
        "reload",
        "none",
    ]:
        if trouble == "mute":
            wire.mute()
        elif trouble == "cut":
            wire.cut()
        elif trouble in ("restart", "reload"):
            wire.unmute()
            wire.cut()
        if trouble == "reload":
            chat.page.reload()
            chat.open()
        said.append(f"Message {len(said)}")
        chat.say(said[-1])
    wire.unmute()
    wire.cut()
    expect(chat.log.locator(".me.sent")).to_have_count(len(said))
    expect(chat.mine()).to_have_text(said)
    fresh = tab(context=chat.page.context).open()
    expect(fresh.mine()).to_have_text(said)


def test_a_message_that_got_lost_on_the_way_is_fetched(tab: Tab) -> None:
    chat = tab()
    lost: list[str] = []

    def lose_the_first_answer(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def from_server(raw: str | bytes) -> None:
            frame = json.loads(raw)
            if not lost and frame["type"] == "message" and frame["author"] == "bot":
                lost.append(frame["text"])
            else:
                route.send(raw)

        server.on_message(from_server)

    chat.page.route_web_socket("**/channel/socket", lose_the_first_answer)
    chat.open().say(QUESTION)
    while not lost:
        chat.page.wait_for_timeout(50)
    chat.say("Are you still there?")
    expect(chat.log.locator(".me.sent")).to_have_count(2)
    expect(chat.theirs().first).to_be_visible()
    expect(chat.log.locator(".m").nth(1)).to_have_class(re.compile("bot"))
    assert chat.theirs().first.inner_text().split() == lost[0].split()


def test_a_message_that_came_too_fast_says_for_how_long_it_waits_and_goes_by_itself(tab: Tab) -> None:
    chat = tab()
    limited = {"type": "error", "code": "rate_limited", "message": "Slow down.", "retry_after_s": 2}
    answer_first(chat.page, limited)
    chat.open().say("Much too fast")
    expect(chat.log.locator(".me .state")).to_contain_text("Sending again in")
    expect(chat.log.locator(".me.sent", has_text="Much too fast")).to_have_count(1)


def test_a_refused_message_says_so_and_can_be_sent_again(tab: Tab) -> None:
    chat = tab()
    answer_first(chat.page, {"type": "error", "code": "forbidden", "message": "No."})
    chat.open().say("Please take this")
    expect(chat.log.locator(".me.failed")).to_contain_text("Not sent.")
    chat.log.get_by_role("button", name="Try again").click()
    expect(chat.log.locator(".me.sent", has_text="Please take this")).to_have_count(1)


def test_a_forged_token_is_dropped_and_the_visitor_greeted_anew(tab: Tab) -> None:
    chat = tab().open()
    chat.ask("First")
    chat.page.evaluate(f"{TOKEN} = JSON.stringify('forged')")
    chat.page.reload()
    chat.open().ask("Second")
    expect(chat.mine()).to_have_text(["Second"])
    assert chat.page.evaluate(TOKEN) != '"forged"'


def test_pages_without_tls_have_the_same_promises(tab: Tab) -> None:
    one = tab("http://insecure.example/")
    two = tab("http://insecure.example/", context=one.page.context)
    assert one.page.evaluate("isSecureContext") is False
    for chat in (one, two):
        chat.page.evaluate("Switchboard.open()")
    one.ask("Hello from the first tab")
    two.ask("Hello from the second tab")
    for chat in (one, two):
        expect(chat.mine()).to_have_text(["Hello from the first tab", "Hello from the second tab"])


def test_a_browser_that_keeps_nothing_can_still_chat(tab: Tab, site: HostPage) -> None:
    context = site()
    context.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        "Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    chat = tab("/somebody-elses-site", context).open()
    chat.ask("First")
    chat.ask("Second")
    expect(chat.mine()).to_have_text(["First", "Second"])


def test_a_site_that_may_not_use_the_chat_is_told_so(tab: Tab, live_app: Any, tmp_path: Path) -> None:
    script = f'<script src="{live_app.url}/widget.js" async></script>'
    (tmp_path / "index.html").write_text(f'<!doctype html><link rel="icon" href="data:,"><h1>Elsewhere</h1>{script}')
    with elsewhere(tmp_path) as address:
        chat = tab(address)
        chat.page.evaluate("void Switchboard.on('error', ({ code }) => { window.refused = code; })")
        chat.open()
        expect(chat.banner).to_have_text("The chat is not available here.")
        assert chat.page.evaluate("refused") == "origin_refused"
