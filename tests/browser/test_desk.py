"""What an agent may rely on at the desk: real Chromium, the running product, a customer in the widget."""

import re
import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Chat, Wire
from tests.browser.staff import accessibility_problems, at_work, sideways

Tab = Callable[..., Chat]


def ask_for_a_person(tab: Tab, words: str = "") -> tuple[Chat, str]:
    """A customer in the queue, and the words by which an agent knows them."""
    mark = f"kettle number {uuid.uuid4().hex[:8]} {words}".strip()
    customer = tab().open()
    customer.ask(f"My {mark} is broken")
    customer.ask("I want to talk to a human please")
    return customer, mark


def line(page: Page, mark: str) -> Locator:
    return page.locator("#sb_queue a.line", has_text=mark)


def open_chat(page: Page, mark: str) -> None:
    line(page, mark).click()
    expect(page.locator("#sb_messages")).to_contain_text(mark)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def resolve(page: Page) -> None:
    button(page, "Resolve").click()
    expect(page.locator(".status")).to_contain_text("Resolved")


def test_a_customer_who_asks_for_a_person_is_served_without_a_reload(browser: Browser, live_app, tab: Tab) -> None:
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        expect(mia.locator("#sb_live")).to_have_text("Live")
        customer, mark = ask_for_a_person(tab)
        expect(line(mia, mark)).to_contain_text("Asked for a person")
        expect(mia).to_have_title(re.compile(r"^\(\d+\) Desk"))
        open_chat(mia, mark)
        expect(mia.locator("#sb_facts")).to_contain_text("In their words")
        expect(mia.get_by_label("Your reply")).to_be_hidden()
        button(mia, "Claim").click()
        expect(mia.locator(".status")).to_have_text("Yours")
        expect(mia.get_by_label("Your reply")).to_be_focused()
        mia.keyboard.type("Hello, I will send you a new one.")
        mia.keyboard.press("Control+Enter")
        expect(customer.log).to_contain_text("Hello, I will send you a new one.")
        expect(mia.get_by_label("Your reply")).to_have_value("")
        customer.say("Oh, thank you!")
        expect(mia.locator("#sb_messages")).to_contain_text("Oh, thank you!")
        expect(line(mia, "Oh, thank you!")).to_contain_text("Reply due")
        resolve(mia)
        expect(customer.log.locator(".notice").last).to_contain_text("This chat is resolved")
        expect(line(mia, mark)).to_have_count(0)
        button(mia, "Reopen").click()
        expect(mia.locator(".status")).to_have_text("Yours")
        button(mia, "Resolve").click()
        expect(button(mia, "Reopen")).to_be_visible()


def test_a_chat_that_a_colleague_takes_is_said_to_be_theirs_and_the_typed_reply_stays(
    browser: Browser, live_app, tab: Tab
) -> None:
    _, mark = ask_for_a_person(tab)
    with (
        at_work(browser, live_app.url, live_app.agent, "/desk") as mia,
        at_work(browser, live_app.url, live_app.second_agent, "/desk") as jonas,
    ):
        open_chat(mia, mark)
        open_chat(jonas, mark)
        button(mia, "Claim").click()
        expect(jonas.locator(".status")).to_have_text("Mia Novak has this chat")
        expect(button(jonas, "Claim")).to_have_count(0)
        mia.get_by_label("Your reply").fill("Half a reply")
        button(mia, "Hand back").click()
        button(jonas, "Claim").click()
        expect(mia.locator(".status")).to_have_text("Jonas Weber has this chat")
        expect(mia.get_by_label("Your reply")).to_have_value("Half a reply")
        expect(mia.locator(".lost")).to_be_visible()
        expect(button(mia, "Send")).to_be_hidden()
        mia.reload()
        expect(mia.get_by_label("Your reply")).to_have_value("Half a reply")
        resolve(jonas)


