"""Where is my order, cancel it, return it: one form, one look-up, an answer for each state."""

from datetime import date, timedelta
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.exc import SQLAlchemyError

from actions import context, order_wording, wording
from actions.answers import AnotherAnswer, Answer
from actions.finding import Topic, find, surely_answers
from actions.order_book import Order, normal_order_number
from actions.replies import PERSON, hand_off, say

RETURN_DAYS = 30
# Wrong pairs of number and e-mail before a person takes over: a typo, yes; a guessing game, no.
MISMATCHES_LIMIT = 2
# What is spoken of after the order was shown.
ABOUT = {
    "status": "Where is my order?",
    "cancel": "How do I cancel my order?",
    "return": "How do I send something back?",
}
# How often the form got something else (slot `order_asked`); from OFTEN on domain.yml asks in other words.
ONCE, OFTEN = "once", "often"
NEVER_MIND = {"title": "Never mind", "text": "Never mind, forget the order"}

Events = list[dict[str, Any]]


class ValidateOrderForm(FormValidationAction):
    """Checks the form of what was given, then that number and e-mail belong together."""

    def name(self) -> str:
        return "validate_order_form"

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[str]:
        """Ask for nothing where nothing can be looked up."""
        return domain_slots if context.orders() else []

    def validate_order_number(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        return {"order_number": normal_order_number(_one(value)), "order_asked": None}

    def validate_email(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        return {"email": _one(value).strip().lower()[:254] or None, "order_asked": None}


class OrderResult(Action):
    """The end of the form."""

    def name(self) -> str:
        return "action_order_result"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        book = context.orders()
        if book is None:
            return [*_forget(), *Answer().run(dispatcher, tracker, domain)]
        number = normal_order_number(_one(tracker.get_slot("order_number")))
        email = _one(tracker.get_slot("email"))
        try:
            order = book.find(number, email) if number else None
        except SQLAlchemyError:
            say(dispatcher, "I can't reach our orders just now.")
            hand_off(dispatcher, "unresolved", ["The order system did not answer."])
            return _forget()
        if order is None:
            return _mismatch(dispatcher, tracker, number, email)
        wanted = tracker.get_slot("order_topic") or "status"
        text, replies = describe(order, wanted, date.today())
        say(dispatcher, text, replies)
        # The pair was right: the customer may ask on about the same order without typing it again, and "how?" or
        # "what does that cost?" about what they want to do with it.
        cleared = [SlotSet(name, None) for name in ("order_mismatches", "order_topic", "failed_answers")]
        return [*cleared, SlotSet("topic", find(ABOUT[wanted], None, Topic())[0].topic.to_slot())]


class OrderDetailsUnclear(Action):
    """Something was said in the form that is neither a number nor an address."""

    def name(self) -> str:
        return "action_order_details_unclear"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        asked, text = tracker.get_slot("requested_slot"), tracker.latest_message.get("text") or ""
        lacks, nearly = order_wording.lacks(text), order_wording.nearly(asked, text)
        if context.intent_of(tracker) == "did_not_help" and tracker.get_slot("shown_articles") and not lacks:
            # About the answer to a question in between.
            return AnotherAnswer().run(dispatcher, tracker, domain)
        # A piece of a sentence is an attempt to say what was asked for: "the blue one".
        if not nearly and not lacks and not wording.is_fragment(text) and surely_answers(text):
            return Answer().run(dispatcher, tracker, domain)
        # A number or an address that is nearly one is worth another look; anything else is not, the second time.
        if lacks or (_asked_in_vain(tracker) and not nearly):
            return _without(dispatcher, asked)
        say(dispatcher, f"{order_wording.amiss(asked, text)} Say “never mind” to leave it.", [NEVER_MIND, PERSON])
        return [SlotSet("order_asked", ONCE)]


class OrderDetailsFirst(Action):
    """The order was spoken of once more, with nothing to find it by."""

    def name(self) -> str:
        return "action_order_details_first"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        asked = tracker.get_slot("requested_slot")
        offered = tracker.get_slot("offered") == "person" and tracker.get_slot("order_asked") == OFTEN
        if offered and context.intent_of(tracker) == "affirm":
            return [FollowupAction("action_hand_over")]
        if _asked_in_vain(tracker):
            return _without(dispatcher, asked)
        say(dispatcher, order_wording.needed(asked))
        return [SlotSet("order_asked", ONCE)]


class ForgetOrder(Action):
    """A change of mind half-way, or a "no" that means "I don't have it"."""

    def name(self) -> str:
        return "action_forget_order"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        if order_wording.lacks(tracker.latest_message.get("text") or ""):
            say(dispatcher, order_wording.without(tracker.get_slot("requested_slot")), [PERSON])
            return [*_forget(), SlotSet("offered", "person"), ActiveLoop(None)]
        dispatcher.utter_message(response="utter_forget_order")
        return [*_forget(), ActiveLoop(None)]


def _asked_in_vain(tracker: Tracker) -> bool:
    return tracker.get_slot("order_asked") is not None


def _without(dispatcher: CollectingDispatcher, asked: str | None) -> Events:
    """Offer a person: asking for the same detail over and over finds no order."""
    say(dispatcher, order_wording.without(asked), [PERSON, NEVER_MIND])
    return [SlotSet("offered", "person"), SlotSet("order_asked", OFTEN)]


def _mismatch(dispatcher: CollectingDispatcher, tracker: Tracker, number: str | None, email: str) -> Events:
    mismatches = int(tracker.get_slot("order_mismatches") or 0) + 1
    if mismatches >= MISMATCHES_LIMIT:
        say(dispatcher, "I still can't find an order with that number and e-mail address.")
        hand_off(dispatcher, "unresolved", [f"No order {number} with {email} after {mismatches} tries."])
        return _forget()
    say(
        dispatcher,
        f"I can't find an order {number or ''} placed with {email}. Please check both, and ask me again with the order "
        "number and e-mail address.",
        [{"title": "Try again", "text": "Where is my order?"}, PERSON],
    )
    return [*_forget(), SlotSet("order_mismatches", mismatches)]


def describe(order: Order, topic: str, today: date) -> tuple[str, list[dict[str, str]]]:
    """What to say about `order`, and the quick replies below it."""
    if topic == "cancel":
        return _cancel(order)
    if topic == "return":
        return _return(order, today)
    return _status(order, today)


def _status(order: Order, today: date) -> tuple[str, list[dict[str, str]]]:
    number = order.order_number
    tracking = f" Tracking number: {order.tracking_number} ({order.carrier})." if order.tracking_number else ""
    expected = (
        f" We expect it on {_day(order.expected_at)}." if order.expected_at and order.expected_at >= today else ""
    )
    texts = {
        "placed": f"Order {number} is placed and not packed yet.{expected}",
        "packed": f"Order {number} is packed and leaves us with the next collection.{expected}",
        "shipped": f"Order {number} is on its way.{expected}{tracking}",
        "delivered": f"Order {number} was delivered on {_day(order.delivered_at)}.{tracking}",
        "cancelled": f"Order {number} was cancelled; what you paid goes back the way it came.",
        "returned": f"Order {number} came back to us.",
        "delayed": f"I'm sorry: order {number} is delayed.{expected}{tracking}",
    }
    late = order.status == "shipped" and order.expected_at is not None and order.expected_at < today
    text = texts[order.status] + f"\nItems: {order.items}"
    if late:
        text = f"I'm sorry: order {number} should have arrived on {_day(order.expected_at)}.{tracking}"
        text += f"\nItems: {order.items}"
    return text, [PERSON] if late or order.status == "delayed" else []


def _cancel(order: Order) -> tuple[str, list[dict[str, str]]]:
    number = order.order_number
    if order.status == "placed" or (order.status == "delayed" and not order.tracking_number):
        return (
            f"Order {number} is not packed yet, so it can still be cancelled free of charge. A colleague does that for "
            "you: shall I fetch one?",
            [{"title": "Yes, cancel it", "text": "I would like to talk to a person to cancel my order"}],
        )
    if order.status in ("cancelled", "returned"):
        return f"Order {number} is {order.status} already; there is nothing left to do.", []
    return (
        f"Order {number} is {order.status} already and can't be cancelled any more. You can send it back within "
        f"{RETURN_DAYS} days of delivery.",
        [{"title": "How do I return it?", "text": "How do I send something back?"}],
    )


def _return(order: Order, today: date) -> tuple[str, list[dict[str, str]]]:
    number = order.order_number
    how = [{"title": "How do I return it?", "text": "How do I send something back?"}]
    if order.status == "delivered" and order.delivered_at:
        last = order.delivered_at + timedelta(days=RETURN_DAYS)
        if today <= last:
            return (
                f"Order {number} was delivered on {_day(order.delivered_at)}: you can return it until {_day(last)}.",
                how,
            )
        return (
            f"Order {number} was delivered on {_day(order.delivered_at)}, and the {RETURN_DAYS} days for a return "
            f"ended on {_day(last)}. If something is faulty, the two-year warranty still holds.",
            [{"title": "Warranty", "text": "How does the warranty work?"}, PERSON],
        )
    if order.status in ("cancelled", "returned"):
        return f"Order {number} is {order.status} already; there is nothing left to do.", []
    if order.status == "placed":
        return (
            f"Order {number} is not packed yet, so it can simply be cancelled. Shall I fetch a colleague?",
            [{"title": "Yes, cancel it", "text": "I would like to talk to a person to cancel my order"}],
        )
    return (
        f"Order {number} is not delivered yet. Once it is, you have {RETURN_DAYS} days to send it back.",
        how,
    )


def _forget() -> Events:
    names = ("order_number", "email", "order_topic", "order_mismatches", "order_asked", "requested_slot")
    return [SlotSet(name, None) for name in names]


def _one(value: Any) -> str:
    # Two numbers in one message arrive as a list: the last one said counts.
    return str((value[-1] if isinstance(value, list) and value else value) or "")


def _day(day: date | None) -> str:
    return f"{day.day} {day:%B}" if day else "an unknown day"
