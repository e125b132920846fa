"""What is kept of a reply: all that its writer wrote, and as little else as can be told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.mail.html_text import html_text
from bot.mail.parsing import Unreadable, parse
from bot.mail.replies import written

GMAIL = "It is broken.\n\nOn Mon, Nov 2, 2026 at 10:12 AM Kettle <support@kettle.example> wrote:\n\n> Hello,\n>\n> x\n"
WRAPPED = (
    "Danke!\n\nAm Mo., 2. Nov. 2026 um 10:12 Uhr schrieb Kettle & Fern <\nsupport@kettle.example>:\n\n> Hello,\n> you\n"
)
OUTLOOK = (
    "Yes please.\n\n________________________________\nFrom: Kettle & Fern <support@kettle.example>\n"
    "Sent: Monday, 2 November 2026 10:12\nTo: Anna Berg\nSubject: Re: Your support request\n\nHello,\nold text\n"
)
GERMAN_OUTLOOK = "Ja.\n\nVon: Kettle\nGesendet: Montag\nAn: Anna\nBetreff: Re: x\n\nalter Text\n"
ORIGINAL = "No.\n\n-----Original Message-----\nold text\n"
UNMARKED = "Fine.\n\nOn 2 Nov 2026, at 10:12, Mia <support@kettle.example> wrote:\n\nold text without marks\n"
FRENCH = "Merci.\n\nLe lun. 2 nov. 2026 à 10:12, Kettle <s@kettle.example> a écrit :\n> vieux\n"


@pytest.mark.parametrize(
    ("mail", "own"),
    [
        (GMAIL, "It is broken."),
        (WRAPPED, "Danke!"),
        (OUTLOOK, "Yes please."),
        (GERMAN_OUTLOOK, "Ja."),
        (ORIGINAL, "No."),
        (UNMARKED, "Fine."),
        (FRENCH, "Merci."),
        ("Yes.\n-- \nAnna Berg\nTel. 123", "Yes."),
        ("Yes.\n\nSent from my iPhone", "Yes."),
        ("Yes.\n\nVon meinem iPhone gesendet", "Yes."),
    ],
)
def test_the_mail_that_is_answered_and_the_signature_go(mail, own):
    assert written(mail) == own
    assert written(mail.replace("\n", "\r\n")) == own


@pytest.mark.parametrize(
    "mail",
    [
        "Two things leak:\n- the lid\n- the cup\nThanks",
        "From: the shop in Galway\nI bought two.",
        "On Monday you wrote: it ships tomorrow. It did not.",
        "On the phone you wrote:\nno idea what I should do",
        "The parts are\n--\n" + "\n".join(f"part {number}" for number in range(20)),
        "> quoted only",
        "Best regards are not needed, just the lid.\nAnna",
        "5 > 4\nand a > b",
    ],
)
def test_what_only_looks_like_a_quote_or_a_signature_stays(mail):
    assert written(mail) == mail


def test_answers_between_the_quoted_lines_stay():
    mail = "On 2 Nov 2026, Mia <m@kettle.example> wrote:\n> Which model?\n\nKF-200\n\n> Which colour?\n\nGreen\n"
    assert written(mail).split() == ["KF-200", "Green"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>It is <b>broken</b>.</p><p>Line two<br>three</p>", "It is broken.\n\nLine two\nthree"),
        ("<head><title>t</title><style>p{}</style></head><script>alert(1)</script>Hi &amp; bye", "Hi & bye"),
        ("Yes<div class='x gmail_quote'>On Monday<blockquote>old<div>x</div></blockquote></div>", "Yes\n>"),
        ("Yes<blockquote type=cite>old<br>older</blockquote>No", "Yes\n>\nNo"),
        ("Yes<div id=divRplyFwdMsg>From: x</div><div>old</div>", "Yes"),
        ("<p>not closed<div>a<", "not closed\n\na<"),
        ("one\ntwo   three&nbsp;four", "one two three four"),
    ],
)
def test_html_becomes_its_visible_text_without_what_it_quotes(html, text):
    assert html_text(html) == text


def test_html_that_is_made_to_take_long_is_refused():
    head = b"Content-Type: text/html\r\n\r\n"
    for body in (b"<div>" * 50_000, b"&#" * 300_000):
        with pytest.raises(Unreadable, match="too complicated"):
            parse(head + body, "c", ANNA)
    with pytest.raises(Unreadable, match="header field"):
        parse(b"Content-Type: text/plain" + b";\r\n a=1" * 50 + b"\r\n\r\nHello\r\n", "c", ANNA)


def test_a_mail_with_only_html_is_read_and_its_attachments_are_named():
    raw = (
        b"From: anna@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Gr\xc3\xbc\xc3\x9fe</p>\r\n"
        b'--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename="a\n b].png"\r\n\r\nx\n--b--\r\n'
    )
    mail = parse(raw, "c", ANNA)
    assert mail.text == "Grüße\n[attachment left out: a b).png]"


ANNA = "anna@example.com"


def test_many_attachments_are_counted_not_listed():
    part = b"--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=p.png\r\n\r\nx\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 25 + b"--b--\r\n"
    assert parse(raw, "c", ANNA).text.count("attachment left out") == 10
    assert parse(raw, "c", ANNA).text.endswith("[and 15 more]")
    with pytest.raises(Unreadable, match="too many parts"):
        parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 300 + b"--b--\r\n", "c", ANNA)


def test_a_mail_that_went_round_in_circles_is_refused():
    with pytest.raises(Unreadable, match="circles"):
        parse(b"Received: from a by b\r\n" * 60 + b"From: a@b.example\r\n\r\nHello\r\n", "c", ANNA)


def test_the_same_message_id_is_another_mail_in_another_conversation():
    raw = b"Message-ID: <1@x>\r\n\r\nHello\r\n"
    assert parse(raw, "c", ANNA).key == parse(raw + b"more", "c", ANNA).key != parse(raw, "d", ANNA).key
    # Without one, the mail itself is what tells.
    assert parse(b"\r\nHello\r\n", "c", ANNA).key != parse(b"\r\nHallo\r\n", "c", ANNA).key


@given(st.binary(max_size=3000))
def test_whatever_bytes_come_in_are_a_mail_or_clearly_unreadable(data):
    for raw in (data, b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + data):
        try:
            mail = parse(raw, "c", ANNA, "mx")
        except Unreadable:
            continue
        assert "\x00" not in mail.text
        assert len(mail.message_id) < 1000


@given(st.text(alphabet="On wrote:>-\n Aa1@<F", max_size=2000))
def test_of_any_text_something_stays_and_nothing_is_made_up(text):
    own = written(text)
    assert bool(own) == bool(text.strip())
    lines = [line.strip() for line in text.split("\n")]
    assert all(line.strip() in lines for line in own.split("\n"))