def test_a_claim_that_comes_too_late_says_who_was_first(browser: Browser, live_app, tab: Tab) -> None:
    _, mark = ask_for_a_person(tab)
    with (
        at_work(browser, live_app.url, live_app.agent, "/desk") as mia,
        at_work(browser, live_app.url, live_app.second_agent, "/desk") as jonas,
    ):
        open_chat(mia, mark)
        open_chat(jonas, mark)
        # Jonas's page hears of nothing from now on, as if his network were slow.
        jonas.route(re.compile("/desk/(events|pulse|queue)|/state|/messages"), lambda route: route.abort())
        jonas.reload()
        button(mia, "Claim").click()
        expect(mia.locator(".status")).to_have_text("Yours")
        jonas.get_by_role("button", name="Claim").click()
        expect(jonas.get_by_role("alert")).to_contain_text("Mia Novak has claimed this chat already.")
        resolve(mia)


@pytest.mark.parametrize("fault", ["the request gets lost", "the answer gets lost"])
def test_a_reply_over_a_broken_connection_is_kept_and_arrives_once(
    browser: Browser, live_app, tab: Tab, wire: Wire, fault: str
) -> None:
    customer, mark = ask_for_a_person(tab)
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        open_chat(mia, mark)
        button(mia, "Claim").click()
        box = mia.get_by_label("Your reply")
        expect(box).to_be_focused()
        box.fill("Once and only once")
        if fault == "the request gets lost":
            wire.block(b"/reply HTTP")
            box.press("Control+Enter")
        else:
            wire.mute()
            box.press("Control+Enter")
            mia.wait_for_timeout(500)
            wire.cut()
        expect(mia.get_by_role("alert")).to_contain_text("please try again")
        expect(box).to_have_value("Once and only once")
        wire.restore()
        box.press("Control+Enter")
        expect(box).to_have_value("")
        expect(customer.log).to_contain_text("Once and only once")
        expect(mia.locator("#sb_messages .agent", has_text="Once and only once")).to_have_count(1)
        resolve(mia)
        assert customer.everything().count("Once and only once") == 1


def test_what_a_customer_types_is_text_and_nothing_else(browser: Browser, live_app, tab: Tab) -> None:
    words = "<img src=x onerror=alert(1)> <hx-partial hx-target=body>"
    _, mark = ask_for_a_person(tab, words)
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        dialogs: list[str] = []
        mia.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        open_chat(mia, mark)
        expect(mia.locator("#sb_messages .customer .bubble").first).to_have_text(f"My {mark} is broken")
        expect(mia.locator("#sb_facts")).to_contain_text(words)
        assert mia.locator("#sb_chat img, #sb_facts img, #sb_queue img").count() == 0
        assert dialogs == []


def test_somebody_signed_out_elsewhere_is_told_and_keeps_what_they_typed(browser: Browser, live_app, tab: Tab) -> None:
    _, mark = ask_for_a_person(tab)
    with at_work(browser, live_app.url, None, "/desk") as sam:
        expect(sam).to_have_url(re.compile("/sign-in"))
        sam.get_by_label("E-mail address").fill(live_app.operator[0])
        sam.get_by_label("Password").fill("not the password")
        button(sam, "Sign in").click()
        expect(sam.get_by_role("alert")).to_have_text("E-mail address or password is not right.")
        sam.get_by_label("Password").fill(live_app.operator[1])
        button(sam, "Sign in").click()
        open_chat(sam, mark)
        button(sam, "Claim").click()
        sam.get_by_label("Your reply").fill("I was just about to")
        other = sam.context.new_page()
        other.goto("/desk")
        button(other, "Sign out").click()
        expect(other).to_have_url(re.compile("/sign-in"))
        sam.get_by_label("Your reply").press("Control+Enter")
        expect(sam.get_by_role("alert")).to_contain_text("Sign in")
        expect(sam.get_by_label("Your reply")).to_have_value("I was just about to")


def my_state(page: Page) -> Locator:
    return page.get_by_label("You are")


def be_available(page: Page) -> None:
    my_state(page).select_option("available")
    expect(page.locator("#sb_presence")).to_have_attribute("data-state", "available")


