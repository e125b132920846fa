"""Sends what is in the outbox, in the background of each web process."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import aiosmtplib
import structlog

from bot import tasks
from bot.db import Database, now
from bot.errors import SwitchboardError, Unavailable
from bot.events import Hub
from bot.mail import outbox
from bot.mail.addresses import Identity, reply_token
from bot.mail.composing import compose, dated
from bot.mail.outbox import Due

log = structlog.get_logger(__name__)

# How often the outbox is looked at without being woken: a look that locks nothing.
LOOK_S = 2.0
# One attempt: far shorter than the lease.
COMMAND_TIMEOUT_S = 30.0
ATTEMPT_TIMEOUT_S = 120.0
AT_ONCE = 5
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Refused(Exception):
    """This mail will never be taken."""


class NotNow(Exception):
    """It may be taken later."""


class Mailer:
    """`clock` is for tests: the time by which mails are due."""

    def __init__(self, db: Database, hub: Hub, us: Identity, clock: Callable[[], datetime] = now) -> None:
        self._db = db
        self._hub = hub
        self._us = us
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """A mail that is cut short here is sent by whoever claims it when its lease has run out."""
        await tasks.end(self._task)

    async def _run(self) -> None:
        while True:
            with self._hub.listen(outbox.TOPIC) as listener:
                try:
                    await self.send_due()
                except Unavailable:
                    log.warning("outbox_not_read")
                except Exception:
                    # One bad mail, or a bug: it must not end all sending. Its lease holds it back meanwhile.
                    log.exception("outbox_failed")
                await listener.wait(LOOK_S)

    async def send_due(self) -> int:
        """Send all that is due; how many attempts that were. Raises Unavailable."""
        attempts = 0
        while await self._db.read(outbox.waiting, self._clock()):
            gathered = await self._db.write(outbox.gather, self._clock())
            mails = await self._db.write(outbox.claim, self._clock())
            if not mails and not gathered:
                break
            room = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(self._attempt(mail, room) for mail in mails))
            attempts += len(mails)
        return attempts

    async def _attempt(self, mail: Due, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                await self._send(mail)
            except Refused as problem:
                log.warning("mail_refused", mail=mail.id, conversation=mail.conversation_id, error=str(problem)[:300])
                await self._note(outbox.fail, mail.id, str(problem))
            except NotNow as problem:
                log.warning("mail_delayed", mail=mail.id, conversation=mail.conversation_id, error=str(problem)[:300])
                await self._note(outbox.later, mail.id, str(problem))
            except Exception as problem:
                # A bug, or a mail that cannot be put together: it must not hold up the others, nor stay for ever.
                log.exception("mail_failed", mail=mail.id, conversation=mail.conversation_id)
                await self._note(outbox.later, mail.id, f"{type(problem).__name__} on our side")
            else:
                log.info("mail_sent", mail=mail.id, conversation=mail.conversation_id, kind=mail.kind)
                await self._note(outbox.sent, mail.id)

    async def _note(self, work: Callable[..., None], *args: object) -> None:
        try:
            await self._db.write(work, *args, self._clock())
        except SwitchboardError as problem:
            # The lease runs out, and the mail is tried again: the same mail, by its Message-ID.
            log.error("mail_not_noted", error=problem.message)

    async def _send(self, mail: Due) -> None:
        if reply_token(mail.to, self._us.domain):
            raise Refused("this is an address of our own")
        server = self._us.server
        # A password goes over an encrypted line only, unless the line does not leave the machine.
        start_tls = None if server.tls or not server.user or server.host in _LOOPBACK else True
        try:
            message = dated(compose(mail, self._us), now())
            async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                await aiosmtplib.send(
                    message,
                    # Where it comes back to when it cannot be delivered: it is noted in the conversation then.
                    sender=self._us.reply_address(mail.conversation_id, mail.secret),
                    recipients=[mail.to],
                    hostname=server.host,
                    port=server.port,
                    username=server.user,
                    password=server.password,
                    use_tls=server.tls,
                    start_tls=False if server.tls else start_tls,
                    # Without one the machine's name is looked up, which can take its time.
                    local_hostname=self._us.domain,
                    timeout=COMMAND_TIMEOUT_S,
                )
        except aiosmtplib.SMTPRecipientsRefused as problem:
            answers = [(each.code, each.message) for each in problem.recipients]
            raise _judged(*answers[0]) from problem
        except aiosmtplib.SMTPDataError as problem:
            raise _judged(problem.code, problem.message) from problem
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as problem:
            # Not about this mail: the server is down, or does not know us. It waits until that is put right.
            raise NotNow(f"{type(problem).__name__}: {problem}") from problem


def _judged(code: int, message: str) -> Refused | NotNow:
    said = f"{code} {message}"
    return Refused(said) if 500 <= code < 600 else NotNow(said)
