"""What comes in, over real sockets: the right reply becomes a message, everything else gets a clear answer."""

import asyncio

import pytest
from sqlalchemy import select

from bot.conversations import services as conversations
from bot.desk import claims
from bot.desk import services as desk
from bot.events import MemoryHub
from bot.mail.addresses import identity
from bot.mail.models import IncomingMail
from bot.mail.sending import Mailer
from bot.mail.services import switch_to_email
from tests.mail.conftest import ANNA, MIA, Post, ask, begin, mail_settings, reply_to, said


async def test_a_reply_becomes_a_message_of_the_customers_without_quote_and_signature(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    words = "It is the KF-200.\n\nOn Mon, 3 Nov 2026, Kettle & Fern wrote:\n> Hello,\n> you asked us\n\n-- \nAnna Berg"
    assert (await post.send(reply_to(mail, words), str(mail["Reply-To"])))[0] == 250
    assert await said(db, chat) == ["It is the KF-200."]
    (entry,) = await db.read(desk.queue)
    newest = (await db.read(desk.transcript, chat))[-1]
    assert newest.extra == {"via": "email"}
    assert entry.conversation.owner == "queue"


async def test_the_next_answer_is_threaded_behind_the_customers_mail(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    answer = reply_to(mail, "It is the KF-200.", message_id="<one@mail.example.com>")
    await post.send(answer, str(mail["Reply-To"]))
    await db.write(claims.claim, chat, MIA)
    await db.write(conversations.post_agent_message, chat, MIA, "Thank you!", "m1")
    await db.write(desk.resolve, chat, MIA)
    await Mailer(db, MemoryHub(), us).send_due()
    second = mailbox.wait(2)[1]
    assert second["In-Reply-To"] == "<one@mail.example.com>"
    assert second["References"].split() == [mail["Message-ID"], "<one@mail.example.com>"]


@pytest.mark.parametrize("name", ["a" * 190 + "@x.example", "b" * 900, "ü" * 10, "x@y;z=?utf-8?q?=0A?="])
async def test_a_customers_odd_message_id_breaks_no_header_of_ours(db, us, mailbox, post, name):
    chat, mail = await ask(db, us, mailbox)
    raw = f"From: {ANNA}\r\nMessage-ID: <{name}>\r\n\r\nThe KF-200.\r\n".encode()
    assert (await post.send(raw, str(mail["Reply-To"])))[0] == 250
    await db.write(claims.claim, chat, MIA)
    await db.write(desk.resolve, chat, MIA)
    await Mailer(db, MemoryHub(), us).send_due()
    last = mailbox.wait(2)[1]
    known = last["References"].split()
    assert known[0] == mail["Message-ID"]
    assert known[1:] in ([], [f"<{name}>"])
    assert last["In-Reply-To"] == known[-1]


async def test_a_mail_that_is_delivered_twice_is_posted_once_even_at_once(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    answer = reply_to(mail, "Only once, please.")
    results = await asyncio.gather(*(post.send(answer, str(mail["Reply-To"])) for _ in range(4)))
    assert {code for code, _ in results} <= {250, 451}
    assert (await post.send(answer, str(mail["Reply-To"])))[0] == 250
    assert await said(db, chat) == ["Only once, please."]


async def test_a_reply_after_the_request_was_resolved_goes_to_people_not_to_the_bot(db, us, mailbox, post):
    chat, _ = await ask(db, us, mailbox)
    await db.write(claims.claim, chat, MIA)
    await db.write(desk.resolve, chat, MIA)
    await Mailer(db, MemoryHub(), us).send_due()
    last = mailbox.wait(2)[1]
    assert (await post.send(reply_to(last, "It leaks again."), str(last["Reply-To"])))[0] == 250
    entry = await db.read(desk.entry, chat)
    assert entry.conversation.owner == "queue" and entry.conversation.turn_due_at is None
    assert entry.handoff.by_email_to == ANNA
    assert "It leaks again." in entry.handoff.summary


async def test_private_data_in_a_mail_is_masked_as_in_the_chat(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    await post.send(reply_to(mail, "My card is 4111 1111 1111 1111."), str(mail["Reply-To"]))
    assert await said(db, chat) == ["My card is •••• 1111."]


@pytest.mark.parametrize(
    "sender",
    [
        "mallory@evil.example",
        f'"{ANNA}" <mallory@evil.example>',
        f"{ANNA} <mallory@evil.example>",
        f"Anna <{ANNA}>, Mallory <mallory@evil.example>",
        f"mallory@evil.example <x> <{ANNA}>",
        "=?utf-8?q?anna=40example=2Ecom?=",
        "",
    ],
)
async def test_a_mail_from_any_other_address_is_refused_with_a_clear_answer(db, us, mailbox, post, sender):
    chat, mail = await ask(db, us, mailbox)
    raw = f"From: {sender}\r\nMessage-ID: <x@y>\r\nSubject: Re\r\n\r\nSend it to my new address.\r\n".encode()
    code, answer = await post.send(raw, str(mail["Reply-To"]))
    assert code == 550 and "takes mail from the address only that we write to" in answer
    assert await said(db, chat) == []


async def test_two_senders_in_one_mail_are_refused(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    raw = f"From: {ANNA}\r\nFrom: mallory@evil.example\r\nMessage-ID: <x@y>\r\n\r\nHello.\r\n".encode()
    assert (await post.send(raw, str(mail["Reply-To"])))[0] == 550
    assert await said(db, chat) == []


@pytest.mark.parametrize(
    ("results", "taken"),
    [
        ("mx.kettle.example; dmarc=fail header.from=example.com", False),
        ("mx.kettle.example; dmarc=pass; spf=fail", True),
        ("mx.kettle.example; spf=fail smtp.mailfrom=x; dkim=none", False),
        ("mx.kettle.example; spf=softfail; dkim=pass", True),
        ("mx.kettle.example (dmarc=pass); dmarc=fail", False),
        ("somebody.else.example; dmarc=fail", True),
    ],
)
async def test_what_our_mail_server_found_forged_is_refused(db, db_url, mailbox, results, taken):
    careful = identity(mail_settings(db_url, mailbox.port, mail_authserv_id="MX.kettle.example"))
    chat, mail = await ask(db, careful, mailbox)
    answer = reply_to(mail, "Hello.", Authentication_Results=results)
    async with Post(db, careful) as post:
        code, said_ = await post.send(answer, str(mail["Reply-To"]))
    assert code == (250 if taken else 550)
    assert taken or "could not be confirmed" in said_
    assert len(await said(db, chat)) == taken


async def test_only_addresses_that_were_given_out_are_known(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    right = str(mail["Reply-To"])
    local, _, domain = right.rpartition("@")
    name, _, mac = local.partition(".")
    other, _ = await db.write(begin)
    wrong = [
        f"{name}.{'a' * 24}@{domain}",
        f"reply+{other}.{mac}@{domain}",
        f"{name}@{domain}",
        f"{local}@elsewhere.example",
        f"{local}x@{domain}",
        f"postmaster@{domain}",
        f"' OR 1=1 --@{domain}",
        f"reply+{'f' * 32}.{mac}@{domain}",
    ]
    for address in wrong:
        code, answer = await post.send(reply_to(mail, "Hello."), address)
        assert code in (550, 553), (address, answer)
    # Case is nobody's fault.
    assert (await post.send(reply_to(mail, "Hello."), f"{local.upper()}@{domain.upper()}"))[0] == 250
    assert await said(db, chat) == ["Hello."]


async def test_the_reply_address_of_a_mistyped_address_is_worthless(db, us, mailbox, post):
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, "ana@example.com")
    mailer = Mailer(db, MemoryHub(), us)
    await mailer.send_due()
    (mail,) = mailbox.wait(1)
    await db.write(switch_to_email, chat, customer, ANNA)
    code, _ = await post.send(reply_to(mail, "Hello.", "ana@example.com"), str(mail["Reply-To"]))
    assert code == 550
    assert await said(db, chat) == []


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"X_Autoreply": "yes"}, {"List_Id": "<a.b>"}],
)
async def test_an_automatic_answer_is_taken_and_shown_to_nobody(db, us, mailbox, post, headers):
    chat, mail = await ask(db, us, mailbox)
    answer = reply_to(mail, "I am out of the office.", **headers)
    assert (await post.send(answer, str(mail["Reply-To"])))[0] == 250
    assert await said(db, chat) == []
    assert await db.read(lambda session: session.scalars(select(IncomingMail.outcome)).all()) == ["automatic"]


async def test_our_own_mails_that_come_back_end_there(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    assert (await post.send(mail.as_bytes(), str(mail["Reply-To"]), "support@kettle.example"))[0] == 250
    assert await said(db, chat) == []
    await Mailer(db, MemoryHub(), us).send_due()
    assert len(mailbox.mails) == 1


def report(action: str) -> bytes:
    return (
        "From: MAILER-DAEMON@mx.example.com\r\nMessage-ID: <dsn@mx>\r\nSubject: Undelivered\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        f"Final-Recipient: rfc822; {ANNA}\r\nAction: {action}\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 unknown user\r\n\r\n--b--\r\n"
    ).encode()


async def test_a_mail_that_bounces_is_told_to_the_agent_and_the_chat_waits_live_again(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    assert (await post.send(report("failed"), str(mail["Reply-To"]), ""))[0] == 250
    newest = (await db.read(desk.transcript, chat))[-1]
    assert newest.extra["notice"] == "mail_failed" and "unknown user" in newest.text
    assert (await db.read(desk.entry, chat)).handoff.by_email_at is None
    assert (await post.send(report("failed"), str(mail["Reply-To"]), ""))[0] == 250
    assert (await db.read(desk.transcript, chat))[-1].sequence == newest.sequence


async def test_a_mail_that_is_only_late_bothers_nobody(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    assert (await post.send(report("delayed"), str(mail["Reply-To"]), ""))[0] == 250
    assert (await db.read(desk.entry, chat)).handoff.by_email_to == ANNA
