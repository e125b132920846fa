"""Agents and writers in a real browser, each in a profile of their own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.conftest import WATCH_VIOLATIONS

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
_signed_in: dict[tuple[str, str], dict[str, str]] = {}


def _cookies(url: str, person: tuple[str, str]) -> dict[str, str]:
    """Signed in once for all tests: guessing is limited, and so is signing in."""
    if (url, person[0]) not in _signed_in:
        with httpx.Client(base_url=url, trust_env=False, headers={"Origin": url}) as client:
            answer = client.post("/sign-in", data={"email": person[0], "password": person[1]})
            assert answer.status_code == 303, answer.text
            _signed_in[url, person[0]] = dict(client.cookies)
    return _signed_in[url, person[0]]


@contextlib.contextmanager
def at_work(browser: Browser, url: str, person: tuple[str, str] | None, path: str, **options: Any) -> Iterator[Page]:
    """`person` (or nobody) looks at `path`. At the end the page may have reported no error of its own."""
    context = browser.new_context(base_url=url, **options)
    context.add_init_script(WATCH_VIOLATIONS)
    if person:
        context.add_cookies(
            [{"name": name, "value": value, "url": url} for name, value in _cookies(url, person).items()]
        )
    problems: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # A refused request and a network that a test has cut are reported by the browser itself.
        expected = "Failed to load resource" in message.text or "net::" in message.text or "htmx:error" in message.text
        if message.type in ("error", "warning") and not expected:
            problems.append(message.text)

    try:
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path)
        yield page
    finally:
        context.close()
    assert problems == []


def accessibility_problems(page: Page) -> list[str]:
    """What axe-core finds, in its words."""
    # Over the debugger, because the page's own policy runs no script but ours.
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": AXE.read_text()})
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}" for each in found["violations"]]


def sideways(page: Page) -> int:
    """How far the page can be scrolled sideways, in pixels: a phone page must not."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
