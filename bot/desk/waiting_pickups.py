"""For how long a free place stands free although somebody waits, where agents take chats themselves.

Pure functions: no clock, no storage. Times are POSIX seconds, durations seconds.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Who did nothing for so long, with no chat, may have been away: over night say.
AWAY_S = 3600.0
# What was waited before somebody who may have been away took a chat says something about their pace only up to this.
PLAUSIBLE_S = 600.0
# No pick-up counts as longer.
LONGEST_PICKUP_S = 3600.0


@dataclass(frozen=True)
class Chat:
    """A chat that an agent has claimed. `passed_over`: it was not in its turn (the customer had left)."""

    agent_id: str
    requested_at: float
    claimed_at: float
    ended_at: float | None
    passed_over: bool = False


def pickups(chats: Sequence[Chat], capacity: Mapping[str, int]) -> dict[int, float]:
    """By its number in `chats`: for how long a customer and a free place at the agent who claimed waited for another.

    `capacity` is how many chats an agent may have at a time; of others it is the most that they had.
    """
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, chat in enumerate(chats):
        numbers[chat.agent_id].append(number)
    found: dict[int, float] = {}
    for agent_id, own in numbers.items():
        events = sorted(
            # Ends first: what ends in the moment of a claim made room for it.
            [(ended_at, 0, each) for each in own if (ended_at := chats[each].ended_at) is not None]
            + [(chats[each].claimed_at, 1, each) for each in own]
        )
        _follow(events, chats, capacity.get(agent_id) or _most(events), found)
    return found


def _most(events: Sequence[tuple[float, int, int]]) -> int:
    count = most = 1
    for _, claims, _ in events:
        count += 1 if claims else -1
        most = max(most, count - 1)
    return most


def _follow(
    events: Sequence[tuple[float, int, int]], chats: Sequence[Chat], capacity: int, found: dict[int, float]
) -> None:
    """Go through what one agent did, and put their pick-ups into `found`."""
    count = 0
    free_since = there_since = last = float("-inf")
    for at, claims, number in events:
        fresh = count <= 0 and at - last > AWAY_S
        if fresh:
            there_since = at
        if claims:
            chat = chats[number]
            since = max(chat.requested_at, free_since, float("-inf") if fresh else there_since)
            waited = max(at - since, 0.0)
            if not chat.passed_over and (not fresh or waited <= PLAUSIBLE_S):
                found[number] = min(waited, LONGEST_PICKUP_S)
            count += 1
        else:
            count -= 1
            if count == capacity - 1:
                free_since = at
        last = at
