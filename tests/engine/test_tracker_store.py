"""The state of a dialogue travels with each turn and comes back as it was."""

import asyncio

import pytest
from rasa.core.tracker_store import AwaitableTrackerStore, FailSafeTrackerStore, InMemoryTrackerStore
from rasa.shared.core.events import ActiveLoop, SlotSet

from bot.engine.tracker_store import TravellingTrackerStore, state_of, travelling


@pytest.fixture
def store(domain):
    return TravellingTrackerStore(domain)


def test_a_state_comes_back_as_it_went(store):
    state = {"slots": {"order_number": "KF-10234", "failed_answers": 1}, "active_loop": "order_form"}
    store.begin("c.1", state)
    tracker = store.finish("c.1")
    assert tracker.active_loop_name == "order_form"
    assert tracker.get_slot("order_number") == "KF-10234"
    assert state_of(tracker) == state


def test_a_fresh_start_is_listening_with_nothing_set(store):
    store.begin("c.1", None)
    tracker = store.finish("c.1")
    assert tracker.latest_action_name == "action_listen"
    assert state_of(tracker) == {"slots": {}, "active_loop": None}


def test_what_a_newer_model_no_longer_knows_is_dropped(store):
    store.begin("c.1", {"slots": {"gone": 1, "email": "a@example.com"}, "active_loop": "gone_form"})
    assert state_of(store.finish("c.1")) == {"slots": {"email": "a@example.com"}, "active_loop": None}


def test_what_a_turn_sets_is_in_the_state(store, domain):
    store.begin("c.1", None)
    tracker = asyncio.run(store.retrieve("c.1"))
    tracker.update(SlotSet("offered", "person"), domain)
    tracker.update(ActiveLoop("order_form"), domain)
    assert state_of(tracker) == {"slots": {"offered": "person"}, "active_loop": "order_form"}


def test_nothing_is_kept_of_a_finished_turn(store):
    store.begin("c.1", None)
    store.finish("c.1")
    assert store.finish("c.1") is None
    assert asyncio.run(store.retrieve("c.1")) is None


def test_trackers_of_other_channels_are_bounded(domain):
    store = TravellingTrackerStore(domain, max_trackers=3)

    async def fill():
        for number in range(5):
            await store.save(store.init_tracker(f"visitor-{number}"))
        return list(await store.keys())

    assert asyncio.run(fill()) == ["visitor-2", "visitor-3", "visitor-4"]


def test_ours_is_found_behind_rasas_wrappers_and_another_one_is_refused(store, domain):
    assert travelling(AwaitableTrackerStore(FailSafeTrackerStore(store))) is store
    with pytest.raises(RuntimeError, match="TravellingTrackerStore"):
        travelling(FailSafeTrackerStore(InMemoryTrackerStore(domain)))
