"""Addresses: which ones mail may go to, and the ones that replies come back to."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from email_validator import EmailNotValidError, validate_email

from bot.errors import Invalid
from bot.settings import Settings

MAX_ADDRESS = 254
MAX_HEADER = 2000
# 120 bits, in the letters that survive mail servers which change the case.
_MAC_BYTES = 15
_REPLY = re.compile(r"reply\+([0-9a-f]{32})\.([a-z2-7]{24})", re.IGNORECASE)
# One address, in angle brackets behind a name or alone.
_ADDR = r"[^\s<>,;:\"()@\\]+@[^\s<>,;:\"()@\\]+"
_FROM = re.compile(rf"(?:[^<>]*<\s*({_ADDR})\s*>|({_ADDR}))")


@dataclass(frozen=True)
class Server:
    """Where mails are handed to."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None


@dataclass(frozen=True)
class Identity:
    """As whom we write, and where replies go to."""

    server: Server
    sender: str
    name: str
    domain: str
    key: bytes
    authserv_id: str

    def reply_address(self, conversation_id: str, secret: str) -> str:
        """64 characters before the @ are allowed: this has 63."""
        return f"reply+{conversation_id}.{self._mac(conversation_id, secret)}@{self.domain}"

    def signed(self, conversation_id: str, secret: str, mac: str) -> bool:
        return hmac.compare_digest(self._mac(conversation_id, secret).encode(), mac.encode())

    def _mac(self, conversation_id: str, secret: str) -> str:
        digest = hmac.digest(self.key, f"mail reply {conversation_id} {secret}".encode(), hashlib.sha256)
        return base64.b32encode(digest[:_MAC_BYTES]).decode().lower()


def identity(settings: Settings) -> Identity:
    """From the settings; only where `settings.offers_email`."""
    name, sender = parseaddr(settings.mail_from)
    parts = urlsplit(settings.smtp_url.get_secret_value())
    tls = parts.scheme == "smtps"
    server = Server(
        host=parts.hostname or "",
        port=parts.port or (465 if tls else 25),
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
    domain = settings.mail_reply_domain or sender.rpartition("@")[2]
    key = settings.secret_key.get_secret_value().encode()
    return Identity(server, sender, name, domain.lower(), key, settings.mail_authserv_id.lower())


def valid(address: str) -> str:
    """The address as it is stored and compared. Raises Invalid, which says what is wrong and what to do."""
    address = address.strip()
    if len(address) > MAX_ADDRESS:
        raise Invalid("This address is too long for an e-mail address. Please check it.", code="email_invalid")
    try:
        found = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as problem:
        raise Invalid(
            f"“{_shown(address)}” is no e-mail address that we can write to. {problem} Please check it.",
            code="email_invalid",
        ) from problem
    return normal(found.ascii_email or found.normalized)


def normal(address: str) -> str:
    """Two spellings of one address are the same: case, and the letters of the domain's name."""
    local, _, domain = address.strip().rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        domain = domain.encode("ascii", "ignore").decode()
    return f"{local}@{domain}".lower()


def sender_of(header: str) -> str | None:
    """The one address of a From header, or None for what is not exactly one.

    Stricter than the standard, so that nothing that two programs read differently counts as the right address.
    """
    found = _FROM.fullmatch(" ".join(header.split())) if len(header) <= MAX_HEADER else None
    return normal(found[1] or found[2]) if found else None


def reply_token(recipient: str, domain: str) -> tuple[str, str] | None:
    """Conversation and signature of one of our reply addresses; the signature is not checked here."""
    local, _, at = recipient.rpartition("@")
    found = _REPLY.fullmatch(local)
    return (found[1].lower(), found[2].lower()) if found and at.lower() == domain else None


def _shown(address: str) -> str:
    return "".join(character for character in address if character.isprintable())[:80]
