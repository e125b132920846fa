"""A tracker store that keeps nothing for long: the state of a dialogue travels with each turn.

The service stores that state beside the conversation and sends it along, so any engine process can
take any turn, and a killed engine forgets nothing. What is kept here is bounded, for `rasa shell` and
other channels that send no state.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import (
    ACTION_LISTEN_NAME,
    ACTION_SESSION_START_NAME,
    SESSION_START_METADATA_SLOT,
)
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SessionStarted, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

MAX_TRACKERS = 1000


class TravellingTrackerStore(TrackerStore):
    """The newest `max_trackers` trackers, in memory."""

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        max_trackers: int = MAX_TRACKERS,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain, event_broker, **kwargs)
        self._max_trackers = max_trackers
        self._trackers: OrderedDict[str, DialogueStateTracker] = OrderedDict()

    async def save(self, tracker: DialogueStateTracker) -> None:
        self._trackers[tracker.sender_id] = tracker
        self._trackers.move_to_end(tracker.sender_id)
        while len(self._trackers) > self._max_trackers:
            self._trackers.popitem(last=False)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        return self._trackers.get(sender_id)

    async def keys(self) -> Iterable[str]:
        return list(self._trackers)

    def begin(self, sender_id: str, state: dict[str, Any] | None) -> None:
        """Put a tracker in place that stands where `state` (from `finish`) says, listening."""
        tracker = self.init_tracker(sender_id)
        for event in _events(state or {}, self.domain):
            tracker.update(event, self.domain)
        self._trackers[sender_id] = tracker

    def finish(self, sender_id: str) -> DialogueStateTracker | None:
        """Take the tracker out again, or None where the turn left none."""
        return self._trackers.pop(sender_id, None)


def travelling(store: TrackerStore) -> TravellingTrackerStore:
    """Ours, out of the wrappers that Rasa puts around it. Raises RuntimeError when it is another one."""
    inner: Any = store
    while inner is not None and not isinstance(inner, TravellingTrackerStore):
        inner = getattr(inner, "_tracker_store", None)
    if inner is None:
        raise RuntimeError("endpoints.yml has to name bot.engine.tracker_store.TravellingTrackerStore")
    return inner


def state_of(tracker: DialogueStateTracker) -> dict[str, Any]:
    """What the next turn needs to know: the slots that are set, and the form that is open."""
    slots = {
        slot.name: slot.value
        for slot in tracker.slots.values()
        if slot.value != slot.initial_value and slot.name != SESSION_START_METADATA_SLOT
    }
    return {"slots": slots, "active_loop": tracker.active_loop_name}


def _events(state: dict[str, Any], domain: Domain) -> Iterable[Event]:
    yield ActionExecuted(ACTION_SESSION_START_NAME)
    yield SessionStarted()
    known = {slot.name for slot in domain.slots}
    for name, value in (state.get("slots") or {}).items():
        # A slot that a newer model no longer has is dropped, not an error for the customer.
        if name in known:
            yield SlotSet(name, value)
    if state.get("active_loop") in domain.form_names:
        yield ActiveLoop(state["active_loop"])
    yield ActionExecuted(ACTION_LISTEN_NAME)
