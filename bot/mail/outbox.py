"""The outbox: what goes in, whose turn it is, and what becomes of it. Inside the caller's transaction.

A mail is in the outbox in the same transaction as what it tells. Whoever sends takes a lease first and marks the mail
afterwards: if that process dies in between, the mail is sent again, with the same Message-ID.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, exists, func, select, union
from sqlalchemy.orm import Session, aliased

from bot.conversations import services as conversations
from bot.desk import by_email
from bot.desk import services as desk
from bot.errors import RateLimited
from bot.events import announce
from bot.mail import wording
from bot.mail.models import MailThread, OutgoingMail

CONFIRMATION = "confirmation"
REPLY = "reply"
# Woken when the outbox has got something that is due.
TOPIC = "mail"

# What an agent writes within this time is one mail.
GATHER = timedelta(minutes=2)
# How long one process has a mail before another may send it: longer than any attempt takes.
LEASE = timedelta(minutes=5)
# After each attempt that failed; the last one from then on.
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120))
GIVE_UP = timedelta(days=2)
# The attempt after which people are told that a mail has not gone out: the delays before it come to 53 minutes.
TOLD_AT = 6
HOUR = timedelta(hours=1)
# Nobody can have us fill somebody else's mailbox: until an address has answered, it gets few mails.
MAILS_AN_HOUR = 4
CONFIRMATIONS_A_DAY = 5
CONFIRMATIONS_AN_HOUR_IN_ALL = 200
MOST_MESSAGES = 50
MAX_REFERENCES = 12
# No question mark: with it a header may be taken for encoded text.
_PLAIN_ID = re.compile(r"<[\w!#$%&'*+/^`{|}~.=\-]{1,200}@[\w.:\[\]\-]{1,100}>", re.ASCII)

_DUE = (OutgoingMail.sent_at.is_(None), OutgoingMail.failed_at.is_(None))


@dataclass(frozen=True)
class Due:
    """A mail that this process now has to send. `secret` is the thread's, for the reply address."""

    id: int
    conversation_id: str
    secret: str
    kind: str
    to: str
    subject: str
    text: str
    message_id: str
    in_reply_to: str | None
    references: tuple[str, ...]


def check_confirmation(session: Session, thread: MailThread | None, address: str, at: datetime) -> None:
    """Raises RateLimited when another confirmation would be too many: for the conversation, the address, or in all."""
    if thread is not None and _full(session, thread, at):
        raise RateLimited("We have sent several mails already. Please try again in an hour.", retry_after_s=3600)
    confirmations = select(func.count()).where(OutgoingMail.kind == CONFIRMATION)
    to_them = confirmations.where(OutgoingMail.to == address, OutgoingMail.made_at > at - timedelta(days=1))
    if session.scalar(to_them) >= CONFIRMATIONS_A_DAY:
        raise RateLimited("This address has had several mails from us today. Please try again tomorrow.")
    if session.scalar(confirmations.where(OutgoingMail.made_at > at - HOUR)) >= (CONFIRMATIONS_AN_HOUR_IN_ALL):
        raise RateLimited("Very many people ask for e-mail just now. Please try again in an hour.", retry_after_s=3600)


def put(session: Session, thread: MailThread, kind: str, text: str, at: datetime) -> OutgoingMail:
    """One more mail of the thread. The conversation's row must be locked by the caller."""
    known = list(thread.message_ids)
    mail = OutgoingMail(
        conversation_id=thread.conversation_id,
        kind=kind,
        to=thread.address,
        subject=f"Re: {thread.subject}" if known else thread.subject,
        text=text,
        message_id=f"{secrets.token_hex(16)}.{thread.conversation_id[:12]}",
        in_reply_to=known[-1] if known else None,
        references=known,
        made_at=at,
        next_attempt_at=at,
    )
    session.add(mail)
    add_reference(thread, mail.message_id)
    announce(session, TOPIC)
    return mail


