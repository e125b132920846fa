"""What happens on every message: storing it, leasing the bot's turn, storing the reply.

Core statements built once, not the ORM: its unit of work took more than half of the web service's time
a message (`scripts/bench turn`). Each function runs inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.conversations.masking import masked
from bot.conversations.models import BOT, Conversation, Customer, Message, Vote
from bot.conversations.records import Posted, Reply, Stored, Turn, Uttered, trouble_of
from bot.conversations.text import cleaned
from bot.db import now
from bot.errors import Forbidden, Invalid
from bot.events import announce_stored, conversation_topic

# How long one turn may hold a conversation before another worker may take it: longer than the
# engine's time-out, so that only a dead worker loses it.
TURN_LEASE = timedelta(seconds=15)
# The newest messages that a client gets at once; older ones lie behind `earlier`.
HISTORY = 200
# Told once for each message in which something was masked; the widget has it in its languages.
MASKED_NOTICE = (
    "We have hidden private data (such as a card number or a password) in your message, and did not keep it. "
    "Nobody here needs it: please never share it in a chat."
)
# What both sides said before, as far back as the mood of a conversation is read (bot/escalation/mood.py).
SAID_BEFORE = 12

_SHOWN = tuple(each.name for each in fields(Stored))
_C, _M, _U = Conversation.__table__, Message.__table__, Customer.__table__
_ID = bindparam("id_")
_LOOK = select(_C, _U.c.locale, _U.c.plan).join(_U, _U.c.id == _C.c.customer_id).where(_C.c.id == _ID)
_LOOK_AS_CUSTOMER = _LOOK.where(_C.c.customer_id == bindparam("customer_id_"))
# On SQLite the transaction itself is the lock.
_LOCK = _LOOK.with_for_update(of=_C)
_LOCK_AS_CUSTOMER = _LOOK_AS_CUSTOMER.with_for_update(of=_C)
_KNOWN = select(_M).where(_M.c.conversation_id == _ID, _M.c.client_id == bindparam("client_id_"))
_AFTER = (
    select(_M)
    .where(_M.c.conversation_id == _ID, _M.c.sequence > bindparam("cursor"))
    .order_by(_M.c.sequence.desc())
    .limit(bindparam("limit"))
)
_WAITING = (
    select(_M)
    .where(_M.c.conversation_id == _ID, _M.c.author == "customer", _M.c.sequence > bindparam("answered"))
    .order_by(_M.c.sequence)
    .limit(1)
)
_SAID = (
    select(_M.c.author, _M.c.text, _M.c.created_at, _M.c.kind)
    .where(
        _M.c.conversation_id == _ID,
        _M.c.author.in_(("customer", "bot")),
        _M.c.sequence > bindparam("since"),
        _M.c.sequence < bindparam("before"),
    )
    .order_by(_M.c.sequence.desc())
    .limit(SAID_BEFORE)
)
_INSERT = insert(_M)
# A client id that is there already is the same message, sent again: nothing is inserted then.
_INSERT_NEW = {
    dialect.name: dialect_insert(_M)
    .on_conflict_do_nothing(index_elements=[_M.c.conversation_id, _M.c.client_id])
    .execution_options(preserve_rowcount=True)
    for dialect, dialect_insert in ((sqlite.dialect, sqlite.insert), (postgresql.dialect, postgresql.insert))
}
_NUMBERED = (
    update(_C)
    .where(_C.c.id == _ID)
    .values(last_sequence=bindparam("last"), updated_at=bindparam("at"), turn_due_at=bindparam("due"))
)
_ANSWERED = _NUMBERED.values(answered_sequence=bindparam("answered"), dialogue_state=bindparam("state"))
_LEASED = update(_C).where(_C.c.id == _ID).values(turn_due_at=bindparam("due"))
_ANY_OVERDUE = select(_C.c.id).where(_C.c.turn_due_at < bindparam("at")).limit(1)
_OVERDUE = (
    select(_C, _U.c.locale, _U.c.plan)
    .join(_U, _U.c.id == _C.c.customer_id)
    .where(_C.c.turn_due_at < bindparam("at"))
    .order_by(_C.c.turn_due_at)
    .limit(bindparam("limit"))
    .with_for_update(of=_C, skip_locked=True)
)


def post_customer_message(
    session: Session,
    conversation_id: str,
    customer_id: str,
    client_id: str,
    text: str,
    vote: dict[str, Any] | None = None,
) -> Posted:
    """Store what a customer says; `turn` is set when the caller now has to ask the bot.

    Personal data in `text` (bot/conversations/masking.py) is masked here, the one way in, and the customer told.
    Raises Forbidden for somebody else's conversation and Invalid for text that cannot be shown.
    """
    connection = session.connection()
    conversation = _as_customer(session, _LOCK_AS_CUSTOMER, conversation_id, customer_id)
    at, sequence = now(), conversation.last_sequence + 1
    extra = {"vote": vote} if vote else None
    safe = masked(cleaned(text))
    rows = [_row(conversation_id, sequence, "customer", at, text=safe.text, client_id=client_id, extra=extra)]
    if safe.found:
        told = {"kind": "notice", "text": MASKED_NOTICE, "extra": {"notice": "personal_data_masked"}}
        rows.append(_row(conversation_id, sequence + 1, "system", at, **told))
    if not connection.execute(_INSERT_NEW[connection.dialect.name], rows[0]).rowcount:
        known = connection.execute(_KNOWN, {"id_": conversation_id, "client_id_": client_id}).one()
        return Posted(known, True, None)
    if rows[1:]:
        connection.execute(_INSERT, rows[1:])
    if vote:
        _record_vote(session, conversation_id, vote)
    stored = [_stored(row) for row in rows]
    turn, due = None, conversation.turn_due_at
    if conversation.owner == BOT and (due is None or due < at):
        # Without a lease nothing earlier waits; behind one that ran out something may.
        waiting = stored[0] if due is None else _waiting(session, conversation_id, conversation.answered_sequence)
        due = at + TURN_LEASE
        turn = _turn(session, conversation, waiting, due, conversation.dialogue_state)
    connection.execute(_NUMBERED, {"id_": conversation_id, "last": stored[-1].sequence, "at": at, "due": due})
    announce_stored(session, conversation_topic(conversation_id), stored)
    return Posted(stored[0], False, turn)


def finish_turn(
    session: Session, turn: Turn, replies: Sequence[Reply], state: dict[str, Any] | None
) -> tuple[bool, Turn | None]:
    """Store the bot's replies, and lease the customer's next unanswered message if there is one.

    Returns whether the replies were kept: not when the conversation changed hands, or the lease was lost.
    """
    connection = session.connection()
    conversation = connection.execute(_LOCK, {"id_": turn.conversation_id}).one_or_none()
    if conversation is None or not holds(conversation, turn):
        return False, None
    at, last = now(), conversation.last_sequence
    rows = [
        _row(turn.conversation_id, last + place, "bot", at, text=reply.text, kind=reply.kind, extra=reply.extra)
        for place, reply in enumerate(replies, start=1)
    ]
    if rows:
        connection.execute(_INSERT, rows)
    state = conversation.dialogue_state if state is None else state
    due = at + TURN_LEASE
    # Nothing was said since the message that this answers: nothing waits.
    waiting = _waiting(session, turn.conversation_id, turn.sequence) if last > turn.sequence else None
    following = _turn(session, conversation, waiting, due, state)
    values = {"last": last + len(rows), "at": at, "due": due if following else None, "state": state}
    connection.execute(_ANSWERED, {"id_": turn.conversation_id, "answered": turn.sequence, **values})
    announce_stored(session, conversation_topic(turn.conversation_id), [_stored(row) for row in rows])
    return True, following


def holds(conversation: Any, turn: Turn) -> bool:
    """Whether `turn` is still the one that may answer."""
    return (
        conversation.owner == BOT
        and conversation.owner_version == turn.owner_version
        and conversation.turn_due_at == turn.lease
        and conversation.answered_sequence < turn.sequence
    )


def any_overdue(session: Session) -> bool:
    """Whether a lease ran out, which is seldom: a look holds nobody up who writes."""
    return session.connection().execute(_ANY_OVERDUE, {"at": now()}).first() is not None


def overdue_turns(session: Session, limit: int = 50) -> list[Turn]:
    """Take over turns whose worker died: nobody's message waits in silence."""
    connection, at = session.connection(), now()
    turns = []
    for conversation in connection.execute(_OVERDUE, {"at": at, "limit": limit}).all():
        due = at + TURN_LEASE
        turn = None
        if conversation.owner == BOT:
            waiting = _waiting(session, conversation.id, conversation.answered_sequence)
            turn = _turn(session, conversation, waiting, due, conversation.dialogue_state)
        connection.execute(_LEASED, {"id_": conversation.id, "due": due if turn else None})
        if turn:
            turns.append(turn)
    return turns


