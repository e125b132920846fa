"""Answering from the knowledge base, asking back where it is unclear, and saying so when there is nothing."""

from typing import Any

import numpy as np
from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import context, wording
from actions.finding import MAX_QUESTION, Found, Topic, behind_topic, doubted, find, next_best, search
from actions.replies import PERSON, answer, hand_off, quoted, say
from actions.suggestions import MAX_CHOICES, choices
from kb_index.encoder import unpack
from kb_index.search import Hit

# After this many answers in a row that failed, a person takes over (bot/escalation/decision.py agrees).
FAILED_ANSWERS_LIMIT = 2
MAX_SHOWN = 6
# A message that finds the same article again and is this near to the one before asks the same, as a cosine.
SAME_AGAIN = 0.28
SAME_SHARE = 0.6  # of the sentences
# What the classifier's "out of scope" says against any article, in log odds. It says so of 52 % of the messages in
# data/evaluation that no article answers and of 10 % of the others, which would be 1.6; other shops' may differ.
OUTSIDE_ODDS = 1.0
# As often the same article answers the same question; the next time it is the next best article.
MOST_TIMES = 2
SEEN_FIRST = "You have seen what I found first. Perhaps this is it:"
# How near to the question, beside the best article, the next best has to be: after "that did not help", and to the
# third wording of a question, where nobody asked for another.
NEAR_ENOUGH = 0.5
NEAR_ENOUGH_UNASKED = 0.8
MOST_OTHERS = 2  # offered under it

# As many times as likely as one that is worth asking back for have the choices to be together.
TOGETHER = 1.4

Events = list[dict[str, Any]]


class Answer(Action):
    """The best article for what was just asked, or one for each of two questions."""

    def name(self) -> str:
        return "action_answer"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        message = tracker.latest_message
        text = (message.get("text") or "")[:MAX_QUESTION]
        packed = message.get("embedding")
        topic = Topic.of(tracker.get_slot("topic"))
        outside = context.intent_of(tracker) == "out_of_scope"
        # A few words make sense behind the question before, unless they are no question at all.
        found = find(text, unpack(packed) if packed else None, topic, brief_counts=not outside)
        if outside:
            found = [doubted(each, OUTSIDE_ODDS) for each in found]
        if wording.gives_orders(text):
            # Whatever else it asks: at most a choice, so that nothing is said on anybody's orders.
            remembered = [SlotSet("last_question", None), SlotSet("shown_articles", None)]
            return [*remembered, *no_answer(dispatcher, tracker, found[0].vector, found[0].hits)]
        if len(found) > 1:
            return _answer_both(dispatcher, tracker, text, found)
        return _answer_one(dispatcher, tracker, text, found[0], topic, outside)


class AnotherAnswer(Action):
    """The next best article, after one that did not help."""

    def name(self) -> str:
        return "action_another_answer"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        return another(dispatcher, tracker)


class AnswerHelped(Action):
    def name(self) -> str:
        return "action_answer_helped"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        say(dispatcher, "Good to hear! Anything else?")
        return [SlotSet("shown_articles", None), *answered()]


def _answer_one(
    dispatcher: CollectingDispatcher, tracker: Tracker, text: str, found: Found, before: Topic, outside: bool
) -> Events:
    earlier = tracker.get_slot("shown_articles") or []
    in_a_row = bool(found.hits) and found.hits[0].article_id in earlier
    shown = earlier if in_a_row or found.leaned else []
    if in_a_row and wording.reports(text):
        return another(dispatcher, tracker)
    again = in_a_row and _asks_again(text, found, before)
    worn_out = {each for each in shown if shown.count(each) >= MOST_TIMES} if again else set()
    remembered = [SlotSet("last_question", found.question), SlotSet("topic", found.topic.to_slot())]
    if found.hits and found.hits[0].article_id in worn_out:
        hits, intro = next_best(found.hits, shown, NEAR_ENOUGH_UNASKED), SEEN_FIRST
        if not hits:
            return [*remembered, SlotSet("shown_articles", shown), *nothing_left(dispatcher, tracker)]
    else:
        hits, intro = found.hits if found.score >= context.settings().answer_threshold else [], ""
    others = _others(found.vector, hits) if intro else None
    brief = context.careful(tracker)
    if hits and answer(dispatcher, text, found.vector, hits, intro, True, found.question, others, brief):
        shown = [*shown, hits[0].article_id][-MAX_SHOWN:]
        return [*remembered, SlotSet("shown_articles", shown), *(tried_again(tracker) if intro else answered())]
    vector, unsure = found.vector, found.hits
    if found.score < context.settings().another_threshold and not found.leaned and not outside:
        # It may be about what was spoken of, though nothing in its wording says so.
        behind, hits = behind_topic(found, before)
        if hits:
            vector, unsure = behind, hits
            remembered = []
    unclear = no_answer(dispatcher, tracker, vector, unsure)
    return [*remembered, SlotSet("shown_articles", shown or None), *unclear]


