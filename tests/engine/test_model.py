"""The trained model: what it understands and decides, without an action server."""

import asyncio

import pytest
from rasa.core.channels.channel import UserMessage
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.escalation.signals import measure


def understood(agent, text):
    return asyncio.run(agent.processor.parse_message(UserMessage(text)))


def next_action(agent, text, slots=None, active_loop=None, signals=None):
    """The action that follows `text`, and the policy that chose it."""
    parsed = understood(agent, text)
    tracker = DialogueStateTracker("test", agent.domain.slots)
    tracker.update(ActionExecuted("action_session_start"), agent.domain)
    for name, value in (slots or {}).items():
        tracker.update(SlotSet(name, value), agent.domain)
    if active_loop:
        tracker.update(ActiveLoop(active_loop), agent.domain)
    tracker.update(ActionExecuted("action_listen"), agent.domain)
    metadata = {"signals": (signals or measure(text)).to_dict()}
    uttered = UserUttered(text, parsed["intent"], parsed["entities"], parsed, metadata=metadata)
    tracker.update(uttered, agent.domain)
    prediction = agent.processor.predict_next_with_tracker_if_should(tracker)[1]
    action = agent.domain.action_names_or_texts[prediction.max_confidence_index]
    return action, prediction.policy_name.split("_")[-1]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("hello there", "action_greet"),
        ("how long does shipping to Spain take?", "action_answer"),
        ("where is my parcel KF-10234", "order_form"),
        ("bye", "utter_goodbye"),
        ("are you a robot?", "utter_bot"),
        ("that did not help", "action_another_answer"),
        ("please stop sending me messages", "action_stop_messages"),
    ],
)
def test_the_rules_choose_the_action(agent, text, action):
    assert next_action(agent, text)[0] == action


@pytest.mark.parametrize("text", ["can I talk to a human", "this is useless, I am fed up", "get me a real person"])
def test_escalation_comes_before_any_rule_and_any_form(agent, text):
    for active_loop in (None, "order_form"):
        action, policy = next_action(agent, text, active_loop=active_loop)
        assert (action, policy) == ("action_hand_over", "EscalationPolicy")


def test_a_second_failed_answer_hands_over(agent):
    assert next_action(agent, "that did not help either", {"failed_answers": 1})[0] == "action_hand_over"


def test_order_numbers_and_addresses_are_found_however_they_are_typed(agent):
    for text in ("it is KF-10234", "kf10234", "order #10234 please", "KF 10234"):
        values = {e["entity"]: e["value"] for e in understood(agent, text)["entities"]}
        assert "10234" in values["order_number"], text
    entities = understood(agent, "KF-10234 and anna.b+shop@mail.example.com thanks")["entities"]
    assert {e["entity"]: e["value"] for e in entities} == {
        "order_number": "KF-10234",
        "email": "anna.b+shop@mail.example.com",
    }


def test_a_year_a_price_or_a_phone_number_is_no_order_number(agent):
    for text in ("in 2026", "I paid 129.90", "call +353 1 5550123"):
        assert not [e for e in understood(agent, text)["entities"] if e["entity"] == "order_number"], text


def test_each_message_carries_its_embedding_for_the_action_server(agent):
    import base64

    packed = understood(agent, "how do I descale my kettle")["embedding"]
    assert len(base64.b64decode(packed)) == 2 * 384
