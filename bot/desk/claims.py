"""Who gets a waiting chat: claimed by hand, or the next one that an agent may take. Each chat goes to one agent.

Core statements built once, because agents ask all at once when a backlog opens up (`shared_claims.py` lets them share a
transaction). Locks are taken in one order everywhere in this room: accounts, then hand-offs, then conversations.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    not_,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from bot.accounts import services as accounts
from bot.conversations import services as conversations
from bot.conversations.ownership import Given, give
from bot.db import UtcDateTime, now
from bot.desk.models import Agent, Handoff
from bot.desk.rules import rules
from bot.errors import Conflict, NotFound
from bot.events import QUEUE, announce

# Agents counted by one statement: databases limit how many parts it has.
COUNTED = 50
NOBODY = "Nobody is waiting just now."
FOR_OTHERS = (
    "Who is waiting needs another team, skill or language, for a few minutes yet. "
    "You can still claim a chat in the list yourself."
)

_H, _A, _C = Handoff.__table__, Agent.__table__, conversations.Conversation.__table__
_WAITS = and_(_H.c.ended_at.is_(None), _H.c.claimed_at.is_(None))
_FOR_THEM = and_(
    or_(_H.c.team_id.is_(None), _H.c.team_id == bindparam("team")),
    # Who names no skills takes any topic.
    or_(_H.c.skill.is_(None), bindparam("any_skill") == 1, _H.c.skill.in_(bindparam("skills", expanding=True))),
    or_(_H.c.language.is_(None), _H.c.language.in_(bindparam("languages", expanding=True))),
)
_MAY = or_(_H.c.queued_at <= bindparam("widened", type_=UtcDateTime), _FOR_THEM)
_FOR_OTHERS = select(_H.c.id).where(_WAITS, not_(_MAY)).limit(1)
_NEXT = (
    select(_H.c.id, _H.c.conversation_id).where(_WAITS, _MAY).order_by(_H.c.due_at, _H.c.id).limit(bindparam("most"))
)
_NEXT_FREE = _NEXT.with_for_update(skip_locked=True)
# Somebody holds what is left, for a moment: waiting for it tells whether it still waits.
_NEXT_HELD = _NEXT.with_for_update()
_WAITING = select(_H.c.id).where(_H.c.conversation_id == bindparam("id_"), _WAITS).with_for_update()
_WHOSE = select(_C.c.owner, _C.c.agent_id, _C.c.agent_name).where(_C.c.id == bindparam("id_")).with_for_update()
_PROFILES = select(_A).where(_A.c.account_id.in_(bindparam("ids", expanding=True)))


_TAKEN = (
    update(_H)
    .where(_H.c.id == bindparam("handoff"))
    .values(
        claimed_at=bindparam("at", type_=UtcDateTime),
        agent_id=bindparam("agent"),
        pushed_at=bindparam("pushed", type_=UtcDateTime),
        # Who lost it to a colleague is still to be told.
        lost_by=case((_H.c.lost_by != bindparam("agent"), _H.c.lost_by)),
    )
)
_OPENED = (
    update(_H)
    .where(
        _H.c.conversation_id == bindparam("chat"),
        _H.c.agent_id == bindparam("agent"),
        _H.c.ended_at.is_(None),
        _H.c.pushed_at.is_not(None),
    )
    .values(pushed_at=None)
)


@dataclass(frozen=True)
class Ask:
    """An agent (id and name) who asks for the next chat; `capacity` where they have none of their own (None: any)."""

    agent: tuple[str, str]
    capacity: int | None = None


@dataclass(frozen=True)
class Claimed:
    """`id` is the conversation's."""

    id: str


@dataclass(frozen=True)
class Profile:
    """What an agent may take."""

    team_id: int | None = None
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    capacity: int | None = None


def claim(session: Session, conversation_id: str, agent: tuple[str, str], capacity: int | None = None) -> Claimed:
    """Make the waiting chat this agent's, whomever it is for.

    Raises Conflict when somebody else was first, when it waits no more, or when the agent has `capacity` chats.
    """
    connection = session.connection()
    left = _room(session, [Ask(agent, capacity)])[agent[0]]
    waiting = connection.execute(_WAITING, {"id_": conversation_id}).scalar()
    whose = connection.execute(_WHOSE, {"id_": conversation_id}).one_or_none()
    if whose is None:
        raise NotFound("There is no such conversation.")
    if whose.owner == conversations.AGENT:
        if whose.agent_id == agent[0]:
            return Claimed(conversation_id)
        raise Conflict(f"{whose.agent_name} has claimed this chat already.")
    if whose.owner != conversations.QUEUE or waiting is None:
        raise Conflict("This chat is not waiting for a person any more.")
    if left.none:
        raise left.full()
    _hand_out(session, [(Ask(agent), waiting, conversation_id)])
    return Claimed(conversation_id)


def claim_next(session: Session, agent: tuple[str, str], capacity: int | None = None) -> Claimed:
    """Make the waiting chat that is due first, of those that this agent may take, this agent's.

    Raises Conflict when nobody waits, or when the agent has `capacity` chats.
    """
    (outcome,) = take(session, [Ask(agent, capacity)])
    if isinstance(outcome, Conflict):
        raise outcome
    return outcome