def another(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    """Show the next best article for the last question, or say that there is none, or fetch a person."""
    question = tracker.get_slot("last_question")
    shown = tracker.get_slot("shown_articles") or []
    if not question:
        say(dispatcher, "I'm sorry. Tell me what you are trying to do, and I'll look again.", [PERSON])
        return failed(tracker)
    if failed(tracker)[0]["value"] >= FAILED_ANSWERS_LIMIT:
        return unresolved(dispatcher)
    vector, hits = search(question)
    left = next_best(hits, shown, NEAR_ENOUGH)
    if left:
        intro = "I'm sorry that did not help. Perhaps this does:"
        if answer(
            dispatcher,
            question,
            vector,
            left,
            intro,
            instead=_others(vector, left),
            brief=context.careful(tracker),
        ):
            return [SlotSet("shown_articles", [*shown, left[0].article_id][-MAX_SHOWN:]), *tried_again(tracker)]
    return nothing_left(dispatcher, tracker)


def _others(question: np.ndarray, left: list[Hit]) -> list[dict[str, str]]:
    """What else it may be, under an article that is a try."""
    return [*choices(question, left[1:])[:MOST_OTHERS], PERSON]


def _answer_both(dispatcher: CollectingDispatcher, tracker: Tracker, text: str, found: list[Found]) -> Events:
    """Answer two questions, and where one of them is unclear, ask about that one last."""
    enough = context.settings().answer_threshold
    sure = [each for each in found if each.score >= enough]
    said = [
        each.hits[0].article_id
        for each in sure
        if answer(
            dispatcher,
            each.question,
            each.vector,
            each.hits,
            suggest=each is sure[-1] and len(sure) == len(found),
            brief=context.careful(tracker),
        )
    ]
    for each in found:
        if each.score < enough:
            _ask_about(dispatcher, each)
    remembered = [SlotSet("last_question", text), SlotSet("topic", found[-1].topic.to_slot())]
    if not said:
        return [*remembered, SlotSet("shown_articles", None), *no_answer(dispatcher, tracker, found[0].vector, [])]
    return [*remembered, SlotSet("shown_articles", said), *answered()]


def _ask_about(dispatcher: CollectingDispatcher, unclear: Found) -> None:
    if unclear.score >= context.settings().another_threshold:
        offered = choices(unclear.vector, unclear.hits)
        say(dispatcher, f"About “{unclear.question}”: is it one of these?", [*offered, PERSON])
    else:
        say(
            dispatcher,
            f"I don't have an article about “{unclear.question}”. Could you put it in other words?",
            [PERSON],
        )


def _asks_again(text: str, found: Found, before: Topic) -> bool:
    """Whether a message that finds the same article is the same question in other words, and not a detail of it.

    "And to Canada?" is a detail. What leans on the question before has to be near to it to count as the same; what
    stands by itself is the same where it is near, or where mostly the same sentences would answer it.
    """
    # "But when does it arrive?" is no detail either: it says that the answer was none.
    text = wording.without_objection(text)
    if not before.question or wording.carries_on(text):
        return False
    asked = [before.question, *([before.follow_up] if before.follow_up else [])]
    earlier = context.encoder().encode(asked)
    near = float((earlier @ found.said).max())
    if wording.leaning(text) and not found.by_itself:
        return near >= SAME_AGAIN
    article_id = found.hits[0].article_id
    now = quoted(article_id, found.said)
    return near >= SAME_AGAIN or any(len(now & quoted(article_id, each)) >= SAME_SHARE * len(now) for each in earlier)


def answered() -> Events:
    return [SlotSet("failed_answers", None), SlotSet("offered", None)]


def failed(tracker: Tracker) -> Events:
    return [SlotSet("failed_answers", int(tracker.get_slot("failed_answers") or 0) + 1), SlotSet("offered", "person")]


def tried_again(tracker: Tracker) -> Events:
    """One more failure, with another answer on the screen: a "yes" now is about that one."""
    return [failed(tracker)[0], SlotSet("offered", None)]


def nothing_left(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    return _say_so(dispatcher, tracker, "I have no other article on this.")


def unresolved(dispatcher: CollectingDispatcher) -> Events:
    say(dispatcher, "I could not find an answer to that in our articles either.")
    hand_off(dispatcher, "unresolved", ["Two answers in a row did not help."])
    return answered()


def no_answer(dispatcher: CollectingDispatcher, tracker: Tracker, question: np.ndarray, hits: list[Hit]) -> Events:
    """Ask which article is meant, or say that there is none, or fetch a person after the second time in a row."""
    least = context.settings().another_threshold
    unsure = bool(hits) and (hits[0].score >= least or sum(hit.score for hit in hits[:MAX_CHOICES]) >= TOGETHER * least)
    offered = choices(question, hits) if unsure and tracker.get_slot("offered") != "choice" else []
    if offered:
        say(dispatcher, "I'm not sure what you mean. Is it one of these?", [*offered, PERSON])
        # Asking back once is no failure; the second time in a row is.
        return [SlotSet("offered", "choice")]
    return _say_so(dispatcher, tracker, "I don't have an article that answers this.")


def _say_so(dispatcher: CollectingDispatcher, tracker: Tracker, what: str) -> Events:
    """Say that there is nothing, or fetch a person after the second time in a row."""
    events = failed(tracker)
    if events[0]["value"] >= FAILED_ANSWERS_LIMIT:
        return unresolved(dispatcher)
    say(dispatcher, f"{what} You could put it in other words, or I can fetch a person.", [PERSON])
    return events
