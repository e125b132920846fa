"""How the widget looks, is operated and behaves on pages that are not ours."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from tests.browser.conftest import Chat

WIDGET = Path(__file__).resolve().parents[2] / "bot" / "widget"
AXE = Path(__file__).resolve().parent / "vendor" / "axe.min.js"
BUDGET_BYTES = 15_000
PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
QUESTION = "How much is shipping to Germany?"
ELSEWHERE = "/somebody-elses-site"
HOSTILE = "<img src=x onerror=\"document.title='run'\"> <script>document.title='run'</script>"
MEASURE = """() => Array.from(document.querySelectorAll('html, body, main, h1, p, button, a, input'), (element) => {
  const style = getComputedStyle(element);
  return Array.from(style, (name) => `${name}: ${style.getPropertyValue(name)}`).join(';');
})"""

Tab = Callable[..., Chat]
Site = Callable[..., BrowserContext]


def server_says(page: Page, *frames: dict[str, Any], **welcome: Any) -> None:
    """After its welcome, in which `welcome` is changed, the product's socket also says these."""

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def from_server(raw: str | bytes) -> None:
            said = json.loads(raw)
            route.send(json.dumps(said | welcome) if said["type"] == "welcome" else raw)
            if said["type"] == "welcome":
                for number, frame in enumerate(frames, said["latest"] + 1):
                    defaults = {"type": "message", "sequence": number, "kind": "text", "at": "2026-11-22T09:00:00Z"}
                    route.send(json.dumps(defaults | frame))

        server.on_message(from_server)

    page.route_web_socket("**/channel/socket", between)


