"""Answering from the knowledge base, and saying so when it has nothing."""

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context
from actions.replies import PERSON, answer, hand_off, say
from kb_index.encoder import unpack
from kb_index.search import Hit

# After this many answers in a row that failed, a person takes over (bot/escalation/decision.py agrees).
FAILED_ANSWERS_LIMIT = 2
MAX_SHOWN = 6
MAX_QUESTION = 400

_FOLLOW_UP = re.compile(r"^\W*(?:and|or|but|also|what about|how about|what if|same for|for)\b", re.IGNORECASE)
_BRIEF_WORDS = 3

Events = list[dict[str, Any]]


class Answer(Action):
    """The best article for what was just asked."""

    def name(self) -> str:
        return "action_answer"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        message = tracker.latest_message
        text = (message.get("text") or "")[:MAX_QUESTION]
        # A few words make sense behind the question before, unless they are no question at all.
        brief = tracker.get_intent_of_latest_message() == "ask_question" and len(text.split()) <= _BRIEF_WORDS
        before = tracker.get_slot("last_question") if brief or _FOLLOW_UP.search(text) else None
        question, hits = search(text, message.get("embedding"), before)
        remembered = [SlotSet("last_question", question)]
        if hits and hits[0].score >= context.settings().answer_threshold:
            answer(dispatcher, hits[0])
            return [*remembered, SlotSet("shown_articles", [hits[0].article_id]), *answered()]
        return [*remembered, SlotSet("shown_articles", None), *no_answer(dispatcher, tracker, hits)]


class AnotherAnswer(Action):
    """The next best article, after one that did not help."""

    def name(self) -> str:
        return "action_another_answer"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        question = tracker.get_slot("last_question")
        shown = tracker.get_slot("shown_articles") or []
        if not question:
            say(dispatcher, "I'm sorry. Tell me what you are trying to do, and I'll look again.", [PERSON])
            return failed(tracker)
        hits = [hit for hit in context.knowledge().search(question, limit=MAX_SHOWN) if hit.article_id not in shown]
        if hits and hits[0].score >= context.settings().another_threshold:
            answer(dispatcher, hits[0], "I'm sorry that did not help. Perhaps this does:")
            return [SlotSet("shown_articles", [*shown, hits[0].article_id][-MAX_SHOWN:]), *failed(tracker)]
        return no_answer(dispatcher, tracker, [])


class AnswerHelped(Action):
    def name(self) -> str:
        return "action_answer_helped"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        say(dispatcher, "Good to hear! Anything else?")
        return [SlotSet("shown_articles", None), *answered()]


def search(text: str, packed: str | None, before: str | None) -> tuple[str, list[Hit]]:
    """Hits for `text`, or for it behind the question `before` it, if any, where that fits better.

    `packed` is the text's embedding as the engine sent it. Returns the question that was searched for.
    """
    knowledge = context.knowledge()
    hits = knowledge.search(text, embedding=unpack(packed) if packed else None)
    if not before:
        return text, hits
    together = f"{before} {text}"[-MAX_QUESTION:]
    joined = knowledge.search(together)
    if joined and (not hits or joined[0].score > hits[0].score):
        return together, joined
    return text, hits


def answered() -> Events:
    return [SlotSet("failed_answers", None), SlotSet("offered", None)]


def failed(tracker: Tracker) -> Events:
    return [SlotSet("failed_answers", int(tracker.get_slot("failed_answers") or 0) + 1), SlotSet("offered", "person")]


def no_answer(dispatcher: CollectingDispatcher, tracker: Tracker, hits: list[Hit]) -> Events:
    near = [hit for hit in hits if hit.score >= context.settings().another_threshold][:2]
    if near and tracker.get_slot("offered") != "choice":
        choices = [{"title": hit.title, "text": hit.title} for hit in near]
        say(dispatcher, "I'm not sure which of our articles you mean. Is it one of these?", [*choices, PERSON])
        # Asking back once is no failure; the second time in a row is.
        return [SlotSet("offered", "choice")]
    events = failed(tracker)
    if events[0]["value"] >= FAILED_ANSWERS_LIMIT:
        say(dispatcher, "I could not find an answer to that in our articles either.")
        hand_off(dispatcher, "unresolved", ["Two answers in a row did not help."])
        return answered()
    say(
        dispatcher,
        "I don't have an article that answers this. You could put it in other words, or I can fetch a person.",
        [PERSON],
    )
    return events
