"""The custom action of the stock assistant: what happens to an order."""

import csv
import os
from functools import lru_cache
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher


@lru_cache(maxsize=1)
def orders() -> dict[str, dict[str, str]]:
    with open(os.environ["STOCK_ORDERS"], newline="", encoding="utf-8") as file:
        return {row["order_number"]: row for row in csv.DictReader(file)}


class ActionOrderStatus(Action):
    def name(self) -> str:
        return "action_order_status"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        number, email = tracker.get_slot("order_number"), tracker.get_slot("email")
        order = orders().get(str(number).upper())
        if not number or not email:
            dispatcher.utter_message(text="Please tell me your order number and the e-mail address of the order.")
        elif order is None or order["email"] != email:
            dispatcher.utter_message(text="I can't find an order with that number and e-mail address.")
        else:
            dispatcher.utter_message(text=f"Order {number} is {order['status']}. Items: {order['items']}")
        return []
