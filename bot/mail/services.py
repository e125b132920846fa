"""Asking for e-mail, and what a mail that comes back does. Each function runs inside the caller's transaction."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.conversations import turns
from bot.conversations.text import MAX_TEXT
from bot.db import now
from bot.desk import by_email, closed, hours_store
from bot.desk import services as desk
from bot.errors import Conflict, Invalid, RateLimited
from bot.mail import addresses, outbox, wording
from bot.mail.models import IncomingMail, MailThread

# How often one may have mistyped.
MAX_ADDRESSES = 3
MAILS_IN_AN_HOUR = 30
# A mail of more than this is refused, never cut.
MAX_REPLY = 5 * MAX_TEXT


@dataclass(frozen=True)
class Known:
    """What has to be known of a thread before a mail for it is taken."""

    address: str
    secret: str


@dataclass(frozen=True)
class Reply:
    """A mail of the customer's: `key` stands for its Message-ID."""

    key: str
    message_id: str
    text: str


def switch_to_email(session: Session, conversation_id: str, customer_id: str, address: str | None) -> str:
    """From now on the answer comes by e-mail to `address` (None: the identified customer's own); it is returned.

    The chat goes to people if it is with the bot, and stays with them otherwise. Asked again with another address, that
    one replaces the first, and gets what was already mailed; with the same one nothing changes.
    Raises Invalid with what to do about the address, Forbidden for somebody else's conversation, Conflict when nothing
    was written yet, RateLimited.
    """
    at = now()
    conversation = conversations.get_for_customer(session, conversation_id, customer_id, for_update=True)
    wanted = _wanted(session, conversation, address)
    thread = session.get(MailThread, conversation_id, with_for_update=True)
    if thread is not None and thread.active and thread.address == wanted and conversation.owner != conversations.BOT:
        return wanted
    said = _said(session, conversation)
    if not said:
        raise Conflict("Write your question first, then we can answer it by e-mail.")
    outbox.check_confirmation(session, thread, wanted, at)
    if conversation.owner == conversations.BOT:
        desk.hand_over(session, conversation, by_email.REASON, ["Asked to be answered by e-mail."])
    by_email.mark(session, conversation_id, wanted, at)
    notice = _tell(session, conversation, wanted, at)
    locale = conversations.customer_of(session, conversation).locale
    if thread is None:
        thread = _new_thread(session, conversation, wanted, locale)
    elif thread.address != wanted:
        _correct(session, thread, wanted, at)
    elif not thread.active:
        thread.since_sequence = thread.mailed_sequence = notice.sequence
    thread.active = True
    outbox.put(session, thread, outbox.CONFIRMATION, wording.confirmation(said, locale), at)
    return wanted


def _tell(
    session: Session, conversation: conversations.Conversation, address: str, at: datetime
) -> conversations.Message:
    """The notice in the chat; with `next`, as in the notice `closed`, when nobody is there."""
    found = hours_store.opening(session, at)
    text = f"{wording.by_email(address)} {closed.in_words(session, found, at)}".strip()
    extra = {} if found.open else {"next": found.next.isoformat(timespec="seconds") if found.next else None}
    return conversations.notice(session, conversation, "by_email", text, address=address, **extra)


def _wanted(session: Session, conversation: conversations.Conversation, address: str | None) -> str:
    if address is None:
        address = conversations.customer_of(session, conversation).email
        if not address:
            raise Invalid("Which address shall we write to? Please enter one.", code="email_needed")
    return addresses.valid(address)


def _said(session: Session, conversation: conversations.Conversation) -> list[str]:
    """What the customer wrote last."""
    messages = conversations.messages_after(session, conversation.id, 0)
    return [message.text for message in messages if message.author == "customer"][-3:]


def _new_thread(session: Session, conversation: conversations.Conversation, address: str, locale: str) -> MailThread:
    thread = MailThread(
        conversation_id=conversation.id,
        address=address,
        secret=secrets.token_hex(16),
        subject=wording.subject(conversation.id, locale),
        message_ids=[],
        addresses=[address],
        since_sequence=conversation.last_sequence,
        mailed_sequence=conversation.last_sequence,
    )
    session.add(thread)
    session.flush()
    return thread


def _correct(session: Session, thread: MailThread, address: str, at: datetime) -> None:
    """Another address: what the first one got is worth nothing there any more, and goes to the right one again."""
    if address not in thread.addresses:
        if len(thread.addresses) >= MAX_ADDRESSES:
            raise RateLimited(
                f"{MAX_ADDRESSES} addresses were tried in this conversation already. Please go on in the chat."
            )
        thread.addresses = [*thread.addresses, address]
    outbox.cancel(session, thread.conversation_id, at, "the address was corrected")
    thread.address, thread.secret = address, secrets.token_hex(16)
    thread.message_ids, thread.answered_at = [], None
    thread.mailed_sequence = thread.since_sequence