def expire_all_leases(session: Session) -> None:
    """At the start of the only web process: whoever held a turn is gone."""
    expired = now() - timedelta(seconds=1)
    session.execute(update(_C).where(_C.c.turn_due_at.is_not(None)).values(turn_due_at=expired))


def look(
    session: Session, conversation_id: str, customer_id: str, cursor: int, limit: int = HISTORY
) -> tuple[Row[Any], list[Row[Any]]]:
    """The conversation, and its messages after `cursor` in order: the newest `limit` where there are more.

    Raises Forbidden when it is not (or no longer) this customer's.
    """
    connection = session.connection()
    conversation = _as_customer(session, _LOOK_AS_CUSTOMER, conversation_id, customer_id)
    if conversation.last_sequence <= cursor:
        return conversation, []
    newest = connection.execute(_AFTER, {"id_": conversation_id, "cursor": cursor, "limit": limit}).all()
    return conversation, list(reversed(newest))


def _as_customer(session: Session, statement: Select[Any], conversation_id: str, customer_id: str) -> Row[Any]:
    values = {"id_": conversation_id, "customer_id_": customer_id}
    conversation = session.connection().execute(statement, values).one_or_none()
    if conversation is None:
        raise Forbidden("That is not a conversation of yours.")
    return conversation


def _waiting(session: Session, conversation_id: str, answered: int) -> Row[Any] | None:
    """The oldest customer message after `answered`."""
    return session.connection().execute(_WAITING, {"id_": conversation_id, "answered": answered}).one_or_none()


