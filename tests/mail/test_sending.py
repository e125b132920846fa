"""What goes out, over real sockets to a real mail server: threaded, once, and never lost."""

import asyncio
from datetime import timedelta

import pytest
from aiosmtpd.smtp import AuthResult
from sqlalchemy import select

from bot.conversations import services as conversations
from bot.db import Database, now
from bot.desk import claims
from bot.desk import services as desk
from bot.events import MemoryHub
from bot.mail import outbox
from bot.mail.addresses import identity
from bot.mail.models import OutgoingMail
from bot.mail.sending import Mailer
from bot.mail.services import switch_to_email
from bot.mail.wording import WORDS
from tests.mail.conftest import ANNA, MIA, begin, mail_settings


class Clock:
    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return now() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def mailer(db, us, clock):
    return Mailer(db, MemoryHub(), us, clock)


async def by_mail(db, address=ANNA, *texts):
    """A chat that Mia has, whose customer asked for e-mail."""
    chat, customer = await db.write(begin, *texts)
    await db.write(switch_to_email, chat, customer, address)
    await db.write(claims.claim, chat, MIA)
    return chat


async def says(db, chat, text):
    return await db.write(conversations.post_agent_message, chat, MIA, text, f"m-{text[:50]}")


async def messages(db, chat):
    return await db.read(desk.transcript, chat)


async def notes(db, chat):
    return [each for each in await messages(db, chat) if (each.extra or {}).get("notice") == "mail_failed"]


def state(session):
    return session.execute(select(OutgoingMail.attempts, OutgoingMail.error).order_by(OutgoingMail.id)).all()


async def test_mails_are_threaded_and_say_who_writes(db, us, mailer, mailbox, clock):
    chat = await by_mail(db)
    await mailer.send_due()
    await says(db, chat, "Grüße! Which model is it? 🙂")
    clock.ahead = timedelta(minutes=3)
    await mailer.send_due()
    first, second = mailbox.wait(2)
    assert first["From"] == "Kettle & Fern <support@kettle.example>"
    assert first["Auto-Submitted"] == "auto-replied"
    assert second["Auto-Submitted"] is None
    assert second["In-Reply-To"] == first["Message-ID"] and first["Message-ID"] in second["References"]
    assert second["Subject"] == f"Re: {first['Subject']}"
    assert first["Date"] and first["Message-ID"].endswith("@kettle.example>")
    body = second.get_content()
    assert "Grüße! Which model is it? 🙂" in body and "— Mia Novak" in body
    assert first["Reply-To"].addresses[0].username.startswith(f"reply+{chat}.")
    assert len(first["Reply-To"].addresses[0].username) <= 64
    # What cannot be delivered comes back to the conversation, not to nobody.
    assert mailbox.envelopes[0] == (str(first["Reply-To"]), [ANNA])


async def test_what_an_agent_writes_within_two_minutes_is_one_mail(db, mailer, mailbox, clock):
    chat = await by_mail(db)
    await says(db, chat, "First.")
    await says(db, chat, "Second.")
    await mailer.send_due()
    assert len(mailbox.mails) == 1  # the confirmation
    clock.ahead = timedelta(minutes=2, seconds=1)
    await mailer.send_due()
    body = mailbox.wait(2)[1].get_content()
    assert body.index("First.") < body.index("Second.")


async def test_the_end_of_the_request_is_told_at_once_with_what_was_written(db, mailer, mailbox):
    chat = await by_mail(db)
    await says(db, chat, "A new lid is on its way.")
    await db.write(desk.resolve, chat, MIA)
    await mailer.send_due()
    body = mailbox.wait(2)[1].get_content()
    assert "A new lid is on its way." in body and "closed this request" in body


async def test_what_is_written_after_reopening_goes_out_too(db, mailer, mailbox, clock):
    chat = await by_mail(db)
    await db.write(desk.resolve, chat, MIA)
    await mailer.send_due()
    await db.write(desk.reopen, chat, MIA)
    await says(db, chat, "One more thing.")
    clock.ahead = timedelta(minutes=3)
    await mailer.send_due()
    assert "One more thing." in mailbox.wait(3)[2].get_content()


async def test_a_chat_that_never_asked_for_e_mail_gets_none(db, mailer, mailbox, clock):
    chat, _ = await db.write(begin)
    await db.write(lambda session: desk.hand_over(session, conversations.get(session, chat), "complaint", []).id)
    await db.write(claims.claim, chat, MIA)
    await says(db, chat, "Hello.")
    clock.ahead = timedelta(minutes=3)
    assert await mailer.send_due() == 0
    assert mailbox.mails == []