def add_reference(thread: MailThread, message_id: str) -> None:
    """The first of a thread is kept, and the newest. One that could be more than an id in a header threads nothing."""
    if message_id.startswith("<") and not _PLAIN_ID.fullmatch(message_id):
        return
    known = [*thread.message_ids, message_id]
    thread.message_ids = known if len(known) <= MAX_REFERENCES else [known[0], *known[-MAX_REFERENCES + 1 :]]


def cancel(session: Session, conversation_id: str, at: datetime, why: str) -> None:
    """What has not gone out yet never does."""
    for mail in session.scalars(
        select(OutgoingMail).where(OutgoingMail.conversation_id == conversation_id, *_DUE).with_for_update()
    ):
        mail.failed_at, mail.error = at, why


def waiting(session: Session, at: datetime) -> bool:
    """Whether `gather` or `claim` may have something to do: a look that locks nothing."""
    grown = _grown().limit(1)
    due = select(OutgoingMail.id).where(*_DUE, OutgoingMail.next_attempt_at <= at).limit(1)
    return session.scalar(grown) is not None or session.scalar(due) is not None


def gather(session: Session, at: datetime, limit: int = 50) -> int:
    """Put what agents have written into the outbox; how many mails that made.

    A mail waits until its first message is two minutes old, so that a few in a row are one; the end of the request
    takes along what there is.
    """
    made = 0
    for conversation_id in session.scalars(_grown().limit(limit)).all():
        # The conversation first: the order of locks everywhere.
        conversation = conversations.get(session, conversation_id, for_update=True)
        thread = session.get(MailThread, conversation_id, with_for_update=True)
        if thread is not None:
            made += _gather(session, conversation, thread, at)
    return made


def _gather(session: Session, conversation: conversations.Conversation, thread: MailThread, at: datetime) -> int:
    after = thread.mailed_sequence
    messages = conversations.messages_after(session, conversation.id, after, conversation.last_sequence - after)
    told = [each for each in messages if each.author == "agent" or _ends(each)][:MOST_MESSAGES]
    if not told:
        thread.mailed_sequence = conversation.last_sequence
        return 0
    end = any(map(_ends, told))
    if not end and told[0].created_at > at - GATHER:
        return 0
    if _full(session, thread, at):
        return 0
    locale = conversations.customer_of(session, conversation).locale
    put(session, thread, REPLY, wording.reply(told, locale), at)
    thread.mailed_sequence = told[-1].sequence
    thread.active = not _ends(told[-1])
    return 1


def _ends(message: conversations.Message) -> bool:
    return message.kind == "notice" and (message.extra or {}).get("notice") == "resolved"


def _grown() -> Select[tuple[str]]:
    """Conversations that are answered by e-mail, and have messages that were not looked at here."""
    # One whose request was resolved stays active until that has been told; one that was reopened is marked again.
    answered = union(select(MailThread.conversation_id).where(MailThread.active), by_email.marked())
    return (
        select(MailThread.conversation_id)
        .join(conversations.Conversation, conversations.Conversation.id == MailThread.conversation_id)
        .where(
            MailThread.conversation_id.in_(answered),
            conversations.Conversation.last_sequence > MailThread.mailed_sequence,
        )
        .order_by(MailThread.conversation_id)
    )


def _full(session: Session, thread: MailThread, at: datetime) -> bool:
    if thread.answered_at is not None:
        return False
    made = session.scalar(
        select(func.count()).where(
            OutgoingMail.conversation_id == thread.conversation_id, OutgoingMail.made_at > at - HOUR
        )
    )
    return made >= MAILS_AN_HOUR


