"""A real mail server of the customer's, and the conversation that mails belong to."""

import asyncio
import email
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller

from bot.conversations import customers
from bot.conversations import services as conversations
from bot.db import Database
from bot.desk import services as desk
from bot.events import MemoryHub
from bot.mail.addresses import Identity, identity
from bot.mail.receiving import Listener
from bot.mail.sending import Mailer
from bot.mail.services import switch_to_email
from tests.service import settings

MIA = ("mia", "Mia Novak")
ANNA = "anna@example.com"
SHOP = "Kettle & Fern <support@kettle.example>"


class Mailbox:
    """The customer's mail server: `mails` came in; `answer(recipient or "", stage)` may return an SMTP reply."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.answer: Callable[[str, str], str | None] = lambda recipient, stage: None
        self.cut_after_data = False
        self.port = _free_port()
        self._controller: Controller | None = None
        self._arrived = threading.Condition()

    def start(self, host: str = "127.0.0.1", **options: object) -> None:
        self._controller = Controller(self, hostname=host, port=self.port, **options)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop(no_assert=True)
            self._controller = None

    async def handle_RCPT(self, server, session, envelope, address, options):
        refused = self.answer(address, "rcpt")
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        refused = self.answer("", "data")
        if refused:
            return refused
        with self._arrived:
            self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
            self._arrived.notify_all()
        if self.cut_after_data:
            server.transport.abort()
        return "250 OK"

    def wait(self, count: int, timeout: float = 30) -> list[EmailMessage]:
        """The mails once there are `count` of them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.mails) >= count, timeout), f"{len(self.mails)} of {count}"
            return list(self.mails)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    box.start()
    yield box
    box.stop()


@pytest.fixture
def us(mailbox: Mailbox, db_url: str) -> Identity:
    return identity(mail_settings(db_url, mailbox.port))


def mail_settings(db_url: str, port: int, **more: object):
    mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": SHOP, "mail_listen": "127.0.0.1:0"}
    return settings(db_url, **{**mail, **more})


def begin(session, *texts: str, known_address: str | None = None, locale: str = "en") -> tuple[str, str]:
    """A customer who has said `texts` to the bot: the ids of conversation and customer."""
    customer = customers.new_visitor(session, locale)
    customer.email = known_address
    conversation = conversations.current_of(session, customer.id)
    for number, text in enumerate(texts or ("My kettle leaks at the lid.",)):
        conversations.add_message(session, conversation, author="customer", text=text, client_id=f"c{number}")
    return conversation.id, customer.id


class Post:
    """The sender's server, as it talks to our listener."""

    def __init__(self, db: Database, us: Identity) -> None:
        self._listener = Listener(db, us, "127.0.0.1:0")
        # Not the loop's own threads: in those the listener reads mails, and it runs in this process here.
        self._senders = ThreadPoolExecutor(16)

    async def __aenter__(self) -> "Post":
        await self._listener.start()
        self.port = self._listener.port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.stop()
        self._senders.shutdown()

    async def send(self, data: bytes | EmailMessage, to: str, sender: str = ANNA) -> tuple[int, str]:
        """The last answer of our server: (250, …) when the mail was taken."""
        raw = data if isinstance(data, bytes) else data.as_bytes(policy=policy.SMTP)
        return await asyncio.get_running_loop().run_in_executor(self._senders, self._send, raw, to, sender)

    def _send(self, data: bytes, to: str, sender: str) -> tuple[int, str]:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("sender.example")
            code, said = client.mail(sender)
            if code == 250:
                code, said = client.rcpt(to)
            if code == 250:
                code, said = client.data(data)
            return code, said.decode()


def reply_to(mail: EmailMessage, text: str, sender: str = f"Anna Berg <{ANNA}>", **headers: str) -> EmailMessage:
    """What a mail program makes of an answer to `mail`."""
    answer = EmailMessage()
    answer["From"] = sender
    answer["To"] = mail["Reply-To"]
    answer["Subject"] = "Re: " + mail["Subject"].removeprefix("Re: ")
    answer["Message-ID"] = headers.pop("message_id", f"<{time.monotonic_ns()}@mail.example.com>")
    answer["In-Reply-To"] = mail["Message-ID"]
    answer["References"] = f"{mail['References'] or ''} {mail['Message-ID']}".strip()
    for name, value in headers.items():
        answer[name.replace("_", "-")] = value
    answer.set_content(text)
    return answer


@pytest.fixture
async def post(db, us):
    async with Post(db, us) as sender:
        yield sender


async def ask(db, us, mailbox, *texts):
    """A chat by e-mail, and the confirmation that its customer got."""
    chat, customer = await db.write(begin, *texts)
    await db.write(switch_to_email, chat, customer, ANNA)
    before = len(mailbox.mails)
    await Mailer(db, MemoryHub(), us).send_due()
    return chat, mailbox.wait(before + 1)[-1]


async def said(db, chat):
    messages = await db.read(desk.transcript, chat)
    return [message.text for message in messages if message.author == "customer"][1:]
