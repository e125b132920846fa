"""A mail as it came in, taken apart: pure, and nothing in it is believed.

Header fields are read as raw text (the library's older policy): its newer one raises on some malformed ones.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header
from email.message import Message

from bot.mail.addresses import sender_of
from bot.mail.html_text import html_text
from bot.mail.replies import written

MAX_PARTS = 200
MAX_HOPS = 50
MAX_TEXT_BYTES = 1_000_000
# Of a mail without plain text: ten times what a newsletter has.
MAX_HTML = 500_000
MAX_TAGS = 20_000
MAX_ATTACHMENTS_NAMED = 10
MAX_FILE_NAME = 80
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,950}>")
_RESULT = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*([a-z]+)", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]{0,500}\)")
_DAEMON = re.compile(r"(?:mailer-daemon|postmaster)@", re.IGNORECASE)
# Fields of this length are nobody's, and reading their parameters takes quadratic time.
_LONG_FIELD = re.compile(rb"^content-[a-z\-]+:[^\n]*(?:\n[ \t][^\n]*){20}", re.IGNORECASE | re.MULTILINE)


class Unreadable(Exception):
    """`message` is for whoever wrote the mail."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Incoming:
    """What a mail says. `bounced`: why a mail of ours was not delivered; `forged`: what a trusted server found."""

    key: str
    message_id: str
    sender: str | None
    automatic: bool
    bounced: str | None
    forged: str | None
    text: str


def parse(data: bytes, conversation_id: str, return_path: str, authserv_id: str = "") -> Incoming:
    """Raises Unreadable for what is no mail that we can read."""
    try:
        return _parse(data, conversation_id, return_path, authserv_id)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as problem:
        # The parser is forgiving; what it still breaks on was made to break it.
        raise Unreadable("Your mail could not be read. Please send it again as plain text.") from problem


def _parse(data: bytes, conversation_id: str, return_path: str, authserv_id: str) -> Incoming:
    if _LONG_FIELD.search(data):
        raise Unreadable("Your mail has a header field that is too long. Please send it again as plain text.")
    mail = message_from_bytes(data, policy=policy.compat32)
    parts = []
    for part in mail.walk():
        parts.append(part)
        if len(parts) > MAX_PARTS:
            raise Unreadable("Your mail has too many parts. Please send it again as plain text.")
    if len(mail.get_all("Received", [])) > MAX_HOPS:
        raise Unreadable("This mail goes round in circles.")
    automatic = _automatic(mail, return_path)
    found = _MESSAGE_ID.search(_field(mail, "Message-ID"))
    # Without a name of its own a mail is what is in it.
    message_id = found[0] if found else f"<{hashlib.sha256(data).hexdigest()}@none>"
    return Incoming(
        key=hashlib.sha256(f"{conversation_id} {message_id}".encode(errors="replace")).hexdigest(),
        message_id=message_id,
        sender=_sender(mail),
        automatic=automatic,
        bounced=_bounced(mail, parts, return_path) if automatic else None,
        forged=_forged(mail, authserv_id),
        text="" if automatic else _text(parts),
    )


def _sender(mail: Message) -> str | None:
    fields = mail.get_all("From", [])
    return sender_of(str(fields[0])) if len(fields) == 1 else None


def _automatic(mail: Message, return_path: str) -> bool:
    """Whether no person wrote it (RFC 3834, and what servers that know no RFC 3834 do)."""
    said = _field(mail, "Auto-Submitted").split(";")[0].strip().lower()
    return (
        not return_path
        or said not in ("", "no")
        or _field(mail, "Precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply")
        or any(mail.get(name) is not None for name in ("List-Id", "X-Autoreply", "X-Autorespond", "X-Auto-Reply"))
        or mail.get_content_type() == "multipart/report"
    )


def _bounced(mail: Message, parts: list[Message], return_path: str) -> str | None:
    """Why a mail of ours was not delivered, where this says so; a mere delay is no failure."""
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            blocks = blocks if isinstance(blocks, list) else []
            failed = [each for each in blocks if _field(each, "Action").strip().lower() == "failed"]
            if failed:
                why = _field(failed[0], "Diagnostic-Code") or _field(failed[0], "Status") or "no reason was given"
                return why.removeprefix("smtp;").strip()
            return None
    if not return_path and _DAEMON.search(_field(mail, "From")):
        return _decoded(_field(mail, "Subject")).strip() or "no reason was given"
    return None


def _forged(mail: Message, authserv_id: str) -> str | None:
    """What the trusted server found, if it found the sender forged. Only its topmost field counts."""
    if not authserv_id:
        return None
    for value in mail.get_all("Authentication-Results", []):
        name, _, results = _COMMENT.sub(" ", str(value)).partition(";")
        if (name.split() or [""])[0].lower() != authserv_id:
            continue
        found: dict[str, set[str]] = {}
        for method, result in _RESULT.findall(results):
            found.setdefault(method.lower(), set()).add(result.lower())
        if "dmarc" in found:
            return "dmarc=fail" if "fail" in found["dmarc"] else None
        failed = "fail" in found.get("spf", set()) and "pass" not in found.get("dkim", set())
        failed = failed or ("fail" in found.get("dkim", set()) and "pass" not in found.get("spf", set()))
        return "spf or dkim failed" if failed else None
    return None


def _text(parts: list[Message]) -> str:
    """The customer's words, with the names of what was attached."""
    plain, html, attached = [], [], []
    for part in parts:
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        if part.get_content_disposition() == "attachment" or kind not in ("text/plain", "text/html"):
            attached.append(_file_name(part))
        elif kind == "text/plain":
            plain.append(_words(part))
        else:
            html.append(_words(part))
    words = "\n".join(plain).strip() or "\n".join(map(_visible, html))
    named = [f"[attachment left out: {name}]" for name in attached[:MAX_ATTACHMENTS_NAMED]]
    if len(attached) > MAX_ATTACHMENTS_NAMED:
        named.append(f"[and {len(attached) - MAX_ATTACHMENTS_NAMED} more]")
    return "\n".join(each for each in (written(_printable(words)), *named) if each)


def _visible(html: str) -> str:
    if len(html) > MAX_HTML or html.count("<") > MAX_TAGS:
        raise Unreadable("The HTML of your mail is too complicated. Please send it again as plain text.")
    return html_text(html)


def _words(part: Message) -> str:
    data = part.get_payload(decode=True)
    data = data if isinstance(data, bytes) else b""
    if len(data) > MAX_TEXT_BYTES:
        raise Unreadable("The text of your mail is too long. Please send a shorter one.")
    try:
        return data.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return data.decode("latin-1")


def _file_name(part: Message) -> str:
    name = _printable(_decoded(part.get_filename() or "")).replace("\n", " ").replace("]", ")").strip()
    return name[:MAX_FILE_NAME] or part.get_content_type()[:MAX_FILE_NAME]


def _field(mail: Message, name: str) -> str:
    return str(mail.get(name, ""))


def _decoded(value: object) -> str:
    """A header field with its encoded words decoded, on one line."""
    try:
        words = list(_decode_words(str(value)))
    except (ValueError, LookupError):
        words = [str(value)]
    return " ".join("".join(words).split())


def _decode_words(value: str) -> Iterator[str]:
    for word, charset in decode_header(value):
        if isinstance(word, str):
            yield word
            continue
        try:
            yield word.decode(charset or "ascii", "replace")
        except LookupError:
            yield word.decode("ascii", "replace")


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable() or character in "\n\r\t")
