"""What a visitor may rely on when they talk to the widget: real Chromium, the running product, a wire that is cut."""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Page, WebSocket, WebSocketRoute, expect

from tests.browser.conftest import Chat, Wire

QUESTION = "How much is shipping to Germany?"
TOKEN = "localStorage[Object.keys(localStorage).find((key) => key.endsWith(':token'))]"

Tab = Callable[..., Chat]
HostPage = Callable[..., BrowserContext]


def sent_frames(page: Page) -> list[dict[str, Any]]:
    """A list that grows with every frame that the page puts on a socket."""
    frames: list[dict[str, Any]] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda raw: frames.append(json.loads(raw)))

    page.on("websocket", watch)
    return frames


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


def test_a_question_is_answered_with_the_article_it_came_from(tab: Tab) -> None:
    chat = tab().open()
    chat.ask(QUESTION)
    card = chat.log.locator("a.card").last
    expect(card).to_contain_text("Shipping costs and delivery times")
    expect(card).to_have_attribute("href", re.compile("/help/shipping-costs-and-times"))
    expect(card).to_have_attribute("target", "_blank")
    expect(card).to_have_attribute("rel", "noopener noreferrer nofollow")


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
    expect(chat.panel.locator("header")).to_contain_text("Wir suchen jemanden für Sie")


def test_the_conversation_is_there_after_a_reload(tab: Tab) -> None:
    chat = tab().open()
    chat.ask(QUESTION)
    before = chat.everything()
    chat.page.reload()
    chat.open()
    expect(chat.log.locator(".text, .notice")).to_have_count(len(before))
    assert chat.everything() == before


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
    assert chat.theirs().first.inner_text() == lost[0]


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
    chat.text.press("Enter")
    chat.text.press("Escape")
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
