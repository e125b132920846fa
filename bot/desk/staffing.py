"""Teams, and what each agent can take. Each function runs inside the caller's transaction."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.accounts import services as accounts
from bot.accounts.services import Account
from bot.db import now
from bot.desk.models import Agent, Handoff, Team
from bot.errors import Conflict, Invalid, NotFound
from bot.events import QUEUE, announce

MAX_TEAM = 100
MAX_SKILL = 50
MAX_SKILLS = 30
MAX_CAPACITY = 100
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True)
class Member:
    """An account that may work at the desk, and what it can take."""

    account: Account
    team: Team | None
    skills: Sequence[str]
    languages: Sequence[str]
    capacity: int | None


def teams(session: Session) -> list[Team]:
    return list(session.scalars(select(Team).order_by(func.lower(Team.name), Team.id)))


def add_team(session: Session, name: str, by: Account) -> Team:
    """Raises Invalid, and Conflict when there is one of that name."""
    team = Team(name=_free_name(session, name))
    session.add(team)
    session.flush()
    accounts.record(session, by, "team_added", team=team.name)
    return team


def rename_team(session: Session, team_id: int, name: str, by: Account) -> Team:
    """Raises Invalid, NotFound, and Conflict when another one has that name."""
    team = _team(session, team_id)
    before, team.name = team.name, _free_name(session, name, but=team_id)
    accounts.record(session, by, "team_renamed", team=team.name, before=before)
    announce(session, QUEUE)
    return team


def remove_team(session: Session, team_id: int, by: Account) -> None:
    """Raises Conflict while somebody is in it, or a chat waits for it."""
    team = _team(session, team_id)
    if session.scalar(select(Agent.account_id).where(Agent.team_id == team_id).limit(1)):
        raise Conflict(f"“{team.name}” still has members. Move them to another team first.")
    if session.scalar(select(Handoff.id).where(Handoff.team_id == team_id, Handoff.ended_at.is_(None)).limit(1)):
        raise Conflict(f"A chat is with “{team.name}”. It can be removed when that is resolved.")
    # What is over keeps no team that is gone.
    for handoff in session.scalars(select(Handoff).where(Handoff.team_id == team_id)):
        handoff.team_id = None
    session.delete(team)
    accounts.record(session, by, "team_removed", team=team.name)


def members(session: Session) -> list[Member]:
    """Everybody who may work at the desk, by name."""
    named = {team.id: team for team in teams(session)}
    known = {agent.account_id: agent for agent in session.scalars(select(Agent))}
    return [_member(account, known.get(account.id), named) for account in accounts.staff(session)]


def set_member(
    session: Session,
    account_id: str,
    by: Account,
    *,
    team_id: int | None,
    skills: Iterable[str],
    languages: Iterable[str],
    capacity: int | None,
) -> None:
    """What an agent can take from now on; chats that they have already stay theirs. Raises Invalid and NotFound."""
    account = next((each for each in accounts.staff(session) if each.id == account_id), None)
    if account is None:
        raise NotFound("There is no such agent.")
    team = _team(session, team_id) if team_id is not None else None
    if capacity is not None and not 1 <= capacity <= MAX_CAPACITY:
        raise Invalid(f"An agent has 1 to {MAX_CAPACITY} chats at a time.")
    agent = agent_row(session, account_id)
    agent.team_id = team_id
    agent.skills = _skills(skills)
    agent.languages = _languages(languages)
    agent.capacity = capacity
    accounts.record(
        session,
        by,
        "agent_changed",
        agent=account.email,
        team=team.name if team else None,
        skills=agent.skills,
        languages=agent.languages,
        capacity=capacity,
    )
    announce(session, QUEUE)


def agent_row(session: Session, account_id: str, at: datetime | None = None) -> Agent:
    """The desk's row of an account, locked; made when there is none yet."""
    accounts.hold(session, account_id)
    agent = session.get(Agent, account_id, with_for_update=True, populate_existing=True)
    if agent is None:
        agent = Agent(account_id=account_id, skills=[], languages=[], state="gone", state_since=at or now())
        session.add(agent)
        session.flush()
    return agent


def offered(session: Session) -> tuple[frozenset[str], frozenset[str]]:
    """The skills and the languages that some agent names."""
    rows = session.execute(select(Agent.skills, Agent.languages)).all()
    skills = frozenset(skill for row in rows for skill in row.skills)
    return skills, frozenset(language for row in rows for language in row.languages)


def _member(account: Account, agent: Agent | None, named: dict[int, Team]) -> Member:
    if agent is None:
        return Member(account, None, (), (), None)
    team = named.get(agent.team_id) if agent.team_id is not None else None
    return Member(account, team, agent.skills, agent.languages, agent.capacity)


def _team(session: Session, team_id: int) -> Team:
    team = session.get(Team, team_id)
    if team is None:
        raise NotFound("There is no such team.")
    return team


def _free_name(session: Session, name: str, but: int | None = None) -> str:
    name = " ".join("".join(c for c in name if c.isprintable()).split())
    if not 1 <= len(name) <= MAX_TEAM:
        raise Invalid(f"A team's name has 1 to {MAX_TEAM} characters.")
    other = session.scalar(select(Team).where(func.lower(Team.name) == name.lower()))
    if other is not None and other.id != but:
        raise Conflict(f"There is a team “{other.name}” already.")
    return name


def _skills(given: Iterable[str]) -> list[str]:
    skills = sorted({skill for each in given if (skill := " ".join(each.split()))})
    if len(skills) > MAX_SKILLS or any(len(skill) > MAX_SKILL or not skill.isprintable() for skill in skills):
        raise Invalid(f"At most {MAX_SKILLS} skills, of at most {MAX_SKILL} characters each.")
    return skills


def _languages(given: Iterable[str]) -> list[str]:
    languages = sorted({language for each in given if (language := each.strip().lower())})
    if len(languages) > MAX_SKILLS or not all(_LANGUAGE.fullmatch(language) for language in languages):
        raise Invalid("A language is two letters (ISO 639-1), such as en, de or fr.")
    return languages
