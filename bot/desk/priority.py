"""Who is due first: the one place that says when a hand-off is due (docs/queue.md)."""

from collections.abc import Collection
from datetime import datetime, timedelta

# What is urgent is due as if it had been asked for so much earlier. `due_at` then stands still while everybody behind
# asks later and later: nobody overtakes those who have waited longer than all head starts together, so nobody starves.
HEAD_START = {
    "frustrated": timedelta(minutes=10),
    "complaint": timedelta(minutes=10),
    "unresolved": timedelta(minutes=3),
}
# For plans that the settings name.
PLAN_HEAD_START = timedelta(minutes=5)
# For topics (categories of articles) that the settings name, and for who is stuck on a page that reported trouble.
TOPIC_HEAD_START = timedelta(minutes=5)
TROUBLE_HEAD_START = timedelta(minutes=5)
# For who has a complaint open elsewhere.
COMPLAINT_HEAD_START = timedelta(minutes=5)
# Before everything else, whatever head start that has.
FRONT = timedelta(days=365)


def due_at(
    asked_at: datetime,
    reason: str,
    *,
    plan: str | None = None,
    complaint: bool = False,
    plans: Collection[str] = (),
    topic: str | None = None,
    topics: Collection[str] = (),
    trouble: bool = False,
) -> datetime:
    """When a hand-off for `reason` is due; `plans` and `topics` (in lower case) are those with a head start."""
    start = HEAD_START.get(reason, timedelta())
    if plan and plan.casefold() in plans:
        start += PLAN_HEAD_START
    if complaint:
        start += COMPLAINT_HEAD_START
    if topic and topic.casefold() in topics:
        start += TOPIC_HEAD_START
    if trouble:
        start += TROUBLE_HEAD_START
    return asked_at - start


def at_the_front(asked_at: datetime) -> datetime:
    """For who had somebody and lost them: before all others; among themselves in the order in which they asked."""
    return asked_at - FRONT
