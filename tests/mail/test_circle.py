"""The whole circle through the running product: chat, e-mail, agent, mail, reply, conversation."""

import asyncio
import os
import smtplib
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from email import policy

import pytest
from sqlalchemy import update

from bot.conversations import services as conversations
from bot.db import now
from bot.desk.board import chat as desk_chat
from bot.dialogue.scripted import ScriptedEngine, echo
from bot.mail.services import switch_to_email
from kb_index.settings import ROOT
from tests.mail.conftest import ANNA, SHOP, _free_port, reply_to
from tests.people import add_people, signed_in
from tests.service import SECRET, Client, on_loop, running


@pytest.fixture
def listening(db_url, mailbox):
    """`python -m bot.cli mail` as a process of its own; its port."""
    port = _free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SWITCHBOARD_DATABASE_URL": db_url,
        "SWITCHBOARD_SECRET_KEY": SECRET,
        "SWITCHBOARD_IDENTITY_SECRET": "identity-" + "y" * 32,
        "SWITCHBOARD_ENGINE_TOKEN": "engine-" + "z" * 32,
        "SWITCHBOARD_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}",
        "SWITCHBOARD_MAIL_FROM": SHOP,
        "SWITCHBOARD_MAIL_LISTEN": f"127.0.0.1:{port}",
    }
    process = subprocess.Popen([sys.executable, "-m", "bot.cli", "mail"], cwd=ROOT, env=environment)
    until = time.monotonic() + 30
    while True:
        try:
            smtplib.SMTP("127.0.0.1", port, timeout=5).close()
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
    yield port
    process.terminate()
    assert process.wait(20) == 0


def post(port, mail, to):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail(ANNA, [to], mail.as_bytes(policy=policy.SMTP))


def test_a_chat_goes_on_by_e_mail_and_every_word_is_in_the_conversation(db_url, mailbox, listening):
    add_people(db_url, "mia")
    mail = {"smtp_url": f"smtp://127.0.0.1:{mailbox.port}", "mail_from": SHOP, "mail_listen": "127.0.0.1:0"}
    with running(db_url, ScriptedEngine(echo), **mail) as service, Client(service.url) as customer:
        customer.ask("My kettle leaks at the lid.")
        chat = customer.welcome["conversation"]
        on_loop(service, lambda session: switch_to_email(session, chat, owner_of(session, chat), ANNA))
        told = customer.expect("message", author="system", timeout=30)
        assert told["notice"] == "by_email" and ANNA in told["text"]
        (confirmation,) = mailbox.wait(1)
        assert "My kettle leaks at the lid." in confirmation.get_content()
        with signed_in(service, "mia") as mia:
            assert "by e-mail · <time" in mia.get("/desk/queue").text
            mia.post(f"/desk/chats/{chat}/claim")
            assert ANNA in mia.get(f"/desk/chats/{chat}/state").text + mia.get(f"/desk/chats/{chat}").text
            mia.post(f"/desk/chats/{chat}/reply", data={"text": "Which model is it?"})
            on_loop(service, wrote_a_while_ago, chat)
            answer = mailbox.wait(2)[1]
            assert "Which model is it?" in answer.get_content()
            assert answer["In-Reply-To"] == confirmation["Message-ID"]
            quoted = textwrap.indent(answer.get_content(), "> ", lambda line: True)
            words = f"The KF-200.\n\nOn Mon, 2 Nov 2026, Mia <x@kettle.example> wrote:\n{quoted}"
            reply = reply_to(answer, words)
            post(listening, reply, str(answer["Reply-To"]))
            page = mia.get(f"/desk/chats/{chat}").text
            assert "The KF-200." in page and "by e-mail" in page
            mia.post(f"/desk/chats/{chat}/resolve")
            assert "closed this request" in mailbox.wait(3)[2].get_content()
            post(listening, reply_to(mailbox.mails[2], "It leaks again."), str(answer["Reply-To"]))
            seen = asyncio.run(service.app.state.db.read(desk_chat, chat, "nobody"))
            assert seen.entry.conversation.owner == "queue"
        texts = [message.text for message in seen.messages if message.author in ("customer", "agent")]
        assert texts == ["My kettle leaks at the lid.", "Which model is it?", "The KF-200.", "It leaks again."]


def wrote_a_while_ago(session, chat):
    """So long that what is gathered for one mail goes out."""
    earlier = now() - timedelta(minutes=3)
    messages = update(conversations.Message).where(conversations.Message.conversation_id == chat)
    session.execute(messages.values(created_at=earlier))


def owner_of(session, chat):
    return conversations.get(session, chat).customer_id


def test_without_settings_for_mail_the_process_says_in_one_line_what_is_missing(tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SWITCHBOARD_")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "SWITCHBOARD_SECRET_KEY": SECRET,
        "SWITCHBOARD_IDENTITY_SECRET": SECRET,
        "SWITCHBOARD_ENGINE_TOKEN": SECRET,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bot.cli", "mail"],
        cwd=tmp_path,
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "SWITCHBOARD_MAIL_LISTEN" in done.stderr and "Traceback" not in done.stderr
