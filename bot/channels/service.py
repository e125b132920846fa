"""What a visitor's frames do, whatever transport they came on."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from bot.channels import frames, tokens
from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.conversations.customers import Identity
from bot.conversations.records import Turn
from bot.conversations.services import Conversation, Message
from bot.conversations.turns import HISTORY
from bot.db import Database
from bot.desk.waiting_room import WaitingRoom
from bot.errors import Invalid, NotSignedIn
from bot.events import Hub, Listener, typing_topic
from bot.limits import Limiter
from bot.mail import services as mail
from bot.settings import Settings

# Frames that store nothing (typing, read, ping): more than any honest client sends.
SMALL_FRAMES_PER_MINUTE = 240
# Enough to correct a slip or two.
EMAILS_PER_MINUTE = 5
MAX_EMAIL = 254


@dataclass(frozen=True)
class Visitor:
    customer_id: str
    conversation_id: str
    address: str


@dataclass(frozen=True)
class Greeting:
    visitor: Visitor
    frames: list[dict[str, Any]]
    cursor: int
    owner_version: int


@dataclass(frozen=True)
class News:
    frames: list[dict[str, Any]]
    owner: dict[str, Any]
    cursor: int
    owner_version: int
    latest: int


class Channel:
    def __init__(
        self,
        settings: Settings,
        db: Database,
        hub: Hub,
        limiter: Limiter,
        begin_turn: Callable[[Turn | None], None],
        room: WaitingRoom,
    ) -> None:
        self._settings = settings
        self._db = db
        self._hub = hub
        self._limiter = limiter
        self._begin_turn = begin_turn
        self._room = room
        self._email = settings.offers_email

    async def greet(self, hello: frames.Hello, address: str) -> Greeting:
        """Raises NotSignedIn, Forbidden, RateLimited, Unavailable."""
        known, renew = tokens.read(self._settings.secret_key, hello.token) if hello.token else (None, False)
        identity = tokens.read_identity(self._settings.identity_secret, hello.identity) if hello.identity else None
        await self._limiter.check(f"hello:{address}", self._settings.address_messages_per_minute)
        if known is None:
            await self._limiter.check(f"visitor:{address}", self._settings.visitors_per_minute)
        greeted = None
        if known is not None and identity is None and hello.conversation is None and hello.trouble is None:
            greeted = await self._db.read(_find, known, hello.cursor)
        if greeted is None:
            greeted = await self._db.write(_open, known, identity, hello)
        conversation, customer, messages = greeted
        token = tokens.issue(self._settings.secret_key, customer.id) if renew or customer.id != known else None
        earlier = bool(messages) and messages[0].sequence > hello.cursor + 1
        first = frames.welcome(conversation, customer, token, earlier, self._settings.bot_name, self._email)
        return Greeting(
            Visitor(customer.id, conversation.id, address),
            [first, *map(frames.message, messages)],
            conversation.last_sequence,
            conversation.owner_version,
        )

    async def resume(self, token: str, address: str) -> Visitor:
        """Who speaks over HTTP, where every request carries the token. Raises NotSignedIn."""
        customer_id, _ = tokens.read(self._settings.secret_key, token)
        conversation_id = await self._db.read(conversations.newest_id, customer_id)
        if conversation_id is None:
            raise NotSignedIn("Say hello first.", code="not_greeted")
        return Visitor(customer_id, conversation_id, address)

    async def handle(self, visitor: Visitor, frame: Any) -> list[dict[str, Any]]:
        """Answers to one frame other than hello. Raises SwitchboardError."""
        if isinstance(frame, frames.MessageFrame):
            return await self._message(visitor, frame)
        if isinstance(frame, frames.EmailMe):
            return await self._email_me(visitor, frame)
        await self._limiter.check(f"small:{visitor.customer_id}", SMALL_FRAMES_PER_MINUTE)
        if isinstance(frame, frames.Typing):
            await self._hub.publish({typing_topic(visitor.conversation_id, "customer"): None})
        elif isinstance(frame, frames.Read):
            await self._db.write(conversations.mark_read, visitor.conversation_id, visitor.customer_id, frame.sequence)
        elif isinstance(frame, frames.Trouble):
            report = conversations.report_trouble
            await self._db.write(report, visitor.conversation_id, visitor.customer_id, frame.trouble)
        elif isinstance(frame, frames.Ping):
            news = await self.news(visitor, frames.MAX_SEQUENCE, 0)
            return [frames.heartbeat(news.latest)]
        return []

    async def _message(self, visitor: Visitor, frame: frames.MessageFrame) -> list[dict[str, Any]]:
        await self._limiter.check(f"message:{visitor.customer_id}", self._settings.messages_per_minute)
        await self._limiter.check(f"messages:{visitor.address}", self._settings.address_messages_per_minute)
        posted = await self._db.write(
            turns.post_customer_message,
            visitor.conversation_id,
            visitor.customer_id,
            frame.client_id,
            frame.text,
            frame.vote.model_dump() if frame.vote else None,
        )
        self._begin_turn(posted.turn)
        answers = [frames.ack(posted.message, frame.text)]
        if posted.turn:
            answers.append(frames.typing("bot", True))
        return answers

    async def _email_me(self, visitor: Visitor, frame: frames.EmailMe) -> list[dict[str, Any]]:
        await self._limiter.check(f"email:{visitor.customer_id}", EMAILS_PER_MINUTE)
        await self._limiter.check(f"emails:{visitor.address}", self._settings.visitors_per_minute)
        if not self._email:
            raise Invalid("We can't answer by e-mail here.", code="email_unavailable")
        address = await self._db.write(_by_email, visitor.conversation_id, visitor.customer_id, frame.email)
        self._room.forget(visitor.conversation_id)
        return [frames.by_email(address)]

    def line(self, visitor: Visitor, listener: Listener) -> contextlib.AbstractContextManager[None]:
        """While this visitor can be reached: `listener` is woken when there is something else to say of the queue."""
        return self._room.line(visitor.conversation_id, listener)

    def queue(self, visitor: Visitor, owner: str) -> dict[str, Any] | None:
        """What to say of the queue to who waits in it, once it is known."""
        wait = self._room.told(visitor.conversation_id) if owner == conversations.QUEUE else None
        return frames.queue(wait, self._email) if wait else None

    @staticmethod
    def told(stored: Sequence[Any] | None, cursor: int) -> list[dict[str, Any]] | None:
        """Frames for what a wake-up brought, in order; None when there is something before it and one has to look."""
        if stored is None:
            return None
        newer = sorted((each for each in stored if each.sequence > cursor), key=lambda each: each.sequence)
        if [each.sequence for each in newer] != list(range(cursor + 1, cursor + 1 + len(newer))):
            return None
        return [frames.message(each) for each in newer]

    async def news(self, visitor: Visitor, cursor: int, owner_version: int) -> News:
        """What came after `cursor`, and the owner where it has changed since `owner_version`."""
        # The look checks each time whose the chat is: one that moved to an identified customer is theirs alone.
        conversation, messages = await self._db.read(turns.look, visitor.conversation_id, visitor.customer_id, cursor)
        found = [frames.message(message) for message in messages]
        owner = frames.owner(conversation)
        if conversation.owner_version != owner_version and owner_version:
            found.append(owner)
        newest = messages[-1].sequence if messages else cursor
        return News(found, owner, newest, conversation.owner_version, conversation.last_sequence)


def _by_email(session: Session, conversation_id: str, customer_id: str, wanted: str | None) -> str:
    """The address that the answer goes to. Without one it is that which the shop vouches for."""
    conversation = conversations.get_for_customer(session, conversation_id, customer_id)
    customer = conversations.customer_of(session, conversation)
    known = customer.email if customer.external_id else None
    address = (wanted or "").strip() or known
    if not address:
        raise Invalid("Please give your e-mail address.", code="email_needed")
    if len(address) > MAX_EMAIL:
        raise Invalid(f"An e-mail address has at most {MAX_EMAIL} characters.", code="email_invalid")
    return mail.switch_to_email(session, conversation_id, customer_id, address)


def _find(session: Session, customer_id: str, cursor: int) -> tuple[Conversation, Any, list[Message]] | None:
    """The common case of coming back, which writes nothing."""
    conversation_id = conversations.newest_id(session, customer_id)
    if conversation_id is None:
        return None
    conversation = conversations.get(session, conversation_id)
    customer = customers.get(session, customer_id)
    return conversation, customer, conversations.messages_after(session, conversation_id, cursor, HISTORY)


def _open(
    session: Session, customer_id: str | None, identity: Identity | None, hello: frames.Hello
) -> tuple[Conversation, Any, list[Message]]:
    if customer_id:
        customer = customers.get(session, customer_id)
    else:
        customer = customers.new_visitor(session, hello.locale or "en")
    if identity:
        customer = customers.identify(session, customer, identity)
    if hello.conversation:
        conversation = conversations.get_for_customer(session, hello.conversation, customer.id)
    else:
        conversation = conversations.current_of(session, customer.id, hello.page)
    if hello.trouble is not None:
        conversations.report_trouble(session, conversation.id, customer.id, hello.trouble)
    return conversation, customer, conversations.messages_after(session, conversation.id, hello.cursor, HISTORY)
