"""A mail of the outbox as it goes over the wire."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from bot.mail.addresses import Identity
from bot.mail.outbox import CONFIRMATION, Due


def compose(due: Due, us: Identity) -> EmailMessage:
    """Always the same for the same mail but for its date, so that one that arrives twice can be told to be one."""
    message = EmailMessage(policy=SMTP)
    local, _, domain = us.sender.rpartition("@")
    message["From"] = Address(us.name, local, domain)
    message["To"] = due.to
    message["Reply-To"] = us.reply_address(due.conversation_id, due.secret)
    message["Subject"] = due.subject
    message["Message-ID"] = whole(due.message_id, us.domain)
    if due.in_reply_to:
        message["In-Reply-To"] = whole(due.in_reply_to, us.domain)
        message["References"] = " ".join(whole(each, us.domain) for each in due.references)
    if due.kind == CONFIRMATION:
        message["Auto-Submitted"] = "auto-replied"
        message["X-Auto-Response-Suppress"] = "All"
    message.set_content(due.text, charset="utf-8", cte="quoted-printable")
    return message


def dated(message: EmailMessage, at: datetime) -> EmailMessage:
    message["Date"] = format_datetime(at)
    return message


def whole(message_id: str, domain: str) -> str:
    """Ours are kept without their domain."""
    return message_id if message_id.startswith("<") else f"<{message_id}@{domain}>"