def claim(session: Session, at: datetime, limit: int = 10) -> list[Due]:
    """Lease due mails, of each conversation the oldest one: they arrive in their order."""
    before = aliased(OutgoingMail)
    unsent = (before.sent_at.is_(None), before.failed_at.is_(None))
    found = session.execute(
        select(OutgoingMail, MailThread.secret)
        .join(MailThread, MailThread.conversation_id == OutgoingMail.conversation_id)
        .where(
            *_DUE,
            OutgoingMail.next_attempt_at <= at,
            ~exists().where(
                before.conversation_id == OutgoingMail.conversation_id, before.id < OutgoingMail.id, *unsent
            ),
        )
        .order_by(OutgoingMail.next_attempt_at, OutgoingMail.id)
        .limit(limit)
        .with_for_update(of=OutgoingMail, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for mail, _ in found:
        mail.attempts += 1
        mail.next_attempt_at = at + LEASE
    return [_due(mail, secret) for mail, secret in found]


def sent(session: Session, mail_id: int, at: datetime) -> None:
    mail = _mail(session, mail_id)
    if mail is not None:
        mail.sent_at, mail.error = at, None


def later(session: Session, mail_id: int, error: str, at: datetime) -> None:
    """The server is down or says “not now”: again after a while, and after two days never.

    People are told once, when a mail has not gone out for about an hour.
    """
    known = session.execute(
        select(OutgoingMail.conversation_id, OutgoingMail.made_at, OutgoingMail.attempts).where(
            OutgoingMail.id == mail_id
        )
    ).one_or_none()
    if known is not None and at - known.made_at >= GIVE_UP:
        fail(session, mail_id, f"not delivered within two days ({error})", at)
        return
    # The conversation before the mail: the order of locks everywhere.
    told = known is not None and known.attempts == TOLD_AT
    conversation = conversations.get(session, known.conversation_id, for_update=True) if told else None
    mail = _mail(session, mail_id)
    if mail is None:
        return
    mail.error = wording.one_line(error)
    mail.next_attempt_at = at + DELAYS[min(mail.attempts, len(DELAYS)) - 1]
    if conversation is not None:
        conversations.notice(session, conversation, "mail_delayed", wording.delayed(mail.to, error), address=mail.to)


def fail(session: Session, mail_id: int, error: str, at: datetime) -> None:
    """It will never arrive: people are told, and have the chat back among those that wait."""
    conversation_id = session.scalar(select(OutgoingMail.conversation_id).where(OutgoingMail.id == mail_id))
    if conversation_id is None:
        return
    conversation = conversations.get(session, conversation_id, for_update=True)
    mail = _mail(session, mail_id)
    if mail is None:
        return
    mail.failed_at, mail.error = at, wording.one_line(error)
    returned(session, conversation, mail.to, error, at)


def returned(
    session: Session, conversation: conversations.Conversation, address: str, error: str, at: datetime
) -> bool:
    """Mail to `address` does not arrive. Whether anybody had to be told: not of an address that was corrected since."""
    thread = session.get(MailThread, conversation.id, with_for_update=True)
    if thread is None or thread.address != address:
        return False
    cancel(session, conversation.id, at, "an earlier mail could not be delivered")
    if not thread.active and conversation.owner != conversations.BOT:
        # Told before, and people have it.
        return False
    thread.active = False
    text = wording.returned(address, error)
    conversations.notice(session, conversation, "mail_failed", text, address=address)
    if conversation.owner == conversations.BOT:
        desk.hand_over(session, conversation, by_email.RETURNED, [text])
    by_email.unmark(session, conversation.id)
    return True


def _mail(session: Session, mail_id: int) -> OutgoingMail | None:
    """A mail that is still due, locked."""
    return session.scalar(
        select(OutgoingMail)
        .where(OutgoingMail.id == mail_id, *_DUE)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _due(mail: OutgoingMail, secret: str) -> Due:
    return Due(
        mail.id,
        mail.conversation_id,
        secret,
        mail.kind,
        mail.to,
        mail.subject,
        mail.text,
        mail.message_id,
        mail.in_reply_to,
        tuple(mail.references),
    )
