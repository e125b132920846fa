"""What an installation has settled about its queue: `bot/settings.py` as the desk's functions use it."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from bot.settings import Settings

PULL = "pull"
PUSH = "push"
_KEY = "desk_rules"


@dataclass(frozen=True)
class Rules:
    """`grace` is how long after leaving for each state an agent keeps the chats whose customers wait."""

    capacity: int = 8
    article_language: str = "en"
    # In lower case.
    priority_plans: frozenset[str] = frozenset()
    urgent_topics: frozenset[str] = frozenset()
    widen_after: timedelta = timedelta(seconds=180)
    grace: tuple[tuple[str, timedelta], ...] = (
        ("gone", timedelta(seconds=120)),
        ("away", timedelta(seconds=600)),
        ("lunch", timedelta(seconds=0)),
    )
    assignment: str = PULL
    push_timeout: timedelta = timedelta(seconds=60)

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        return cls(
            capacity=settings.agent_capacity,
            article_language=settings.article_language,
            priority_plans=frozenset(plan.casefold() for plan in settings.priority_plans),
            urgent_topics=frozenset(topic.casefold() for topic in settings.urgent_topics),
            widen_after=timedelta(seconds=settings.widen_after_s),
            grace=(
                ("gone", timedelta(seconds=settings.gone_grace_s)),
                ("away", timedelta(seconds=settings.away_grace_s)),
                ("lunch", timedelta(seconds=settings.lunch_grace_s)),
            ),
            assignment=settings.assignment,
            push_timeout=timedelta(seconds=settings.push_timeout_s),
        )

    def as_info(self) -> dict[str, "Rules"]:
        """For `bot.db.Database`, so that every transaction knows them."""
        return {_KEY: self}


_DEFAULT = Rules()


def rules(session: Session) -> Rules:
    return session.info.get(_KEY, _DEFAULT)
