"""The typed replies that the service understands (docs/message-route.md)."""

from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from kb_index.search import Hit

PERSON = {"title": "Talk to a person", "text": "I would like to talk to a person"}


def say(dispatcher: CollectingDispatcher, text: str, quick_replies: list[dict[str, str]] | None = None) -> None:
    message: dict[str, Any] = {"type": "text", "text": text}
    if quick_replies:
        message["quick_replies"] = quick_replies
    dispatcher.utter_message(json_message=message)


def answer(dispatcher: CollectingDispatcher, hit: Hit, intro: str = "") -> None:
    article = {"id": hit.article_id, "title": hit.title, "section": hit.section, "anchor": hit.anchor}
    text = f"{intro}\n\n{hit.excerpt}" if intro else hit.excerpt
    dispatcher.utter_message(
        json_message={"type": "answer", "text": text, "article": article, "score": round(hit.score, 3)}
    )


def hand_off(dispatcher: CollectingDispatcher, reason: str, reasons: list[str]) -> None:
    dispatcher.utter_message(json_message={"type": "handoff", "reason": reason, "reasons": reasons})