def take(session: Session, asks: Sequence[Ask], *, pushed: bool = False) -> "list[Claimed | Conflict]":
    """What each of `asks` gets: of those who may take the same, who asks first gets what is due first.

    `pushed` says that the desk asks for them, and they have to look yet.
    """
    room = _room(session, asks)
    outcomes: list[Claimed | Conflict] = [Conflict(NOBODY)] * len(asks)
    alike: defaultdict[Profile, list[int]] = defaultdict(list)
    for place, ask in enumerate(asks):
        left = room[ask.agent[0]]
        if left.none:
            outcomes[place] = left.full()
        else:
            left.take()
            alike[replace(left.profile, capacity=None)].append(place)
    for profile, places in alike.items():
        found = _next(session, profile, len(places))
        taken = [(asks[place], *chat) for place, chat in zip(places, found, strict=False)]
        for place, (_, chat) in zip(places, found, strict=False):
            outcomes[place] = Claimed(chat)
        if len(found) < len(places) and _waits_for_others(session, profile):
            for place in places[len(found) :]:
                outcomes[place] = Conflict(FOR_OTHERS)
        if taken:
            # Before the next group looks: on SQLite no lock keeps it from finding the same.
            _hand_out(session, taken, pushed)
    return outcomes


def opened(session: Session, conversation_id: str, agent_id: str) -> None:
    """The agent has looked at a chat that the desk gave them."""
    if session.connection().execute(_OPENED, {"chat": conversation_id, "agent": agent_id}).rowcount:
        announce(session, QUEUE)


class _Room:
    """How many chats an agent may still take."""

    def __init__(self, profile: Profile, held: int, capacity: int | None) -> None:
        self.profile = profile
        self._held = held
        self._capacity = capacity

    @property
    def none(self) -> bool:
        return self._capacity is not None and self._held >= self._capacity

    def take(self) -> None:
        self._held += 1

    def full(self) -> Conflict:
        have = "1 chat" if self._held == 1 else f"{self._held} chats"
        return Conflict(
            f"You have {have}, and {self._capacity} at a time are allowed. Resolve one or pass it on first."
        )


def _room(session: Session, asks: Sequence[Ask]) -> dict[str, _Room]:
    """Counted and claimed under one lock, or two tabs of one agent could both find room for the last one."""
    # What this transaction has changed through the ORM must be seen by what follows.
    session.flush()
    asked = {ask.agent[0]: ask.capacity for ask in asks}
    accounts.hold(session, *asked)
    known = profiles(session, list(asked))
    limits = {agent: known.get(agent, Profile()).capacity or capacity for agent, capacity in asked.items()}
    counted = held(session, {agent: limit for agent, limit in limits.items() if limit is not None})
    return {agent: _Room(known.get(agent, Profile()), counted.get(agent, 0), limits[agent]) for agent in asked}


def profiles(session: Session, account_ids: Sequence[str]) -> dict[str, Profile]:
    rows = session.connection().execute(_PROFILES, {"ids": list(account_ids)}).all()
    return {row.account_id: Profile(row.team_id, tuple(row.skills), tuple(row.languages), row.capacity) for row in rows}


def held(session: Session, most: Mapping[str, int]) -> dict[str, int]:
    """How many chats each of these agents has, counted up to as many as `most` says."""
    counted: dict[str, int] = {}
    left = iter(most.items())
    while some := list(islice(left, COUNTED)):
        values: dict[str, Any] = {}
        for number, (agent, limit) in enumerate(some):
            values |= {f"agent{number}": agent, f"most{number}": limit}
        counted |= {row.agent: row.held for row in session.connection().execute(_counts(len(some)), values)}
    return counted


@cache
def _counts(agents: int) -> CompoundSelect[Any]:
    """One statement for so many agents, each counted only as far as it matters."""
    return union_all(*(_count(bindparam(f"agent{number}", type_=String), f"most{number}") for number in range(agents)))


def _count(agent: BindParameter[str], most: str) -> Select[Any]:
    some = select(_H.c.id).where(_H.c.agent_id == agent, _H.c.ended_at.is_(None)).limit(bindparam(most)).subquery()
    return select(agent.label("agent"), select(func.count()).select_from(some).scalar_subquery().label("held"))


def _next(session: Session, profile: Profile, most: int) -> list[tuple[int, str]]:
    """The first `most` hand-offs, with their conversations, that are due for somebody like this; locked."""
    values = _values(session, profile) | {"most": most}
    connection = session.connection()
    found = connection.execute(_NEXT_FREE, values).all()
    # Only with nothing in hand: two who hold some and wait for the other's would wait for ever.
    if not found and connection.dialect.name != "sqlite":
        found = connection.execute(_NEXT_HELD, values).all()
    return [(handoff, chat) for handoff, chat in found]


def _waits_for_others(session: Session, profile: Profile) -> bool:
    return session.connection().execute(_FOR_OTHERS, _values(session, profile)).first() is not None


def _values(session: Session, profile: Profile) -> dict[str, Any]:
    return {
        "widened": now() - rules(session).widen_after,
        # No team has this number, and unlike null it compares.
        "team": profile.team_id or -1,
        "any_skill": int(not profile.skills),
        "skills": profile.skills,
        "languages": profile.languages,
    }


def _hand_out(session: Session, taken: Sequence[tuple[Ask, int, str]], pushed: bool = False) -> None:
    at = now()
    marks = [
        {"handoff": handoff, "agent": ask.agent[0], "at": at, "pushed": at if pushed else None}
        for ask, handoff, _ in taken
    ]
    session.connection().execute(_TAKEN, marks)
    give(session, [Given(chat, ask.agent) for ask, _, chat in taken], at)
    announce(session, QUEUE)
