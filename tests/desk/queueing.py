"""A queue at moments of a test's choosing: who waits, who is on duty, and what was before."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.accounts.services import AGENT, ensure_account
from bot.conversations import customers
from bot.conversations import services as conversations
from bot.db import now
from bot.desk import services
from bot.desk.claims import claim
from bot.desk.models import Agent, Handoff, Promise

# Later than whatever the real clock says: what is written meanwhile is long ago.
AT = datetime(2126, 11, 23, 10, 0, tzinfo=UTC)


def minutes(many):
    return timedelta(minutes=many)


def ask(session, asked_at=AT, reason="asked_for_person"):
    """A customer who asked for a person then; the conversation's id."""
    customer = customers.new_visitor(session, "en")
    conversation = conversations.current_of(session, customer.id)
    conversations.add_message(session, conversation, author="customer", text="Hello?", client_id="c1")
    handoff = services.hand_over(session, conversation, reason, [])
    session.flush()
    handoff.due_at += asked_at - handoff.requested_at
    handoff.requested_at = asked_at
    return conversation.id


def on_duty(session, name="mia", capacity=1, state="available"):
    """An agent who is there (or not), as `claim` takes them."""
    account = ensure_account(session, f"{name}@example.com", name.title(), AGENT, "a long enough password")
    session.flush()
    agent = session.get(Agent, account.id) or Agent(account_id=account.id)
    agent.capacity, agent.state, agent.seen_at = capacity, state, now()
    session.add(agent)
    return account.id, account.name


def of(session, chat):
    return services.newest_handoff(session, chat)


def change(session, chat, **values):
    handoff = of(session, chat)
    for name, value in values.items():
        setattr(handoff, name, value)


def claimed(session, chat, agent, at):
    claim(session, chat, agent)
    of(session, chat).claimed_at = at


def served(session, agent, asked_at, claimed_at, ended_at):
    """A chat of before."""
    chat = ask(session, asked_at)
    claimed(session, chat, agent, claimed_at)
    services.resolve(session, chat, agent)
    of(session, chat).ended_at = ended_at
    return chat


def notices(session, chat):
    return [message for message in services.transcript(session, chat) if message.kind == "notice"]


def codes(session, chat):
    return [message.extra["notice"] for message in notices(session, chat)]


def ledger(session, chat):
    """(made, due, kept) of each promise in the order in which they were made."""
    query = select(Promise).join(Handoff).where(Handoff.conversation_id == chat).order_by(Promise.id)
    return [(promise.made_at, promise.due_at, promise.kept) for promise in session.scalars(query)]
