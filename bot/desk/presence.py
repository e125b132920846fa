"""Which agents are on duty."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.models import Agent

DEFAULT_CAPACITY = 8


@dataclass(frozen=True)
class OnDuty:
    account_id: str
    capacity: int


def on_duty(session: Session) -> Sequence[OnDuty]:
    """The agents who take chats now."""
    agents = session.scalars(select(Agent).where(Agent.state == "available")).all()
    return [OnDuty(agent.account_id, agent.capacity or DEFAULT_CAPACITY) for agent in agents]
