"""Handing over to a person, and what a bare yes or no means after an offer."""

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.answers import AnotherAnswer, AnswerHelped
from actions.finding import surely_answers
from actions.order_book import normal_order_number
from actions.published import quotable
from actions.replies import PERSON, hand_off, say
from actions.suggestions import quick_reply

Events = list[dict[str, Any]]

# "No, thanks" wants nothing more; a bare "no" under an answer says that it did not help.
_THANKS = re.compile(r"\b(?:thank|thanks|thx|cheers|that'?s all|that is all|all good|nothing else)\b", re.IGNORECASE)
# "???" agrees to nothing, whatever the classifier takes it for; a thumb up is no ASCII.
_ONLY_MARKS = re.compile(r"^[^0-9A-Za-z\x80-\U0010ffff]+$")


class HandOver(Action):
    """Asks the service for a person; the service decides where the chat goes, in one transaction."""

    def name(self) -> str:
        return "action_hand_over"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        intent = context.intent_of(tracker)
        # The service holds the decision with its reasons (it measured the signals); this names the
        # rule's own reason for what the decision left to the rules.
        reason = "complaint" if intent == "complaint" else "asked_for_person"
        number = normal_order_number(str(tracker.get_slot("order_number") or ""))
        hand_off(dispatcher, reason, [], f"The order spoken of is {number}." if number else "")
        return [
            SlotSet("failed_answers", None),
            SlotSet("offered", None),
            SlotSet("requested_slot", None),
            ActiveLoop(None),
        ]


class OfferPerson(Action):
    """For who may want a person: asked whether, not sent to the queue on a guess."""

    def name(self) -> str:
        return "action_offer_person"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        say(
            dispatcher,
            "Would you like to talk to a person? Say yes, and I fetch one; or tell me what it is about.",
            [PERSON],
        )
        return [SlotSet("offered", "person")]


class Affirm(Action):
    def name(self) -> str:
        return "action_affirm"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        if _ONLY_MARKS.search(tracker.latest_message.get("text") or ""):
            return AnotherAnswer().run(dispatcher, tracker, domain)
        if tracker.get_slot("offered") == "person":
            return [FollowupAction("action_hand_over")]
        if tracker.get_slot("shown_articles"):
            # "Did that help?" stands under every answer.
            return AnswerHelped().run(dispatcher, tracker, domain)
        say(dispatcher, "All right. What can I do for you?")
        return []


class Deny(Action):
    def name(self) -> str:
        return "action_deny"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        text = tracker.latest_message.get("text") or ""
        intent = context.intent_of(tracker)
        offered = tracker.get_slot("offered")
        if intent == "deny" and not offered and tracker.get_slot("shown_articles") and not _THANKS.search(text):
            return AnotherAnswer().run(dispatcher, tracker, domain)
        if offered == "person":
            say(dispatcher, "All right. Ask me in other words whenever you like; a person is one click away.", [PERSON])
        else:
            say(dispatcher, "All right. I'm here if you need anything.")
        return [SlotSet("offered", None)]


class StopMessages(Action):
    """The customer wants no messages they did not ask for."""

    def name(self) -> str:
        return "action_stop_messages"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        dispatcher.utter_message(json_message={"type": "opt_out"})
        text = tracker.latest_message.get("text") or ""
        # "Unsubscribe me from the newsletter" wants more than what is stopped here.
        hit = surely_answers(text)
        sure = quotable(hit.article_id) if hit else None
        say(
            dispatcher,
            "Done: we won't write to you on our own any more. You can still ask me anything.",
            [quick_reply(sure.title)] if sure else None,
        )
        return []
