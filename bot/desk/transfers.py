"""Passing a chat on: to a team, or to a colleague who is there. Each function runs inside the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.accounts import services as accounts
from bot.conversations import services as conversations
from bot.db import now
from bot.desk import claims, presence, services
from bot.desk.models import Team
from bot.desk.staffing import teams
from bot.errors import Conflict, Invalid, NotFound
from bot.events import QUEUE, announce

TO_TEAM = "team:"
TO_AGENT = "agent:"


@dataclass(frozen=True)
class Target:
    """`value` is what `transfer` takes."""

    value: str
    name: str


def targets(session: Session, agent_id: str, at: datetime | None = None) -> tuple[list[Target], list[Target]]:
    """The teams, and the colleagues who are there and have room."""
    others = {each.account_id: each.capacity for each in presence.on_duty(session, at) if each.account_id != agent_id}
    held = claims.held(session, others)
    names = accounts.names(session, {each for each, capacity in others.items() if held[each] < capacity})
    people = sorted(names.items(), key=lambda each: each[1].casefold())
    return (
        [Target(f"{TO_TEAM}{team.id}", team.name) for team in teams(session)],
        [Target(f"{TO_AGENT}{account_id}", name) for account_id, name in people],
    )


def transfer(
    session: Session, conversation_id: str, agent: tuple[str, str], to: str, at: datetime | None = None
) -> None:
    """`to` is a target's value. Whatever it raises, nothing has changed.

    Raises Invalid for nobody, NotFound for who does not exist, and Conflict when the chat is not this agent's, or the
    colleague is not there or has no room.
    """
    at = at or now()
    kind, _, whom = to.partition(":")
    if f"{kind}:" == TO_TEAM and whom.isascii() and whom.isdigit() and len(whom) < 10:
        _to_team(session, conversation_id, agent, int(whom), at)
    elif f"{kind}:" == TO_AGENT and whom:
        _to_agent(session, conversation_id, agent, whom[:32], at)
    else:
        raise Invalid("Choose a team or a colleague to pass the chat on to. It is still yours.", code="no_target")


def _to_team(session: Session, conversation_id: str, agent: tuple[str, str], team_id: int, at: datetime) -> None:
    team = session.get(Team, team_id)
    if team is None:
        raise NotFound("There is no such team (any more). The chat is still yours.")
    conversation, handoff = services.mine(session, conversation_id, agent)
    handoff.team_id = team.id
    handoff.queued_at = at
    # The team may take it whatever it was about.
    handoff.skill = None
    services.back_to_queue(session, conversation, handoff)
    conversations.notice(
        session,
        conversation,
        "transferred",
        f"{agent[1]} has passed the chat on to {team.name}. They can read all of it.",
        name=team.name,
    )


def _to_agent(session: Session, conversation_id: str, agent: tuple[str, str], account_id: str, at: datetime) -> None:
    if account_id == agent[0]:
        raise Conflict("This chat is yours already.")
    name = accounts.names(session, {account_id}).get(account_id)
    if name is None:
        raise NotFound("There is no such colleague. The chat is still yours.")
    # As in a claim: counted and given under one lock.
    accounts.hold(session, account_id)
    room = {each.account_id: each.capacity for each in presence.on_duty(session, at)}.get(account_id)
    if room is None:
        raise Conflict(f"{name} is not available just now. The chat is still yours.")
    if claims.held(session, {account_id: room})[account_id] >= room:
        raise Conflict(f"{name} has no room for another chat. The chat is still yours.")
    conversation, handoff = services.mine(session, conversation_id, agent)
    handoff.agent_id = account_id
    handoff.claimed_at = handoff.pushed_at = at
    if handoff.lost_by == account_id:
        handoff.lost_by = None
    conversations.change_owner(session, conversation, conversations.AGENT, (account_id, name))
    conversations.notice(
        session,
        conversation,
        "transferred",
        f"{agent[1]} has passed the chat on to {name}, who can read all of it.",
        name=name,
    )
    announce(session, QUEUE)
