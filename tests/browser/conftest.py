"""A real Chromium on the real product, with a wire between them that a test can cut."""

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

expect.set_options(timeout=20_000)

WATCH_VIOLATIONS = """
addEventListener('securitypolicyviolation', (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
});
"""

# The product under a name without TLS, where a browser withholds what it keeps for secure pages.
OTHER_NAME = "insecure.example:80"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class Wire:
    """Carries bytes between the browser and the product, until a test says otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._blocked: bytes | None = None
        self._mute = False
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def block(self, marker: bytes) -> None:
        """From now on a connection dies when the browser sends `marker` on it; those that are open die now."""
        self._blocked = marker
        self.cut()

    def mute(self) -> None:
        """What the product answers gets lost, while what the browser says still arrives."""
        self._mute = True

    def unmute(self) -> None:
        self._mute = False

    def restore(self) -> None:
        self._blocked, self._mute = None, False

    def cut(self) -> None:
        """Ends every connection there is."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def close(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _cut(self) -> None:
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            directions = [
                asyncio.create_task(self._carry(reader, far_writer, from_browser=True)),
                asyncio.create_task(self._carry(far_reader, writer, from_browser=False)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                far_writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # either end is gone, or the test has cut the wire
        finally:
            self._connections.discard(task)
            writer.close()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, from_browser: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if from_browser and self._blocked and self._blocked in data:
                    return
                if from_browser or not self._mute:
                    target.write(data)
                    await target.drain()


@pytest.fixture(scope="session")
def session_wire(live_app: object) -> Iterator[Wire]:
    address = urlsplit(live_app.url)
    wire = Wire(address.hostname or "127.0.0.1", address.port or 80)
    yield wire
    wire.close()


@pytest.fixture
def wire(session_wire: Wire) -> Iterator[Wire]:
    yield session_wire
    session_wire.restore()


@pytest.fixture(scope="session")
def browser(live_app: object, session_wire: Wire) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("The browser tests need Chromium: apt-get install chromium (or put a chromium on the PATH).")
    # The page keeps its real address, so origins and policies are as in production; only the bytes go our way.
    names = (urlsplit(live_app.url).netloc, OTHER_NAME)
    detour = "--host-resolver-rules=" + ",".join(f"MAP {name} 127.0.0.1:{session_wire.port}" for name in names)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[detour])
        yield browser
        browser.close()


@dataclass
class Chat:
    """One tab with the widget, as a visitor sees it."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        # A network that a test has cut is reported by the browser itself, and is no fault of ours.
        network = "net::" in message.text or "WebSocket connection to" in message.text
        if message.type in ("error", "warning") and not network:
            self.problems.append(message.text)

    @property
    def launcher(self) -> Locator:
        return self.page.locator("switchboard-widget .launcher")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def text(self) -> Locator:
        return self.panel.get_by_role("textbox")

    @property
    def log(self) -> Locator:
        return self.panel.get_by_role("log")

    @property
    def banner(self) -> Locator:
        return self.panel.locator(".banner")

    def mine(self, text: str | None = None) -> Locator:
        return self.log.locator(".me .text", has_text=text)

    def theirs(self) -> Locator:
        return self.log.locator(".m:not(.me) .text")

    def everything(self) -> list[str]:
        return self.log.locator(".text, .notice").all_inner_texts()

    def open(self) -> "Chat":
        if not self.panel.is_visible():
            self.launcher.click()
        expect(self.text).to_be_visible()
        return self

    def say(self, text: str) -> None:
        self.text.fill(text)
        self.text.press("Enter")
        expect(self.mine(text)).to_be_visible()

    def ask(self, text: str) -> None:
        """Says it and waits until it is on the product's disk and something has come back."""
        before = self.theirs().count() + self.log.locator(".notice").count()
        self.say(text)
        expect(self.log.locator(".m:not(.me), .notice")).not_to_have_count(before)
        expect(self.log.locator(".me.sent", has_text=text)).to_have_count(self.mine(text).count())


@pytest.fixture
def tab(browser: Browser, live_app: object) -> Iterator[Callable[..., Chat]]:
    """tab(path="/", context=None, **options): a new tab, in a new browser profile unless one is given. At the end no
    tab may have reported an error or a violation of the page's policy."""
    chats: list[Chat] = []
    contexts: list[BrowserContext] = []

    def make(path: str = "/", context: BrowserContext | None = None, **options: object) -> Chat:
        if context is None:
            context = browser.new_context(base_url=live_app.url, **options)
            context.add_init_script(WATCH_VIOLATIONS)
            contexts.append(context)
        chat = Chat(context.new_page())
        chats.append(chat)
        chat.page.goto(path)
        expect(chat.page.locator("switchboard-widget .launcher")).to_be_attached()
        return chat

    yield make
    for context in contexts:
        context.close()
    assert [problem for chat in chats for problem in chat.problems] == []


@pytest.fixture
def site(browser: Browser, live_app: object) -> Iterator[Callable[..., BrowserContext]]:
    """site(head="", body="", lang="en", dir="ltr", data="", **options): a profile in which /somebody-elses-site is a
    page with the widget on it, under the strictest policy, or under none where `head` has styles or scripts in it."""
    contexts: list[BrowserContext] = []

    def make(
        head: str = "",
        body: str = "",
        lang: str = "en",
        dir: str = "ltr",
        data: str = "",
        **options: object,
    ) -> BrowserContext:
        # A page that comes from this test and not from an address may not reach loopback without being asked.
        context = browser.new_context(base_url=live_app.url, permissions=["local-network-access"], **options)
        context.add_init_script(WATCH_VIOLATIONS)
        html = (
            f'<!doctype html><html lang="{lang}" dir="{dir}"><head><title>A site</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<link rel="icon" href="data:,">{head}</head><body><main><h1>A site</h1>{body}</main>'
            f'<script src="/widget.js" async {data}></script></body></html>'
        )
        headers = {} if head else {"Content-Security-Policy": POLICY}
        context.route(
            "**/somebody-elses-site",
            lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8", headers=headers),
        )
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