async def test_a_server_that_is_down_loses_nothing(db, mailer, mailbox, clock):
    mailbox.stop()
    chat = await by_mail(db)
    await says(db, chat, "Are you there?")
    for _ in range(3):
        await mailer.send_due()
        clock.ahead += timedelta(minutes=10)
    assert (await db.read(state))[0].attempts == 3
    assert await notes(db, chat) == []
    mailbox.start()
    clock.ahead += timedelta(hours=3)
    await mailer.send_due()
    assert [mail["Auto-Submitted"] for mail in mailbox.wait(2)] == ["auto-replied", None]


@pytest.mark.parametrize(("answer", "stage"), [("450 4.2.0 Greylisted", "rcpt"), ("451 4.3.0 Disk full", "data")])
async def test_a_refusal_for_now_is_tried_again_with_growing_pauses(db, mailer, mailbox, clock, answer, stage):
    mailbox.answer = lambda recipient, at: answer if at == stage else None
    chat = await by_mail(db)
    await mailer.send_due()
    assert await mailer.send_due() == 0
    clock.ahead = timedelta(seconds=61)
    assert await mailer.send_due() == 1
    clock.ahead += timedelta(seconds=61)
    assert await mailer.send_due() == 0
    (mail,) = await db.read(state)
    assert answer[4:] in mail.error
    mailbox.answer = lambda recipient, at: None
    clock.ahead += timedelta(hours=1)
    assert await mailer.send_due() == 1
    assert len(mailbox.wait(1)) == 1
    assert await notes(db, chat) == []


async def test_a_mail_that_does_not_go_out_for_an_hour_is_told_once(db, mailer, mailbox, clock):
    mailbox.answer = lambda recipient, at: "450 4.2.0 Not now"
    chat = await by_mail(db)
    for _ in range(12):
        await mailer.send_due()
        clock.ahead += timedelta(minutes=31)
    told = [each.text for each in await messages(db, chat) if (each.extra or {}).get("notice") == "mail_delayed"]
    assert len(told) == 1 and "Not now" in told[0] and "keep trying" in told[0]
    assert (await db.read(desk.entry, chat)).handoff.by_email_to == ANNA


async def test_after_two_days_the_agent_is_told(db, mailer, mailbox, clock):
    mailbox.answer = lambda recipient, at: "450 4.2.0 Not now"
    chat = await by_mail(db)
    await mailer.send_due()
    clock.ahead = timedelta(days=2, minutes=1)
    await mailer.send_due()
    (note,) = await notes(db, chat)
    assert "not delivered within two days" in note.text and "Not now" in note.text


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_a_refused_mail_is_told_in_the_chat_and_the_chat_waits_live_again(db, mailer, mailbox, stage):
    mailbox.answer = lambda recipient, at: "550 5.1.1 No such user <b>here</b>" if at == stage else None
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, "nobody@example.com")
    await mailer.send_due()
    (note,) = await notes(db, chat)
    assert "nobody@example.com" in note.text and "No such user" in note.text
    entry = await db.read(desk.entry, chat)
    assert entry.handoff.by_email_at is None
    assert entry.handoff.due_at == entry.handoff.requested_at
    assert await mailer.send_due() == 0
    # The right address now: all is well again.
    mailbox.answer = lambda recipient, at: None
    await db.write(switch_to_email, chat, customer, ANNA)
    await mailer.send_due()
    assert [mail["To"] for mail in mailbox.wait(1)] == [ANNA]


async def test_a_resolved_chat_whose_last_mail_is_refused_goes_back_to_people(db, mailer, mailbox):
    chat = await by_mail(db)
    await mailer.send_due()
    await says(db, chat, "The answer.")
    await db.write(desk.resolve, chat, MIA)
    mailbox.answer = lambda recipient, at: "552 5.2.2 Mailbox full"
    await mailer.send_due()
    entry = await db.read(desk.entry, chat)
    assert entry.conversation.owner == "queue" and entry.reason == "E-mail not delivered"
    assert "Mailbox full" in entry.handoff.reasons[0]


async def test_what_a_mail_server_says_is_shown_bounded_and_harmless(db, mailer, mailbox):
    mailbox.answer = lambda recipient, at: "550 " + "x" * 400
    chat = await by_mail(db)
    await mailer.send_due()
    (note,) = await notes(db, chat)
    assert len(note.text) < 400


