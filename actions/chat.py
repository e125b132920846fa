"""The replies to a greeting and to "what can you do?", which promise no more than this installation can do."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import context


class Greet(Action):
    """Says hello, and what may be asked."""

    says = "utter_greet"

    def name(self) -> str:
        return "action_greet"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        # Both responses stand in domain.yml: what is said is the operator's to change.
        dispatcher.utter_message(response=self.says if context.orders() else f"{self.says}_without_orders")
        return []


class Capabilities(Greet):
    """Says what the assistant can do."""

    says = "utter_capabilities"

    def name(self) -> str:
        return "action_capabilities"