def known(session: Session, conversation_id: str) -> Known | None:
    """For who takes mails: whether there is such a thread."""
    thread = session.get(MailThread, conversation_id)
    return Known(thread.address, thread.secret) if thread else None


def receive(session: Session, conversation_id: str, mail: Reply) -> str:
    """Post the customer's reply; `posted`, or `repeated` for a mail that was taken before.

    A request that was resolved meanwhile is open again, with people: who answers an agent's mail wants an agent.
    Raises RateLimited, and Invalid for text that cannot be shown or is too long.
    """
    at = now()
    if _taken(session, conversation_id, mail.key):
        return "repeated"
    parts = _parts(mail.text)
    # Read by column: the statements below change the row behind the ORM's back.
    customer_id = session.scalar(
        select(conversations.Conversation.customer_id).where(conversations.Conversation.id == conversation_id)
    )
    for number, part in enumerate(parts):
        posted = turns.post_customer_message(
            session, conversation_id, customer_id or "", f"mail-{mail.key[:48]}-{number}", part
        )
        session.execute(
            update(conversations.Message)
            .where(
                conversations.Message.conversation_id == conversation_id,
                conversations.Message.sequence == posted.message.sequence,
            )
            .values(extra={"via": "email"})
        )
    conversation = conversations.get(session, conversation_id, for_update=True)
    thread = session.get_one(MailThread, conversation_id, with_for_update=True)
    if conversation.owner == conversations.BOT:
        desk.hand_over(session, conversation, by_email.REASON, ["Answered our e-mail after the request was resolved."])
        by_email.mark(session, conversation_id, thread.address, at)
    if not thread.active:
        thread.active = True
        thread.since_sequence = thread.mailed_sequence = conversation.last_sequence
    thread.answered_at = thread.answered_at or at
    outbox.add_reference(thread, mail.message_id)
    _take(session, conversation_id, mail.key, mail.message_id, "posted", at)
    return "posted"


def drop_automatic(session: Session, conversation_id: str, key: str, message_id: str) -> None:
    """An out-of-office note and the like: taken, and shown to nobody."""
    if not _taken(session, conversation_id, key):
        _take(session, conversation_id, key, message_id, "automatic", now())


def bounce(session: Session, conversation_id: str, key: str, message_id: str, reason: str) -> None:
    """A mail of ours came back: people are told, and have the chat back among those that wait."""
    if _taken(session, conversation_id, key):
        return
    at = now()
    conversation = conversations.get(session, conversation_id, for_update=True)
    address = session.get_one(MailThread, conversation_id).address
    outbox.returned(session, conversation, address, reason, at)
    _take(session, conversation_id, key, message_id, "bounce", at)


def _parts(text: str) -> list[str]:
    """As messages of the length that the chat allows, cut between lines or words where there are any."""
    if len(text) > MAX_REPLY:
        raise Invalid(f"Your text has {len(text):,} characters; {MAX_REPLY:,} are the limit.", code="too_large")
    parts = []
    while len(text) > MAX_TEXT:
        ends = (text.rfind(mark, 0, MAX_TEXT) for mark in ("\n", " "))
        cut = next((end for end in ends if end > MAX_TEXT // 2), MAX_TEXT)
        parts.append(text[:cut])
        text = text[cut:]
    return [part for part in (*parts, text) if part.strip()] or [text]


def _taken(session: Session, conversation_id: str, key: str) -> bool:
    """Whether this mail was taken before. Raises RateLimited when there are too many new ones."""
    # One at a time for each conversation, so that the second of two deliveries finds the first.
    session.execute(
        select(conversations.Conversation.id).where(conversations.Conversation.id == conversation_id).with_for_update()
    )
    if session.get(IncomingMail, key) is not None:
        return True
    recent = session.scalar(
        select(func.count()).where(
            IncomingMail.conversation_id == conversation_id, IncomingMail.received_at > now() - outbox.HOUR
        )
    )
    if recent >= MAILS_IN_AN_HOUR:
        raise RateLimited("Too many mails for one conversation. Please try again later.")
    return False


def _take(session: Session, conversation_id: str, key: str, message_id: str, outcome: str, at: datetime) -> None:
    session.add(
        IncomingMail(
            key=key, conversation_id=conversation_id, message_id=message_id[:1000], outcome=outcome, received_at=at
        )
    )
