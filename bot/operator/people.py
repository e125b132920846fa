"""`/operator/people`: teams, and what each agent can take."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from bot.accounts import access
from bot.accounts.services import OPERATOR, Account
from bot.articles.catalogue import categories
from bot.desk import claims, presence, staffing
from bot.desk.rules import rules
from bot.errors import Invalid
from bot.pages import is_partial, page

MAX_BODY = 64 * 1024

router = APIRouter(
    prefix="/operator/people",
    dependencies=[Depends(access.same_site)],
    include_in_schema=False,
    max_body_size=MAX_BODY,
)

Operator = Annotated[Account, Depends(access.require(OPERATOR))]
TeamId = Annotated[int, Path(ge=1, lt=2**31)]
AgentId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Words = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class Person:
    """A line of the page: what an agent can take, what their state is to others, and how many chats they have."""

    member: staffing.Member
    state: str
    chats: int


@router.get("")
async def people(request: Request, account: Operator) -> Response:
    return await _page(request, account)


@router.post("/teams")
async def add_team(request: Request, account: Operator, name: Words = "") -> Response:
    await request.app.state.db.write(staffing.add_team, name, account)
    return await _done(request, account)


@router.post("/teams/{team_id}")
async def rename_team(request: Request, account: Operator, team_id: TeamId, name: Words = "") -> Response:
    await request.app.state.db.write(staffing.rename_team, team_id, name, account)
    return await _done(request, account)


@router.post("/teams/{team_id}/remove")
async def remove_team(request: Request, account: Operator, team_id: TeamId) -> Response:
    await request.app.state.db.write(staffing.remove_team, team_id, account)
    return await _done(request, account)


@router.post("/{agent_id}")
async def change_agent(
    request: Request,
    account: Operator,
    agent_id: AgentId,
    team: Words = "",
    skills: Words = "",
    languages: Words = "",
    capacity: Words = "",
) -> Response:
    """Lists are separated by commas; an empty `team` is none, an empty `capacity` the setting's."""
    await request.app.state.db.write(
        staffing.set_member,
        agent_id,
        account,
        team_id=_number(team, "There is no such team."),
        skills=skills.split(","),
        languages=languages.split(","),
        capacity=_number(capacity, f"An agent has 1 to {staffing.MAX_CAPACITY} chats at a time."),
    )
    return await _done(request, account)


def _number(text: str, problem: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid(problem)
    return int(text)


async def _done(request: Request, account: Account) -> Response:
    return await _page(request, account) if is_partial(request) else RedirectResponse("/operator/people", 303)


async def _page(request: Request, account: Account) -> Response:
    context = await request.app.state.db.read(_look)
    template = "operator/people_saved.html" if is_partial(request) else "operator/people.html"
    return page(request, template, {"account": account, **context})


def _look(session: Session) -> dict[str, Any]:
    members = staffing.members(session)
    most = {each.account.id: each.capacity or rules(session).capacity for each in members}
    held = claims.held(session, dict.fromkeys(most, 1000))
    return {
        "people": [
            Person(each, presence.state_of(session, each.account.id), held[each.account.id]) for each in members
        ],
        "teams": staffing.teams(session),
        "states": presence.STATES,
        "topics": categories(session),
        "usual": rules(session).capacity,
        "most": staffing.MAX_CAPACITY,
    }