def serious(page: Page) -> list[str]:
    """What axe finds on the page that is serious or critical, and where."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def focused(page: Page) -> str:
    """The accessible name of what has the focus, in the shadow root too."""
    return page.evaluate(
        "() => { let at = document.activeElement;"
        " while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;"
        " return at?.getAttribute('aria-label') ?? at?.textContent ?? ''; }"
    )


# Size and manners on somebody else's page


def test_the_whole_widget_is_at_most_15_kb_gzipped() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in WIDGET.glob("*.js")}
    assert "widget.js" in sizes
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes


def test_a_page_looks_the_same_with_the_widget_on_it(tab: Tab, site: Site) -> None:
    body = '<p>Some <a href="#">text</a></p><button>Press</button><input value="x">'
    context = site(body=body)
    context.route("**/widget.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page = context.new_page()
    page.goto(ELSEWHERE)
    without = page.evaluate(MEASURE)
    page.close()
    context.unroute("**/widget.js")
    chat = tab(ELSEWHERE, context).open()
    chat.ask(QUESTION)
    assert chat.page.evaluate(MEASURE) == without


def test_the_widget_looks_the_same_on_a_page_with_loud_styles(tab: Tab, site: Site) -> None:
    loud = (
        "<style>* { font: 40px fantasy !important; color: lime !important; display: block !important; }"
        "switchboard-widget { all: unset !important; position: static !important; display: none !important }</style>"
    )
    looks = []
    for head in ("", loud):
        chat = tab(ELSEWHERE, site(head=head, reduced_motion="reduce")).open()
        chat.ask(QUESTION)
        looks.append(
            [
                chat.panel.evaluate("(panel) => getComputedStyle(panel).font"),
                chat.theirs().last.evaluate("(text) => getComputedStyle(text).color"),
                chat.panel.bounding_box(),
                chat.launcher.bounding_box(),
            ]
        )
    assert looks[0] == looks[1]


def test_the_page_gets_one_global_and_no_keys_that_are_typed_into_the_widget(tab: Tab, site: Site) -> None:
    context = site()
    context.add_init_script(
        "window.before = new Set(Object.getOwnPropertyNames(window)); window.keys = [];"
        "document.addEventListener('keydown', ({ key }) => keys.push(key));"
    )
    chat = tab(ELSEWHERE, context).open()
    chat.text.press_sequentially("k/")
    new = chat.page.evaluate("Object.getOwnPropertyNames(window).filter((name) => !before.has(name))")
    assert set(new) - {"before", "keys"} == {"Switchboard"}
    assert chat.page.evaluate("keys") == []


def test_what_anyone_types_stays_text(tab: Tab) -> None:
    chat = tab()
    server_says(
        chat.page,
        {"author": "bot", "text": HOSTILE, "quick_replies": [{"title": HOSTILE, "text": "Fine"}]},
        {"author": "agent", "text": HOSTILE, "agent": {"name": HOSTILE}},
        {"author": "system", "kind": "notice", "notice": "constructor", "text": HOSTILE},
        {
            "author": "bot",
            "kind": "answer",
            "text": "javascript:document.title='run' https://example.com/a?b=1.",
            "article": {"id": "x", "title": HOSTILE, "section": "", "url": "javascript:document.title='run'"},
        },
    )
    chat.open()
    expect(chat.log.locator(".card")).to_contain_text("<img src=x")
    chat.log.locator(".card").click()
    links = chat.log.locator("a")
    expect(links).to_have_count(1)
    expect(links).to_have_attribute("href", "https://example.com/a?b=1")
    assert chat.panel.locator("img, script, [onerror]").count() == 0
    assert chat.page.title() != "run"


def test_a_visitors_own_markup_stays_text(tab: Tab) -> None:
    chat = tab().open()
    chat.ask(HOSTILE)
    expect(chat.mine()).to_have_text([HOSTILE])
    chat.page.reload()
    chat.open()
    expect(chat.mine()).to_have_text([HOSTILE])
    assert chat.panel.locator("img, script").count() == 0


def test_quick_replies_are_offered_under_the_newest_message_only_and_send_their_text(tab: Tab) -> None:
    chat = tab()
    old = [{"title": "Old", "text": "Old"}]
    new = [{"title": "Talk to a person", "text": "I want to talk to a person"}]
    server_says(
        chat.page,
        {"author": "bot", "text": "One", "quick_replies": old},
        {"author": "bot", "text": "Two", "quick_replies": new},
    )
    chat.open()
    chat.panel.get_by_role("button", name="Talk to a person").click()
    expect(chat.mine()).to_have_text(["I want to talk to a person"])
    expect(chat.panel.locator(".replies button")).to_have_count(0)


def test_who_is_typing_is_shown_until_they_have_written(tab: Tab) -> None:
    chat = tab()
    server_says(chat.page, {"type": "typing", "author": "bot", "on": True})
    chat.open()
    dots = chat.panel.locator(".dots")
    expect(dots).to_be_visible()
    expect(dots).to_have_text(re.compile(r"\w+ is typing"))
    chat.ask(QUESTION)
    expect(dots).to_be_hidden()


def test_a_long_history_says_that_it_does_not_begin_here(tab: Tab) -> None:
    chat = tab()
    server_says(chat.page, {"author": "bot", "text": "The newest", "sequence": 700}, earlier=True, latest=700)
    chat.open()
    expect(chat.theirs()).to_have_text(["The newest"])
    expect(chat.panel.get_by_text("Earlier messages are hidden")).to_be_visible()


def test_the_lines_of_a_list_hang_under_their_mark(tab: Tab) -> None:
    chat = tab()
    said = (
        "Do this:\n1. Open the lid, slowly, and look whether there is any water left at the bottom of it.\nThat is all."
    )
    server_says(chat.page, {"author": "bot", "text": said})
    chat.open()
    expect(chat.theirs()).to_have_text([said])
    step = chat.panel.get_by_text("1. Open the lid")
    expect(step).to_have_css("text-indent", "-15px")
    plain, marked = chat.panel.get_by_text("That is all.").bounding_box(), step.bounding_box()
    assert plain and marked and marked["height"] > 1.5 * plain["height"], "it runs over several lines"
    assert marked["y"] + marked["height"] <= plain["y"] + 1, "and leaves no line empty"


# Keyboard, screen reader, languages, sizes


def test_everything_can_be_done_with_the_keyboard(tab: Tab, site: Site) -> None:
    chat = tab(ELSEWHERE, site())
    page = chat.page
    page.keyboard.press("Tab")
    assert focused(page) == "Open chat"
    page.keyboard.press("Enter")
    expect(chat.text).to_be_focused()
    page.keyboard.type("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    expect(chat.mine()).to_have_count(0)
    page.keyboard.press("Enter")
    expect(chat.mine()).to_have_text(["One line\nand another"])
    expect(chat.text).to_be_focused()
    page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()


def test_who_answers_did_this_help_by_keyboard_stays_in_the_chat(tab: Tab) -> None:
    chat = tab().open()
    chat.ask("How do I descale the kettle?")
    answered = chat.theirs().count()
    chat.panel.get_by_role("button", name="Yes", exact=True).press("Enter")
    expect(chat.theirs()).not_to_have_count(answered)
    # The button is gone; the text field is one step further on.
    expect(chat.panel.locator(".scroll")).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(chat.launcher).to_be_focused()


def test_escape_gives_the_focus_to_the_launcher_also_when_the_page_opened_the_panel(tab: Tab) -> None:
    chat = tab()
    chat.page.get_by_role("button", name="Ask what suits you").click()
    expect(chat.text).to_be_focused()
    chat.page.keyboard.press("Escape")
    expect(chat.launcher).to_be_focused()


def test_on_a_phone_the_panel_covers_the_page_and_keeps_the_focus(tab: Tab) -> None:
    chat = tab(**PHONE, reduced_motion="reduce").open()
    chat.ask(QUESTION)
    assert chat.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 780}
    expect(chat.launcher).to_be_hidden()
    # Smaller, and the browser zooms into the page when the field gets the focus.
    assert chat.text.evaluate("(text) => parseFloat(getComputedStyle(text).fontSize)") >= 16
    for _ in range(12):
        chat.page.keyboard.press("Tab")
        # Past the last stop a browser's own controls may follow; the page behind never does.
        assert chat.page.evaluate("document.activeElement.localName") in ("switchboard-widget", "body")
    chat.panel.get_by_role("button", name="Close chat").click()
    expect(chat.launcher).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(tab: Tab, scheme: str, device: dict[str, Any]) -> None:
    # Pictures in motion have no colours to check.
    chat = tab(color_scheme=scheme, reduced_motion="reduce", **device)
    expect(chat.page.get_by_role("button", name="Ask about order").first).to_be_attached()
    assert serious(chat.page) == []
    chat.open().ask(QUESTION)
    chat.ask("I want to talk to a person")
    assert serious(chat.page) == []


def test_axe_finds_nothing_serious_in_any_colour_of_a_site(tab: Tab, site: Site) -> None:
    for colour in ("#ffe14d", "#e8590c", "#0b7285", "#111111", "#ffffff", "tomato", "not-a-colour"):
        chat = tab(ELSEWHERE, site(data=f'data-color="{colour}"', reduced_motion="reduce")).open()
        chat.ask(QUESTION)
        assert serious(chat.page) == [], colour


def test_what_comes_in_is_read_out_and_the_history_is_not(tab: Tab) -> None:
    chat = tab().open()
    expect(chat.log).to_have_attribute("aria-live", "polite")
    chat.ask(QUESTION)
    chat.page.reload()
    chat.open()
    expect(chat.theirs().last).to_be_visible()
    expect(chat.log).to_have_attribute("aria-busy", "false")


def test_on_a_right_to_left_page_everything_is_the_other_way_round(tab: Tab, site: Site) -> None:
    chat = tab(ELSEWHERE, site(lang="ar", dir="rtl", reduced_motion="reduce")).open()
    chat.ask("كيف أعيد الغلاية؟")
    panel, launcher = chat.panel.bounding_box(), chat.launcher.bounding_box()
    mine = chat.log.locator(".me .bubble").bounding_box()
    theirs = chat.log.locator(".m:not(.me) .bubble").bounding_box()
    assert panel is not None and launcher is not None and mine is not None and theirs is not None
    assert launcher["x"] < 100
    assert mine["x"] - panel["x"] < 30
    assert panel["x"] + panel["width"] - theirs["x"] - theirs["width"] < 30


@pytest.mark.parametrize(
    ("lang", "placeholder"),
    [
        ("en", "Write a message"),
        ("de-AT", "Nachricht schreiben"),
        ("es", "Escribe un mensaje"),
        ("fr", "Écrivez un message"),
        ("pt", "Write a message"),
        ("not a language", "Write a message"),
    ],
)
def test_the_widget_speaks_the_language_of_the_page(tab: Tab, site: Site, lang: str, placeholder: str) -> None:
    chat = tab(ELSEWHERE, site(lang=lang)).open()
    expect(chat.text).to_have_attribute("placeholder", placeholder)


def test_a_site_chooses_language_side_and_title(tab: Tab, site: Site) -> None:
    data = 'data-locale="fr" data-position="left" data-title="Aide &amp; conseils"'
    chat = tab(ELSEWHERE, site(data=data)).open()
    expect(chat.text).to_have_attribute("placeholder", "Écrivez un message")
    expect(chat.panel).to_have_accessible_name("Aide & conseils")
    box = chat.launcher.bounding_box()
    assert box is not None and box["x"] < 100


def test_every_text_is_there_in_every_language_with_its_gaps(tab: Tab) -> None:
    texts = tab().page.evaluate("import('/widget/any/strings.js').then(({ texts }) => texts)")
    assert len(texts) > 25
    for key, row in texts.items():
        assert len(row) == 4 and all(row), key
        assert len({text.count("{}") for text in row}) == 1, key