async def test_an_answer_lost_after_the_mail_was_taken_means_the_same_mail_again(db, mailer, mailbox, clock):
    mailbox.cut_after_data = True
    await by_mail(db)
    await mailer.send_due()
    mailbox.cut_after_data = False
    clock.ahead = timedelta(minutes=10)
    await mailer.send_due()
    first, second = mailbox.wait(2)
    assert first["Message-ID"] == second["Message-ID"]


async def test_of_two_processes_each_mail_is_sent_by_one(db, db_url, us, mailer, mailbox, clock):
    for number in range(12):
        await by_mail(db, f"anna{number}@example.com")
    other = Database(db_url, MemoryHub())
    try:
        second = Mailer(other, MemoryHub(), us, clock)
        await asyncio.gather(mailer.send_due(), second.send_due())
        await mailer.send_due()
    finally:
        other.close()
    assert sorted(mail["To"] for mail in mailbox.wait(12)) == sorted(
        f"anna{number}@example.com" for number in range(12)
    )
    assert len(mailbox.mails) == 12


async def test_a_process_that_dies_while_sending_leaves_the_mail_to_others(db, mailer, mailbox, clock):
    await by_mail(db)
    assert len(await db.write(outbox.claim, clock())) == 1  # and then it is gone
    assert await mailer.send_due() == 0
    clock.ahead = outbox.LEASE + timedelta(seconds=1)
    assert await mailer.send_due() == 1
    assert len(mailbox.wait(1)) == 1


async def test_mails_to_our_own_reply_addresses_never_go_round(db, us, mailer, mailbox):
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, us.reply_address("a" * 32, "s"))
    await mailer.send_due()
    assert mailbox.mails == []
    (note,) = await notes(db, chat)
    assert "address of our own" in note.text


@pytest.mark.parametrize(
    ("locale", "word"), [("de-AT", "abgeschlossen"), ("fr", "clos"), ("es", "cerrado"), ("pl", "closed")]
)
async def test_mails_are_in_the_customers_language_where_we_have_it(db, mailer, mailbox, locale, word):
    chat, customer = await db.write(lambda session: begin(session, "Grüezi!", locale=locale))
    await db.write(switch_to_email, chat, customer, ANNA)
    await db.write(claims.claim, chat, MIA)
    await mailer.send_due()
    await db.write(desk.resolve, chat, MIA)
    await mailer.send_due()
    first, last = mailbox.wait(2)
    assert "Grüezi!" in first.get_content() and word in last.get_content()
    assert last["Subject"] == f"Re: {first['Subject']}"


async def test_every_language_says_everything(db):
    for words in WORDS.values():
        assert all(vars(words).values()) and "{number}" in words.subject


async def test_the_mail_server_gets_user_and_password(db, db_url, mailbox, clock):
    seen = []

    def check(server, session, envelope, mechanism, auth_data):
        seen.append((auth_data.login, auth_data.password))
        return AuthResult(success=True)

    mailbox.stop()
    mailbox.start(authenticator=check, auth_require_tls=False)
    us = identity(mail_settings(db_url, mailbox.port, smtp_url=f"smtp://shop%40x:p%3A%2Fw@127.0.0.1:{mailbox.port}"))
    await by_mail(db)
    await Mailer(db, MemoryHub(), us, clock).send_due()
    assert seen == [(b"shop@x", b"p:/w")]
    assert len(mailbox.wait(1)) == 1


async def test_a_password_is_never_sent_over_a_line_that_can_be_read(db, db_url, mailbox, clock):
    seen = []

    def check(server, session, envelope, mechanism, auth_data):
        seen.append(auth_data)
        return AuthResult(success=True)

    mailbox.stop()
    # Not one of the names of this machine, so it counts as somewhere else.
    mailbox.start("127.0.0.2", authenticator=check, auth_require_tls=False)
    us = identity(mail_settings(db_url, mailbox.port, smtp_url=f"smtp://shop:secret@127.0.0.2:{mailbox.port}"))
    chat = await by_mail(db)
    await Mailer(db, MemoryHub(), us, clock).send_due()
    assert seen == [] and mailbox.mails == []
    (mail,) = await db.read(state)
    assert "secret" not in mail.error and mail.attempts == 1
    assert await notes(db, chat) == []
