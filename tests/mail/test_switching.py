"""Asking for e-mail: who gets it, what happens to the chat, and what nobody can do with it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.accounts.services import OPERATOR, ensure_account
from bot.conversations import services as conversations
from bot.db import now
from bot.desk import claims, hours_store
from bot.desk import services as desk
from bot.errors import Conflict, Forbidden, Invalid, RateLimited
from bot.mail import outbox
from bot.mail.models import MailThread, OutgoingMail
from bot.mail.services import switch_to_email
from tests.mail.conftest import ANNA, MIA, begin


async def notices(db, chat):
    messages = await db.read(desk.transcript, chat)
    return [message.extra["notice"] for message in messages if message.kind == "notice"]


def mails(session):
    return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))


async def test_a_chat_with_the_bot_is_handed_over_by_e_mail_in_one_transaction(db):
    chat, customer = await db.write(begin)
    assert await db.write(switch_to_email, chat, customer, " Anna@Example.com ") == ANNA
    (entry,) = await db.read(desk.queue)
    assert entry.conversation.owner == "queue"
    assert entry.handoff.by_email_to == ANNA
    assert entry.handoff.by_email_at is not None
    assert await notices(db, chat) == ["by_email"]
    (mail,) = await db.read(mails)
    assert (mail.kind, mail.to) == ("confirmation", ANNA)
    assert "My kettle leaks at the lid." in mail.text


async def test_who_waits_by_e_mail_is_due_after_who_waits_in_the_chat_and_is_not_forgotten(db):
    by_mail, customer = await db.write(begin)
    await db.write(switch_to_email, by_mail, customer, ANNA)

    def live(session):
        chat, _ = begin(session)
        desk.hand_over(session, conversations.get(session, chat, for_update=True), "asked_for_person", [])
        return chat

    later = await db.write(live)
    assert [entry.conversation.id for entry in await db.read(desk.queue)] == [later, by_mail]
    (_, waiting) = await db.read(desk.queue)
    assert waiting.handoff.due_at - waiting.handoff.by_email_at == timedelta(hours=4)


async def test_a_chat_with_an_agent_stays_with_them(db):
    chat, customer = await db.write(begin)
    await db.write(lambda session: desk.hand_over(session, conversations.get(session, chat), "complaint", []).id)
    await db.write(claims.claim, chat, MIA)
    await db.write(switch_to_email, chat, customer, ANNA)
    entry = await db.read(desk.entry, chat)
    assert (entry.conversation.owner, entry.conversation.agent_id) == ("agent", "mia")
    assert entry.handoff.by_email_to == ANNA


async def test_an_identified_customer_need_not_type_the_address(db):
    chat, customer = await db.write(begin, known_address="Known@Example.com")
    assert await db.write(switch_to_email, chat, customer, None) == "known@example.com"
    chat, customer = await db.write(begin)
    with pytest.raises(Invalid, match="Which address") as problem:
        await db.write(switch_to_email, chat, customer, None)
    assert problem.value.code == "email_needed"


async def test_another_address_corrects_the_first_and_gets_what_went_there(db):
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, "ana@example.com")
    await db.write(claims.claim, chat, MIA)
    await db.write(conversations.post_agent_message, chat, MIA, "Which model is it?", "m1")
    await db.write(outbox.gather, now() + timedelta(minutes=3))
    first = await db.read(lambda session: session.get_one(MailThread, chat).secret)
    assert await db.write(switch_to_email, chat, customer, ANNA) == ANNA
    await db.write(outbox.gather, now() + timedelta(minutes=3))
    due = await db.write(outbox.claim, now() + timedelta(minutes=3))
    assert [(mail.to, mail.kind) for mail in due] == [(ANNA, "confirmation")]
    sent = [mail for mail in await db.read(mails) if mail.to == ANNA]
    assert [mail.kind for mail in sent] == ["confirmation", "reply"]
    assert "Which model is it?" in sent[1].text
    # What the first address could answer to is worthless now.
    assert await db.read(lambda session: session.get_one(MailThread, chat).secret) != first
    assert (await db.read(desk.entry, chat)).handoff.by_email_to == ANNA
    assert await notices(db, chat) == ["by_email", "agent_joined", "by_email"]


async def test_the_same_address_again_changes_nothing(db):
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, ANNA)
    assert await db.write(switch_to_email, chat, customer, ANNA.upper()) == ANNA
    assert len(await db.read(mails)) == 1
    assert await notices(db, chat) == ["by_email"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@",
        "anna@example",
        "anna@example.com, bob@example.com",
        "Anna <anna@example.com>",
        "anna@example.com\nBcc: all@example.com",
        "anna@[127.0.0.1]",
        "ä@example.com",
        "a" * 300 + "@example.com",
        "anna\x00@example.com",
    ],
)
async def test_what_is_no_address_is_refused_with_what_to_do_and_nothing_changes(db, address):
    chat, customer = await db.write(begin)
    with pytest.raises(Invalid, match="check it") as problem:
        await db.write(switch_to_email, chat, customer, address)
    assert problem.value.code == "email_invalid"
    assert await db.read(mails) == []
    assert (await db.read(conversations.get, chat)).owner == "bot"


async def test_an_empty_chat_and_somebody_elses_cannot_be_moved(db):
    chat, _ = await db.write(begin)
    _, stranger = await db.write(begin)
    with pytest.raises(Forbidden):
        await db.write(switch_to_email, chat, stranger, ANNA)

    def silent(session):
        chat, customer = begin(session)
        session.delete(session.get(conversations.Message, (chat, 1)))
        return chat, customer

    with pytest.raises(Conflict, match="Write your question first"):
        await db.write(switch_to_email, *(await db.write(silent)), ANNA)


async def test_a_conversation_tries_three_addresses_at_most(db):
    chat, customer = await db.write(begin)
    for number in range(3):
        await db.write(switch_to_email, chat, customer, f"anna{number}@example.com")
    with pytest.raises(RateLimited, match="3 addresses"):
        await db.write(switch_to_email, chat, customer, "anna4@example.com")
    # Back to one that was tried is no new one.
    assert await db.write(switch_to_email, chat, customer, "anna0@example.com") == "anna0@example.com"


async def test_nobody_can_fill_a_strangers_mailbox_from_many_conversations(db):
    for _ in range(outbox.CONFIRMATIONS_A_DAY):
        await db.write(switch_to_email, *(await db.write(begin)), "victim@example.com")
    chat, customer = await db.write(begin)
    with pytest.raises(RateLimited, match="several mails"):
        await db.write(switch_to_email, chat, customer, "victim@example.com")
    assert (await db.read(conversations.get, chat)).owner == "bot"


async def test_a_confirmation_carries_little_of_what_was_typed_and_no_link(db):
    said = "Buy at https://evil.example/x now or evil.example/y " + "z" * 1000
    chat, customer = await db.write(begin, said)
    await db.write(switch_to_email, chat, customer, "victim@example.com")
    (mail,) = await db.read(mails)
    assert "evil" not in mail.text and "[link]" in mail.text
    assert len(mail.text) < 1000
    assert "evil" not in mail.subject


async def test_until_an_address_has_answered_it_gets_few_mails_and_none_is_lost(db):
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, ANNA)
    await db.write(claims.claim, chat, MIA)
    for number in range(6):
        await db.write(conversations.post_agent_message, chat, MIA, f"Part {number}", f"m{number}")
        await db.write(outbox.gather, now() + timedelta(minutes=3))
    made = await db.read(mails)
    assert len(made) == outbox.MAILS_AN_HOUR
    await db.write(outbox.gather, now() + timedelta(minutes=70))
    everything = "".join(mail.text for mail in await db.read(mails))
    assert all(f"Part {number}" in everything for number in range(6))


async def test_outside_the_hours_the_notice_says_when_people_are_back_and_the_answer_is_due_then(db):
    sam = await db.write(ensure_account, "sam@example.com", "Sam", OPERATOR, "a long enough password")
    week = [()] * 7
    week[(now().weekday() + 1) % 7] = ((9 * 60, 17 * 60),)
    await db.write(hours_store.set_week, sam, "UTC", tuple(week), 0)
    chat, customer = await db.write(begin)
    await db.write(switch_to_email, chat, customer, ANNA)
    (notice,) = [message for message in await db.read(desk.transcript, chat) if message.kind == "notice"]
    opens = (now() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    assert "we are back tomorrow at 09:00 (UTC)" in notice.text
    assert notice.extra == {"notice": "by_email", "address": ANNA, "next": opens.isoformat(timespec="seconds")}
    assert (await db.read(desk.entry, chat)).handoff.due_at == opens + timedelta(hours=4)
