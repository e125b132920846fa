"""What the desk shows to one agent: the queue, a chat, and the pulse that tells when either has changed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from bot.conversations import services as conversations
from bot.desk import presence, services, transfers
from bot.desk.models import Handoff, Team
from bot.desk.services import QueueEntry
from bot.desk.transfers import Target
from bot.errors import NotFound

# What a chat is to the agent who looks at it.
WAITING = "waiting"
MINE = "mine"
THEIRS = "theirs"
CLOSED = "closed"


@dataclass(frozen=True)
class Line:
    """A chat in the list, with its newest message."""

    entry: QueueEntry
    newest: conversations.Message | None

    @property
    def pushed(self) -> bool:
        """Whether the desk or a colleague gave it to its agent, who has not looked yet."""
        return self.entry.handoff.pushed_at is not None

    @property
    def first_words(self) -> str:
        """The first thing said that says something: “hello” does not."""
        said = [line.strip("“”") for line in self.entry.handoff.summary.split("\n") if line.startswith("“")]
        return next((line for line in said if len(line.split()) > 2), said[0] if said else "(nothing written yet)")

    @property
    def needs_reply(self) -> bool:
        return self.newest is not None and self.newest.author == "customer"


@dataclass(frozen=True)
class Board:
    """`state` is what the agent said of themselves; `missed` went back to the queue while they were away."""

    waiting: Sequence[Line]
    mine: Sequence[Line]
    theirs: Sequence[Line]
    missed: Sequence[QueueEntry]
    waiting_count: int
    state: str
    fingerprint: str


@dataclass(frozen=True)
class Chat:
    """One chat that is or was with people."""

    entry: QueueEntry
    state: str
    can_reopen: bool
    messages: Sequence[conversations.Message]
    teams: Sequence[Target] = ()
    colleagues: Sequence[Target] = ()

    @property
    def latest(self) -> int:
        return self.messages[-1].sequence if self.messages else 0


@dataclass(frozen=True)
class Pulse:
    """Numbers that change whenever the desk would show something else; `follow` lists the chats to listen to."""

    waiting: int
    queue: str
    latest: int
    owner_version: int
    state: str
    follow: frozenset[str]

    def frame(self) -> dict[str, int | str]:
        return {
            "waiting": self.waiting,
            "queue": self.queue,
            "latest": self.latest,
            "owner_version": self.owner_version,
            "state": self.state,
        }


def board(session: Session, agent_id: str) -> Board:
    """Agents see their own chats, however many others wait."""
    waiting = services.queue(session, Handoff.claimed_at.is_(None))
    mine = services.queue(session, Handoff.agent_id == agent_id)
    theirs = services.queue(session, Handoff.agent_id != agent_id)
    newest = _newest_messages(session, [*waiting, *mine, *theirs])
    missed = services.queue(session, Handoff.lost_by == agent_id)
    waiting_count = _count_waiting(session) if len(waiting) == services.QUEUE_PAGE else len(waiting)
    state = presence.said_by(session, agent_id)
    return Board(
        waiting=[Line(entry, newest.get(entry.conversation.id)) for entry in waiting],
        mine=[Line(entry, newest.get(entry.conversation.id)) for entry in mine],
        theirs=[Line(entry, newest.get(entry.conversation.id)) for entry in theirs],
        missed=missed,
        waiting_count=waiting_count,
        state=state,
        fingerprint=_fingerprint([*waiting, *mine, *theirs, *missed], waiting_count, state),
    )


def chat(session: Session, conversation_id: str, agent_id: str, after: int = 0) -> Chat:
    """The chat, with its messages after number `after`. Raises NotFound unless a person was asked for in it."""
    conversation = conversations.get(session, conversation_id)
    handoff = services.newest_handoff(session, conversation_id)
    if handoff is None:
        raise NotFound("There is no such chat.")
    team = session.get(Team, handoff.team_id) if handoff.team_id is not None else None
    customer = conversations.customer_of(session, conversation)
    entry = QueueEntry(handoff, conversation, customer, team.name if team else None)
    state = _state(entry, agent_id)
    teams, colleagues = transfers.targets(session, agent_id) if state == MINE else ((), ())
    return Chat(
        entry=entry,
        state=state,
        can_reopen=state == CLOSED and services.can_reopen(handoff, agent_id),
        messages=services.transcript(session, conversation_id, after),
        teams=teams,
        colleagues=colleagues,
    )


def pulse(session: Session, agent_id: str, conversation_id: str) -> Pulse:
    """`conversation_id` is the chat that the agent looks at, or empty."""
    seen = board(session, agent_id)
    looked_at = session.get(conversations.Conversation, conversation_id) if conversation_id else None
    follow = {line.entry.conversation.id for line in seen.mine}
    if looked_at is not None:
        follow.add(looked_at.id)
    return Pulse(
        waiting=seen.waiting_count,
        queue=seen.fingerprint,
        latest=looked_at.last_sequence if looked_at else 0,
        owner_version=looked_at.owner_version if looked_at else 0,
        state=seen.state,
        follow=frozenset(follow),
    )


def _state(entry: QueueEntry, agent_id: str) -> str:
    if entry.handoff.ended_at is not None:
        return CLOSED
    if entry.handoff.agent_id is None:
        return WAITING
    return MINE if entry.handoff.agent_id == agent_id else THEIRS


def _newest_messages(session: Session, entries: Sequence[QueueEntry]) -> dict[str, conversations.Message]:
    wanted = [(entry.conversation.id, entry.conversation.last_sequence) for entry in entries]
    key = tuple_(conversations.Message.conversation_id, conversations.Message.sequence)
    messages = session.scalars(select(conversations.Message).where(key.in_(wanted))).all() if wanted else []
    return {message.conversation_id: message for message in messages}


def _count_waiting(session: Session) -> int:
    return session.scalar(
        select(func.count()).select_from(Handoff).where(Handoff.ended_at.is_(None), Handoff.claimed_at.is_(None))
    )


def _fingerprint(entries: Sequence[QueueEntry], waiting_count: int, state: str) -> str:
    shown = [
        (
            entry.handoff.id,
            entry.handoff.agent_id,
            entry.handoff.pushed_at,
            entry.handoff.lost_by,
            entry.handoff.team_id,
            entry.conversation.last_sequence,
            entry.customer.name,
        )
        for entry in entries
    ]
    return hashlib.blake2b(repr((waiting_count, state, shown)).encode(), digest_size=8).hexdigest()
