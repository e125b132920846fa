"""Takes replies by SMTP: a server that knows no addresses but those it has given out.

A process of its own (`python -m bot.cli mail`): one port cannot be shared by several web processes, and what strangers
send is taken apart where no chat has to wait for it.
"""

import asyncio
import logging
import signal

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.db import Database
from bot.errors import Invalid, RateLimited, SwitchboardError
from bot.mail import parsing, services
from bot.mail.addresses import Identity, reply_token
from bot.mail.parsing import Incoming, Unreadable
from bot.mail.services import Reply

log = structlog.get_logger(__name__)

MAX_MAIL_BYTES = 10_000_000
# How many mails are taken in at a time, each in memory.
MAX_CONNECTIONS = 20
# What one connection may send in all; then it is cut, and the rest comes on a new one.
MAX_CONNECTION_BYTES = 3 * MAX_MAIL_BYTES
IDLE_S = 300
# A database that does not answer is waited for so long: the sender's server waits too.
STORE_TIMEOUT_S = 45

NO_SUCH = "550 5.1.1 There is no such address here"
BUSY = "451 4.3.0 Not now, please try again later"
TAKEN = "250 2.0.0 Taken"


class _Refused(Exception):
    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer


class Handler:
    """What aiosmtpd asks; each answer is an SMTP reply."""

    def __init__(self, db: Database, us: Identity) -> None:
        self._db = db
        self._us = us

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        token = reply_token(address, self._us.domain)
        if token is None:
            return NO_SUCH
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        try:
            known = await self._db.read(services.known, token[0])
        except SwitchboardError:
            return BUSY
        if known is None or not self._us.signed(token[0], known.secret, token[1]):
            log.warning("mail_address_forged", peer=str(session.peer)[:60])
            return NO_SUCH
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        token = reply_token(envelope.rcpt_tos[0], self._us.domain)
        assert token is not None, "handle_RCPT takes no other"
        try:
            mail = await asyncio.to_thread(
                parsing.parse,
                bytes(envelope.content or b""),
                token[0],
                (envelope.mail_from or "").strip("<>"),
                self._us.authserv_id,
            )
            async with asyncio.timeout(STORE_TIMEOUT_S):
                outcome = await self._take(token[0], mail)
        except (_Refused, Unreadable, SwitchboardError, TimeoutError) as problem:
            answer = _answer(problem)
            log.warning("mail_not_taken", conversation=token[0], answer=answer)
            return answer
        log.info("mail_taken", conversation=token[0], outcome=outcome)
        return TAKEN

    async def _take(self, conversation_id: str, mail: Incoming) -> str:
        if mail.bounced is not None:
            work, more = services.bounce, (mail.key, mail.message_id, mail.bounced)
            await self._db.write(work, conversation_id, *more)
            return "bounce"
        if mail.automatic:
            await self._db.write(services.drop_automatic, conversation_id, mail.key, mail.message_id)
            return "automatic"
        known = await self._db.read(services.known, conversation_id)
        if known is None or mail.sender != known.address:
            raise _Refused(
                "550 5.7.1 This conversation takes mail from the address only that we write to. "
                "Please reply from there, or use the chat"
            )
        if mail.forged is not None:
            raise _Refused(f"550 5.7.26 The sender of this mail could not be confirmed ({mail.forged})")
        if not mail.text:
            raise _Refused("554 5.6.0 There is no text in your mail that we could read. Please write some")
        return await self._db.write(services.receive, conversation_id, Reply(mail.key, mail.message_id, mail.text))

    async def handle_exception(self, problem: Exception) -> str:
        """A bug of ours is no reason for the sender's server to give up."""
        log.error("mail_failed", exc_info=problem)
        return BUSY


class Listener:
    """Listens on `host:port` (port 0: any free one) between `start` and `stop`."""

    def __init__(self, db: Database, us: Identity, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._handler = Handler(db, us)
        self._domain = us.domain
        self._server: asyncio.Server | None = None
        self._here: set[_Connection] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, self._port)
        log.info("mail_listening", host=self._host, port=self.port)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def _connection(self) -> asyncio.Protocol:
        return _Connection(self._handler, self._domain, self._here) if len(self._here) < MAX_CONNECTIONS else _Busy()


class _Busy(asyncio.Protocol):
    """For one client too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 Too many connections, please try again later\r\n")
        transport.close()


class _Connection(SMTP):
    """One client; `here` are all that are connected."""

    def __init__(self, handler: Handler, domain: str, here: "set[_Connection]") -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_MAIL_BYTES,
            hostname=domain,
            ident="Switchboard",
            timeout=IDLE_S,
            loop=asyncio.get_running_loop(),
        )
        self._here = here
        self._received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._here.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._here.discard(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        # The library keeps a line without an end in memory however long it gets, also of a mail that is too large.
        self._received += len(data)
        if self._received > MAX_CONNECTION_BYTES and self.transport is not None:
            self.transport.abort()
            return
        super().data_received(data)


async def serve(db: Database, us: Identity, listen: str) -> None:
    """Until the process is told to stop."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    # Its lines for every command are noise; ours say what became of each mail.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    await db.start()
    listener = Listener(db, us, listen)
    await listener.start()
    await stopping.wait()
    await listener.stop()
    db.close()


def _answer(problem: Exception) -> str:
    """For the sender's server: 5xx and the sender is told why, 4xx and it tries again."""
    if isinstance(problem, _Refused):
        return problem.answer
    if isinstance(problem, Unreadable | Invalid):
        return f"554 5.6.0 {_ascii(problem.message)}"
    if isinstance(problem, RateLimited):
        return f"451 4.7.1 {_ascii(problem.message)}"
    return BUSY


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
