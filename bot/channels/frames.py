"""The frames of docs/protocol.md: what clients may send, checked, and what they get."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bot.conversations.services import Conversation, Customer, Message
from bot.conversations.text import MAX_TEXT
from bot.desk.waiting import Wait, in_english, phrase
from bot.errors import Invalid, SwitchboardError

PROTOCOL = 1
# 4,000 characters of emoji, each escaped as two surrogates, with room for the rest of the frame.
MAX_FRAME_BYTES = 65_536
# Proxies drop connections that are idle for a minute; half of that leaves one try to spare.
HEARTBEAT_S = 25
MAX_TOKEN = 4096
MAX_SEQUENCE = 2**31 - 1
# What goes with a message besides its text.
SHOWN = ("article", "quick_replies", "ask_helped", "notice", "wait", "next", "address")


class _Frame(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class Vote(_Frame):
    sequence: int = Field(ge=1, le=MAX_SEQUENCE)
    helped: bool


class Hello(_Frame):
    type: Literal["hello"]
    protocol: Literal[1]
    token: str | None = Field(default=None, max_length=MAX_TOKEN)
    identity: str | None = Field(default=None, max_length=MAX_TOKEN)
    conversation: str | None = Field(default=None, max_length=32)
    cursor: int = Field(default=0, ge=0, le=MAX_SEQUENCE)
    locale: str = Field(default="en", max_length=20, pattern=r"^[A-Za-z0-9-]*$")
    page: str | None = Field(default=None, max_length=1000)
    # Whatever the shop's page says: a slip there must not keep its customers from the chat.
    trouble: Any = None


class Trouble(_Frame):
    type: Literal["trouble"]
    trouble: Any


class MessageFrame(_Frame):
    type: Literal["message"]
    client_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    # The limit on text is not checked here: its error has a code of its own.
    text: str
    vote: Vote | None = None


class Typing(_Frame):
    type: Literal["typing"]


class Read(_Frame):
    type: Literal["read"]
    sequence: int = Field(ge=0, le=MAX_SEQUENCE)


class Ping(_Frame):
    type: Literal["ping"]


class EmailMe(_Frame):
    type: Literal["email_me"]
    # The limit on the address is not checked here: its error has a code of its own.
    email: str | None = Field(default=None, max_length=MAX_TOKEN)
    client_id: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")


ClientFrame = Annotated[Hello | MessageFrame | Typing | Read | Ping | EmailMe | Trouble, Field(discriminator="type")]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(ClientFrame)


def parse(raw: str | bytes) -> Any:
    """One client frame. Raises Invalid with a code of the protocol and a message that names the field."""
    if len(raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")) > MAX_FRAME_BYTES:
        raise Invalid(f"A frame may have {MAX_FRAME_BYTES:,} bytes.", code="too_large")
    try:
        # json's own parser, because pydantic's refuses lone surrogates, which cut emoji consist of.
        value = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise Invalid("That is not JSON.", code="bad_json") from problem
    if not isinstance(value, dict):
        raise Invalid("A frame is a JSON object.", code="bad_frame")
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as problem:
        raise _explained(problem, value) from problem


class FrameError(Invalid):
    """`client_id` is that of the message it is about, where it could be read."""

    def __init__(self, message: str, code: str, client_id: str | None) -> None:
        super().__init__(message, code=code)
        self.client_id = client_id


def _explained(problem: ValidationError, value: dict[str, Any]) -> FrameError:
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    client_id = value.get("client_id")
    client_id = client_id if isinstance(client_id, str) and len(client_id) <= 64 else None
    if first["type"].startswith("union_tag"):
        return FrameError("There is no frame of that type.", "unknown_type", client_id)
    field = ".".join(str(part) for part in first["loc"][1:]) or "frame"
    return FrameError(f"{field}: {first['msg']}", "bad_frame", client_id)


def message(stored: Message) -> dict[str, Any]:
    extra = stored.extra or {}
    frame: dict[str, Any] = {
        "type": "message",
        "sequence": stored.sequence,
        "author": stored.author,
        "kind": stored.kind,
        "text": extra.get("local") or stored.text,
        "at": stored.created_at.isoformat().replace("+00:00", "Z"),
    }
    if stored.author == "customer" and stored.client_id:
        frame["client_id"] = stored.client_id
    if stored.agent_name:
        frame["agent"] = {"name": stored.agent_name}
    frame.update({key: extra[key] for key in SHOWN if key in extra})
    if "name" in extra:
        frame["agent"] = {"name": extra["name"]}
    return frame


def ack(stored: Message, sent: str) -> dict[str, Any]:
    """`sent` is the text as the client had it; what was stored instead goes along where it differs."""
    frame = {
        "type": "ack",
        "client_id": stored.client_id,
        "sequence": stored.sequence,
        "at": stored.created_at.isoformat().replace("+00:00", "Z"),
    }
    if stored.text != sent:
        frame["text"] = stored.text
    return frame


def owner(conversation: Conversation) -> dict[str, Any]:
    frame: dict[str, Any] = {"type": "owner", "owner": conversation.owner}
    if conversation.agent_name:
        frame["agent"] = {"name": conversation.agent_name}
    return frame


def queue(wait: Wait, email: bool) -> dict[str, Any]:
    """What a customer who waits is told; `email` is whether an answer by e-mail is offered instead."""
    key, numbers = phrase(wait)
    return {"type": "queue", "key": key, **numbers, "text": in_english(wait), "email": email}


def by_email(address: str) -> dict[str, Any]:
    return {"type": "by_email", "email": address}


def welcome(
    conversation: Conversation, customer: Customer, token: str | None, earlier: bool, bot_name: str, email: bool
) -> dict[str, Any]:
    identified = customer.external_id is not None
    known = {"name": customer.name, "identified": identified}
    if identified and customer.email:
        known["email"] = customer.email
    frame = {
        **owner(conversation),
        "type": "welcome",
        "protocol": PROTOCOL,
        "conversation": conversation.id,
        "customer": known,
        "latest": conversation.last_sequence,
        "earlier": earlier,
        "bot_name": bot_name,
        "email": email,
        "limits": {"text": MAX_TEXT, "frame_bytes": MAX_FRAME_BYTES},
        "heartbeat_s": HEARTBEAT_S,
    }
    if token:
        frame["token"] = token
    return frame


def heartbeat(latest: int) -> dict[str, Any]:
    return {"type": "heartbeat", "latest": latest}


def typing(author: str, on: bool) -> dict[str, Any]:
    return {"type": "typing", "author": author, "on": on}


def error(problem: SwitchboardError, client_id: str | None = None) -> dict[str, Any]:
    frame: dict[str, Any] = {"type": "error", "code": problem.code, "message": problem.message}
    client_id = client_id or getattr(problem, "client_id", None)
    if client_id:
        frame["client_id"] = client_id
    if problem.retry_after_s is not None:
        frame["retry_after_s"] = problem.retry_after_s
    return frame
