"""Mails that are too large, broken, too many, or come when nobody can take them: a clear answer, and nothing breaks."""

import asyncio
import smtplib
from email import policy
from email.message import EmailMessage

import pytest
from sqlalchemy import text, update

from bot.db import now
from bot.mail import outbox, receiving
from bot.mail.models import IncomingMail, MailThread
from bot.mail.services import switch_to_email
from kb_index.database import create_database_engine
from tests.mail.conftest import ANNA, Post, ask, begin, reply_to, said


async def test_a_mail_of_ten_megabytes_is_refused_as_too_large(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    answer = reply_to(mail, "See the picture.")
    answer.add_attachment(b"x" * 8_000_000, maintype="image", subtype="jpeg", filename="kettle.jpg")
    raw = answer.as_bytes(policy=policy.SMTP)
    assert len(raw) > receiving.MAX_MAIL_BYTES
    code, said_ = await post.send(raw, str(mail["Reply-To"]))
    assert code == 552, said_
    assert await said(db, chat) == []


def test_a_line_without_an_end_is_cut_off_and_the_server_lives(db, us):
    """The library would keep it in memory for as long as it comes."""

    async def main():
        async with Post(db, us) as post:
            chat, customer = await db.write(begin)
            await db.write(switch_to_email, chat, customer, ANNA)
            secret = await db.read(lambda session: session.get_one(MailThread, chat).secret)
            address = us.reply_address(chat, secret)
            await asyncio.to_thread(endless, post.port, address)
            assert (await post.send(b"From: anna@example.com\r\n\r\nHello.\r\n", address))[0] == 250
            assert await said(db, chat) == ["Hello."]

    def endless(port, address):
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.ehlo("x")
            client.mail(ANNA)
            client.rcpt(address)
            client.docmd("DATA")
            with pytest.raises(OSError):
                for _ in range(4 * receiving.MAX_CONNECTION_BYTES // 1_000_000):
                    client.sock.sendall(b"x" * 1_000_000)
            client.close()

    asyncio.run(main())


async def test_too_long_a_text_is_refused_and_a_long_one_is_several_messages(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    code, answer = await post.send(reply_to(mail, "word " * 5000), str(mail["Reply-To"]))
    assert code == 554 and "20,000 are the limit" in answer
    assert await said(db, chat) == []
    long = "\n".join(f"line {number}" for number in range(900))
    assert (await post.send(reply_to(mail, long), str(mail["Reply-To"])))[0] == 250
    assert "\n".join(await said(db, chat)) == long


async def test_a_mail_without_any_text_is_refused_and_one_with_only_a_picture_names_it(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    code, answer = await post.send(reply_to(mail, "\n \n"), str(mail["Reply-To"]))
    assert code == 554 and "no text" in answer
    picture = EmailMessage()
    picture["From"], picture["Message-ID"] = ANNA, "<p@x>"
    picture.set_content(b"\xff\xd8", maintype="image", subtype="jpeg", filename="photo.jpg", disposition="attachment")
    assert (await post.send(picture, str(mail["Reply-To"])))[0] == 250
    assert await said(db, chat) == ["[attachment left out: photo.jpg]"]


BROKEN = [
    b"",
    b"\x00\x01\x02\xff" * 100,
    b"From: anna@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n--x",
    b"From: anna@example.com\r\nContent-Type: text/plain; charset=no-such\r\n\r\nHello.\r\n",
    b"From: anna@example.com\r\nContent-Type: text/plain; \r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
    b"From: anna@example.com\r\nContent-Type: text/plain; charset*=\xff''x\r\n\r\nHel\x00lo\r\n",
    b"From: anna@example.com\r\nSubject: =?utf-8?b?////?=\r\nMessage-ID: <\r\n\r\nHello.\r\n",
    b"From: anna@example.com\r\n" + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 3000 + b"x\r\n",
    b"From: anna@example.com\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nHello.\r\n",
    b"From: anna@example.com\r\nContent-Disposition: attachment; filename*0*=x''%00%0a; filename*1=\x00\r\n\r\nHi\r\n",
]


async def test_broken_mails_get_an_answer_and_break_nothing(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)
    for raw in BROKEN:
        code, answer = await post.send(raw, str(mail["Reply-To"]))
        assert code in (250, 550, 554), (raw[:60], answer)
    assert (await post.send(reply_to(mail, "All is well."), str(mail["Reply-To"])))[0] == 250
    texts = await said(db, chat)
    assert texts[-1] == "All is well."
    assert not any("\x00" in text for text in texts)


async def test_more_mails_than_a_person_writes_are_put_off(db, us, mailbox, post, monkeypatch):
    _, mail = await ask(db, us, mailbox)
    monkeypatch.setattr("bot.mail.services.MAILS_IN_AN_HOUR", 3)
    codes = [(await post.send(reply_to(mail, f"Mail {n}."), str(mail["Reply-To"])))[0] for n in range(4)]
    assert codes == [250, 250, 250, 451]
    await db.write(lambda session: session.execute(update(IncomingMail).values(received_at=now() - 2 * outbox.HOUR)))
    assert (await post.send(reply_to(mail, "Mail 4."), str(mail["Reply-To"])))[0] == 250


async def test_while_the_database_does_not_answer_the_sender_is_told_to_come_back(
    db, db_url, us, mailbox, post, monkeypatch
):
    chat, mail = await ask(db, us, mailbox)
    answer = reply_to(mail, "Nothing gets lost.")
    monkeypatch.setattr(receiving, "STORE_TIMEOUT_S", 1)
    other = create_database_engine(db_url)
    with other.execution_options(writes=True).connect() as connection:
        # Another program holds what is to be written.
        if db.is_sqlite:
            connection.execute(text("SELECT 1"))
        else:
            connection.execute(text("LOCK TABLE conversations IN EXCLUSIVE MODE"))
        code, said_ = await post.send(answer, str(mail["Reply-To"]))
        assert code == 451, said_
    other.dispose()
    assert (await post.send(answer, str(mail["Reply-To"])))[0] == 250
    assert await said(db, chat) == ["Nothing gets lost."]


async def test_too_many_connections_are_told_to_come_back(db, us, post):
    held = []
    try:
        for _ in range(receiving.MAX_CONNECTIONS):
            held.append(await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", post.port, timeout=30))
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", post.port, timeout=30)
        assert refused.value.smtp_code == 421
    finally:
        for each in held:
            each.close()


async def test_a_client_that_goes_away_in_the_middle_of_a_mail_leaves_nothing_behind(db, us, mailbox, post):
    chat, mail = await ask(db, us, mailbox)

    def half() -> None:
        client = smtplib.SMTP("127.0.0.1", post.port, timeout=30)
        client.ehlo("x")
        client.mail("anna@example.com")
        client.rcpt(str(mail["Reply-To"]))
        client.docmd("DATA")
        client.send(b"From: anna@example.com\r\n\r\nHalf of a")
        client.close()

    await asyncio.to_thread(half)
    assert (await post.send(reply_to(mail, "The whole of it."), str(mail["Reply-To"])))[0] == 250
    assert await said(db, chat) == ["The whole of it."]
