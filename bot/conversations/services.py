"""What may be done with a conversation. Each function runs inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.conversations.models import AGENT, BOT, QUEUE, Conversation, Customer, Message, Vote
from bot.conversations.text import cleaned
from bot.db import now
from bot.errors import Conflict, Forbidden, Invalid, NotFound
from bot.events import announce, conversation_topic

# The newest messages that a client gets at once; older ones lie behind `earlier`.
HISTORY = 200
# How long one turn may hold a conversation before another worker may take it: longer than the
# engine's time-out, so that only a dead worker loses it.
TURN_LEASE = timedelta(seconds=15)
MAX_AGENT_TEXT = 8000


@dataclass(frozen=True)
class Turn:
    """One customer message that this worker now has to get an answer for."""

    conversation_id: str
    sequence: int
    text: str
    vote: bool | None
    state: dict[str, Any] | None
    owner_version: int
    lease: datetime
    earlier: tuple[str, ...]
    locale: str


@dataclass(frozen=True)
class Posted:
    message: Message
    repeated: bool
    turn: Turn | None


@dataclass(frozen=True)
class Reply:
    """What the bot says: one message to store."""

    text: str
    kind: str = "text"
    extra: dict[str, Any] | None = None


def get(session: Session, conversation_id: str, *, for_update: bool = False) -> Conversation:
    """Raises NotFound. `for_update` locks the row on PostgreSQL; on SQLite the transaction is the lock."""
    query = select(Conversation).where(Conversation.id == conversation_id)
    conversation = session.scalar(query.with_for_update() if for_update else query)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation


def get_for_customer(
    session: Session, conversation_id: str, customer_id: str, *, for_update: bool = False
) -> Conversation:
    """The one way for a customer's request to reach a conversation. Raises Forbidden, not NotFound, either way."""
    query = select(Conversation).where(Conversation.id == conversation_id, Conversation.customer_id == customer_id)
    conversation = session.scalar(query.with_for_update() if for_update else query)
    if conversation is None:
        raise Forbidden("That is not a conversation of yours.")
    return conversation


def current_of(session: Session, customer_id: str, page: str | None = None) -> Conversation:
    """The customer's newest conversation, or a new one."""
    conversation = _newest(session, customer_id)
    if conversation is None:
        conversation = Conversation(customer_id=customer_id, page=page)
        session.add(conversation)
        session.flush()
    elif page:
        conversation.page = page
    return conversation


def newest_id(session: Session, customer_id: str) -> str | None:
    conversation = _newest(session, customer_id)
    return conversation.id if conversation else None


def _newest(session: Session, customer_id: str) -> Conversation | None:
    return session.scalar(
        select(Conversation)
        .where(Conversation.customer_id == customer_id)
        .order_by(Conversation.updated_at.desc(), Conversation.id)
        .limit(1)
    )


def messages_after(session: Session, conversation_id: str, cursor: int, limit: int = HISTORY) -> list[Message]:
    """Messages after `cursor` in order; the newest `limit` where there are more."""
    newest = session.scalars(
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.sequence > cursor)
        .order_by(Message.sequence.desc())
        .limit(limit)
    ).all()
    return list(reversed(newest))


def post_customer_message(
    session: Session,
    conversation_id: str,
    customer_id: str,
    client_id: str,
    text: str,
    vote: dict[str, Any] | None = None,
) -> Posted:
    """Store what a customer says; `turn` is set when the caller now has to ask the bot.

    Raises Forbidden for somebody else's conversation and Invalid for text that cannot be shown.
    """
    conversation = get_for_customer(session, conversation_id, customer_id, for_update=True)
    known = _by_client_id(session, conversation_id, client_id)
    if known is not None:
        return Posted(known, True, None)
    helped = _vote(session, conversation, vote) if vote else None
    message = add_message(
        session,
        conversation,
        author="customer",
        text=cleaned(text),
        client_id=client_id,
        extra={"vote": vote} if vote else None,
    )
    if conversation.owner != BOT:
        return Posted(message, False, None)
    return Posted(message, False, _lease_for(session, conversation, message, helped))