def test_an_agent_says_whether_they_are_there_with_the_keyboard_and_every_tab_knows(browser: Browser, live_app) -> None:
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        expect(mia.locator("#sb_live")).to_have_text("Live")
        other = mia.context.new_page()
        other.goto("/desk")
        expect(other.locator("#sb_live")).to_have_text("Live")
        my_state(mia).select_option("available")
        expect(mia.locator("#sb_presence")).to_have_attribute("data-state", "available")
        my_state(mia).focus()
        mia.keyboard.type("At")
        expect(my_state(mia)).to_have_value("lunch")
        expect(mia.locator("#sb_presence")).to_have_attribute("data-state", "lunch")
        expect(my_state(other)).to_have_value("lunch")
        other.reload()
        expect(my_state(other)).to_have_value("lunch")
        my_state(mia).select_option("available")
        expect(my_state(other)).to_have_value("available")


def test_a_chat_is_passed_on_to_a_colleague_and_the_customer_is_told(browser: Browser, live_app, tab: Tab) -> None:
    with (
        at_work(browser, live_app.url, live_app.agent, "/desk") as mia,
        at_work(browser, live_app.url, live_app.second_agent, "/desk") as jonas,
    ):
        be_available(jonas)
        customer, mark = ask_for_a_person(tab)
        open_chat(mia, mark)
        button(mia, "Claim").click()
        mia.locator("summary", has_text="Pass on").click()
        button(mia, "Pass the chat on").click()
        expect(mia.get_by_role("alert")).to_contain_text("Choose a team or a colleague")
        expect(mia.locator(".status")).to_have_text("Yours")
        mia.get_by_label("To whom").select_option(label="Jonas Weber")
        button(mia, "Pass the chat on").click()
        expect(mia.locator(".status")).to_have_text("Jonas Weber has this chat")
        expect(customer.log).to_contain_text("Jonas Weber")
        expect(line(jonas, mark)).to_contain_text("New for you")
        open_chat(jonas, mark)
        expect(line(jonas, mark)).not_to_contain_text("New for you")
        resolve(jonas)


def test_an_agent_sees_that_the_customer_is_typing(browser: Browser, live_app, tab: Tab) -> None:
    customer, mark = ask_for_a_person(tab)
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        open_chat(mia, mark)
        button(mia, "Claim").click()
        expect(mia.locator("#sb_live")).to_have_text("Live")
        expect(mia.locator("#sb_typing")).to_be_hidden()
        customer.text.press_sequentially("The handle, to")
        expect(mia.locator("#sb_typing")).to_have_text("The visitor is typing …")
        customer.say("The handle, too")
        expect(mia.locator("#sb_messages")).to_contain_text("The handle, too")
        expect(mia.locator("#sb_typing")).to_be_hidden()
        resolve(mia)


def test_where_no_chat_is_open_the_page_says_what_the_list_says(browser: Browser, live_app, tab: Tab) -> None:
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        expect(mia.locator("#sb_live")).to_have_text("Live")
        _, mark = ask_for_a_person(tab)
        expect(line(mia, mark)).to_be_visible()
        waiting = mia.locator("#sb_board").get_attribute("data-waiting")
        said = "Somebody is waiting" if waiting == "1" else f"{waiting} customers are waiting"
        expect(mia.locator("#sb_nothing h2")).to_have_text(said)
        with at_work(browser, live_app.url, live_app.second_agent, "/desk") as jonas:
            open_chat(jonas, mark)
            button(jonas, "Claim").click()
            expect(mia.locator("#sb_nothing h2")).not_to_have_text(said)
            button(jonas, "Resolve").click()