def _turn(
    session: Session,
    conversation: Row[Any],
    waiting: Stored | Row[Any] | None,
    due: datetime,
    state: dict[str, Any] | None,
) -> Turn | None:
    if waiting is None:
        return None
    since = {"id_": conversation.id, "since": conversation.bot_since_sequence, "before": waiting.sequence}
    first = waiting.sequence == conversation.bot_since_sequence + 1
    said = [] if first else session.connection().execute(_SAID, since).all()
    vote = (waiting.extra or {}).get("vote")
    return Turn(
        conversation_id=conversation.id,
        sequence=waiting.sequence,
        text=waiting.text,
        vote=vote["helped"] if vote else None,
        state=state,
        owner_version=conversation.owner_version,
        lease=due,
        before=tuple(
            Uttered(each.author == "customer", each.text, each.created_at, each.kind == "answer")
            for each in reversed(said)
        ),
        locale=conversation.locale,
        at=waiting.created_at,
        plan=conversation.plan,
        trouble=trouble_of(conversation),
    )


def _row(conversation_id: str, sequence: int, author: str, at: datetime, **values: Any) -> dict[str, Any]:
    empty = {"agent_id": None, "agent_name": None, "client_id": None, "kind": "text", "extra": None}
    return {
        "conversation_id": conversation_id,
        "sequence": sequence,
        "author": author,
        "created_at": at,
        **empty,
        **values,
    }


def _stored(row: dict[str, Any]) -> Stored:
    return Stored(**{name: row[name] for name in _SHOWN})


def _record_vote(session: Session, conversation_id: str, vote: dict[str, Any]) -> None:
    answer = session.get(Message, (conversation_id, vote["sequence"]))
    if answer is None or answer.author != "bot" or answer.kind != "answer":
        raise Invalid("There is no answer with that number to vote on.")
    article = (answer.extra or {}).get("article") or {}
    session.merge(
        Vote(
            conversation_id=conversation_id,
            sequence=answer.sequence,
            article_id=article.get("id"),
            helped=vote["helped"],
        )
    )