def add_message(
    session: Session,
    conversation: Conversation,
    *,
    author: str,
    text: str,
    kind: str = "text",
    client_id: str | None = None,
    agent: tuple[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Message:
    """Give the message the next number. The conversation's row must be locked by the caller."""
    conversation.last_sequence += 1
    conversation.updated_at = now()
    message = Message(
        conversation_id=conversation.id,
        sequence=conversation.last_sequence,
        author=author,
        agent_id=agent[0] if agent else None,
        agent_name=agent[1] if agent else None,
        client_id=client_id,
        kind=kind,
        text=text,
        extra=extra,
        created_at=conversation.updated_at,
    )
    session.add(message)
    announce(session, conversation_topic(conversation.id))
    return message


def notice(session: Session, conversation: Conversation, code: str, text: str, **extra: Any) -> Message:
    return add_message(
        session, conversation, author="system", kind="notice", text=text, extra={"notice": code, **extra}
    )


def post_agent_message(
    session: Session, conversation_id: str, agent: tuple[str, str], text: str, client_id: str
) -> Message:
    """Raises Conflict when the chat is not (or no longer) this agent's; nothing is stored then."""
    conversation = get(session, conversation_id, for_update=True)
    known = _by_client_id(session, conversation_id, client_id)
    if known is not None:
        return known
    if conversation.owner != AGENT or conversation.agent_id != agent[0]:
        raise Conflict("This chat is not yours any more; your reply was not sent.")
    return add_message(
        session,
        conversation,
        author="agent",
        text=cleaned(text, MAX_AGENT_TEXT),
        client_id=client_id,
        agent=agent,
    )


def change_owner(
    session: Session,
    conversation: Conversation,
    owner: str,
    agent: tuple[str, str] | None = None,
) -> None:
    """The only place where ownership changes. The conversation's row must be locked by the caller."""
    if owner not in (BOT, QUEUE, AGENT) or (owner == AGENT) != (agent is not None):
        raise ValueError(f"no such owner: {owner} with agent {agent}")
    conversation.owner = owner
    conversation.owner_version += 1
    conversation.agent_id, conversation.agent_name = agent or (None, None)
    conversation.turn_due_at = None
    if owner == BOT:
        # A fresh start: nothing of before makes the bot hand off again, or answer old messages.
        conversation.dialogue_state = None
        conversation.answered_sequence = conversation.last_sequence
        conversation.bot_since_sequence = conversation.last_sequence
    announce(session, conversation_topic(conversation.id))


def finish_turn(
    session: Session, turn: Turn, replies: list[Reply], state: dict[str, Any] | None
) -> tuple[bool, Turn | None]:
    """Store the bot's replies, and lease the customer's next unanswered message if there is one.

    Returns whether the replies were kept: not when the conversation changed hands, or the lease was lost.
    """
    conversation = get(session, turn.conversation_id, for_update=True)
    if not holds(conversation, turn):
        return False, None
    for reply in replies:
        add_message(session, conversation, author="bot", kind=reply.kind, text=reply.text, extra=reply.extra)
    if state is not None:
        conversation.dialogue_state = state
    conversation.answered_sequence = turn.sequence
    conversation.turn_due_at = None
    return True, next_turn(session, conversation)


def holds(conversation: Conversation, turn: Turn) -> bool:
    """Whether `turn` is still the one that may answer."""
    return (
        conversation.owner == BOT
        and conversation.owner_version == turn.owner_version
        and conversation.turn_due_at == turn.lease
        and conversation.answered_sequence < turn.sequence
    )


def next_turn(session: Session, conversation: Conversation) -> Turn | None:
    """Lease the oldest customer message that the bot has not dealt with."""
    waiting = session.scalar(
        select(Message)
        .where(
            Message.conversation_id == conversation.id,
            Message.author == "customer",
            Message.sequence > conversation.answered_sequence,
        )
        .order_by(Message.sequence)
        .limit(1)
    )
    if waiting is None or conversation.owner != BOT:
        return None
    vote = (waiting.extra or {}).get("vote")
    return _lease(session, conversation, waiting, vote["helped"] if vote else None)


def overdue_turns(session: Session, limit: int = 50) -> list[Turn]:
    """Take over turns whose worker died: nobody's message waits in silence."""
    overdue = session.scalars(
        select(Conversation)
        .where(Conversation.turn_due_at < now())
        .order_by(Conversation.turn_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    turns = []
    for conversation in overdue:
        conversation.turn_due_at = None
        turn = next_turn(session, conversation)
        if turn:
            turns.append(turn)
    return turns


def expire_all_leases(session: Session) -> None:
    """At the start of the only web process: whoever held a turn is gone."""
    session.execute(
        update(Conversation)
        .where(Conversation.turn_due_at.is_not(None))
        .values(turn_due_at=now() - timedelta(seconds=1))
    )


def mark_read(session: Session, conversation_id: str, customer_id: str, sequence: int) -> None:
    conversation = get_for_customer(session, conversation_id, customer_id, for_update=True)
    conversation.read_sequence = max(conversation.read_sequence, min(sequence, conversation.last_sequence))


def opt_out(session: Session, conversation_id: str) -> None:
    """The customer wants nothing unasked any more."""
    conversation = get(session, conversation_id)
    customer = session.get(Customer, conversation.customer_id)
    if customer is not None:
        customer.opted_out_at = now()


def counts_by_owner(session: Session) -> dict[str, int]:
    rows = session.execute(select(Conversation.owner, func.count()).group_by(Conversation.owner)).all()
    return {owner: count for owner, count in rows}


def customer_of(session: Session, conversation: Conversation) -> Customer:
    customer = session.get(Customer, conversation.customer_id)
    assert customer is not None, "a conversation without its customer"
    return customer


def _lease_for(session: Session, conversation: Conversation, message: Message, helped: bool | None) -> Turn | None:
    """The turn for a message just stored, unless the worker of an earlier one will come to it."""
    if conversation.turn_due_at is not None and conversation.turn_due_at >= now():
        return None
    if conversation.answered_sequence < message.sequence - 1:
        return next_turn(session, conversation)
    return _lease(session, conversation, message, helped)


def _lease(session: Session, conversation: Conversation, message: Message, helped: bool | None) -> Turn:
    conversation.turn_due_at = now() + TURN_LEASE
    return Turn(
        conversation_id=conversation.id,
        sequence=message.sequence,
        text=message.text,
        vote=helped,
        state=conversation.dialogue_state,
        owner_version=conversation.owner_version,
        lease=conversation.turn_due_at,
        earlier=_said_before(session, conversation, message.sequence),
        locale=customer_of(session, conversation).locale,
    )


def _said_before(session: Session, conversation: Conversation, sequence: int, limit: int = 6) -> tuple[str, ...]:
    said = session.scalars(
        select(Message.text)
        .where(
            Message.conversation_id == conversation.id,
            Message.author == "customer",
            Message.sequence > conversation.bot_since_sequence,
            Message.sequence < sequence,
        )
        .order_by(Message.sequence.desc())
        .limit(limit)
    ).all()
    return tuple(reversed(said))


def _by_client_id(session: Session, conversation_id: str, client_id: str) -> Message | None:
    return session.scalar(
        select(Message).where(Message.conversation_id == conversation_id, Message.client_id == client_id)
    )


def _vote(session: Session, conversation: Conversation, vote: dict[str, Any]) -> bool:
    answer = session.get(Message, (conversation.id, vote["sequence"]))
    if answer is None or answer.author != "bot" or answer.kind != "answer":
        raise Invalid("There is no answer with that number to vote on.")
    article = (answer.extra or {}).get("article") or {}
    session.merge(
        Vote(
            conversation_id=conversation.id,
            sequence=answer.sequence,
            article_id=article.get("id"),
            helped=vote["helped"],
        )
    )
    return bool(vote["helped"])