def test_what_went_wrong_leaves_the_send_button_free_and_is_gone_once_it_went_right(
    browser: Browser, live_app, tab: Tab
) -> None:
    with (
        at_work(browser, live_app.url, live_app.agent, "/desk") as mia,
        at_work(browser, live_app.url, live_app.second_agent, "/desk") as jonas,
    ):
        be_available(jonas)
        _, mark = ask_for_a_person(tab)
        open_chat(mia, mark)
        button(mia, "Claim").click()
        mia.get_by_label("Your reply").fill("  ")
        mia.get_by_label("Your reply").press("Control+Enter")
        assert (
            mia.get_by_label("Your reply").evaluate("(box) => box.validationMessage") == "Please write something here."
        )
        mia.get_by_label("Your reply").fill("")
        mia.locator("summary", has_text="Pass on").click()
        button(mia, "Pass the chat on").click()
        wrong = mia.get_by_role("alert")
        expect(wrong).to_contain_text("Choose a team or a colleague")
        send = button(mia, "Send").bounding_box()
        assert send is not None and wrong.bounding_box()["y"] + wrong.bounding_box()["height"] <= send["y"]
        mia.get_by_label("To whom").select_option(label="Jonas Weber")
        button(mia, "Pass the chat on").dblclick()
        expect(mia.locator(".status")).to_have_text("Jonas Weber has this chat")
        expect(wrong).to_have_count(0)
        open_chat(jonas, mark)
        resolve(jonas)


def test_the_newest_message_stays_in_sight_when_the_reply_box_appears(browser: Browser, live_app, tab: Tab) -> None:
    customer, mark = ask_for_a_person(tab)
    for number in range(12):
        customer.say(f"line {number}")
    expect(customer.log.locator(".me.sent")).to_have_count(14)
    with (
        at_work(browser, live_app.url, live_app.agent, "/desk") as mia,
        at_work(browser, live_app.url, live_app.agent, "/desk") as elsewhere,
    ):
        open_chat(mia, mark)
        expect(mia.locator("#sb_messages")).to_contain_text("line 11")
        open_chat(elsewhere, mark)
        button(elsewhere, "Claim").click()
        expect(mia.get_by_label("Your reply")).to_be_visible()
        expect(mia.locator("#sb_messages")).to_contain_text("has joined")
        # The page's own rules allow no function that is waited for in it.
        expect(mia.locator("#sb_messages > :last-child")).to_be_in_viewport(ratio=1)
        resolve(mia)


def test_who_was_away_sees_which_chats_went_back_and_takes_one_again(browser: Browser, live_app, tab: Tab) -> None:
    customer, mark = ask_for_a_person(tab)
    with at_work(browser, live_app.url, live_app.agent, "/desk") as mia:
        open_chat(mia, mark)
        button(mia, "Claim").click()
        expect(mia.locator(".status")).to_have_text("Yours")
        my_state(mia).select_option("lunch")
        # The service looks every few seconds, but for a while after its start, when it could not have seen anybody.
        expect(customer.log).to_contain_text("had to leave", timeout=150_000)
        box = mia.get_by_role("region", name="1 chat went back to the queue while you were away")
        expect(box).to_be_visible()
        assert accessibility_problems(mia) == []
        box.get_by_role("button", name="Claim again").click()
        expect(mia.locator(".status")).to_have_text("Yours")
        expect(my_state(mia)).to_have_value("available")
        expect(box).to_have_count(0)
        resolve(mia)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1360, 840), (390, 844)], ids=["desktop", "phone"])
def test_axe_finds_nothing_at_the_desk(
    browser: Browser, live_app, tab: Tab, scheme: str, size: tuple[int, int]
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    _, mark = ask_for_a_person(tab)
    with at_work(browser, live_app.url, None, "/sign-in", **options) as anybody:
        assert accessibility_problems(anybody) == []
    with at_work(browser, live_app.url, live_app.agent, "/desk", **options) as mia:
        expect(line(mia, mark)).to_be_visible()
        assert accessibility_problems(mia) == []
        open_chat(mia, mark)
        button(mia, "Claim").click()
        expect(mia.get_by_label("Your reply")).to_be_visible()
        assert accessibility_problems(mia) == []
        assert sideways(mia) == 0
        button(mia, "Resolve").click()
        expect(button(mia, "Reopen")).to_be_visible()
