"""The typed replies that the service understands (docs/message-route.md)."""

from typing import Any

import numpy as np
from rasa_sdk.executor import CollectingDispatcher

from actions.published import Quotable, quotable
from actions.suggestions import related
from kb_index.answers import ANSWER_WORDS, BRIEF_WORDS, Block, compose
from kb_index.readable import told
from kb_index.search import Hit

PERSON = {"title": "Talk to a person", "text": "I would like to talk to a person"}
MAX_ADDRESSES = 3


def say(dispatcher: CollectingDispatcher, text: str, quick_replies: list[dict[str, str]] | None = None) -> None:
    message: dict[str, Any] = {"type": "text", "text": text}
    if quick_replies:
        message["quick_replies"] = quick_replies
    dispatcher.utter_message(json_message=message)


def answer(
    dispatcher: CollectingDispatcher,
    asked: str,
    question: np.ndarray,
    hits: list[Hit],
    intro: str = "",
    suggest: bool = True,
    understood: str = "",
    instead: list[dict[str, str]] | None = None,
    brief: bool = False,
) -> bool:
    """Answer from the first of `hits`, word for word; return False, saying nothing, where it is no longer published.

    `asked` is the customer's message, `understood` what it was taken for, where that is more, `question` its embedding.
    `instead` are quick replies to show in place of what people ask next; `brief` for who wants no more than that.
    """
    hit = hits[0]
    published = quotable(hit.article_id)
    if published is None:
        return False
    blocks = compose(published.sources, question, understood or asked, BRIEF_WORDS if brief else ANSWER_WORDS)
    source = published.sources[max(blocks, key=lambda block: block.score).source]
    text = "\n\n".join([*([intro] if intro else []), told(published.sources, blocks)])
    message: dict[str, Any] = {
        "type": "answer",
        "text": "\n".join([text, *addresses(published, blocks)]),
        "article": {
            "id": hit.article_id,
            "title": published.title,
            "section": source.heading,
            "anchor": source.anchor,
        },
        "score": round(hit.score, 3),
    }
    if brief and not instead:
        instead = [PERSON]
    suggested = instead or (related(asked, question, hit, blocks, hits) if suggest else [])
    if suggested:
        message["quick_replies"] = suggested
    dispatcher.utter_message(json_message=message)
    return True


def quoted(article_id: str, question: np.ndarray) -> set[tuple[int, int]]:
    """Return what of an article would be quoted for a question, each sentence as its passage and place."""
    published = quotable(article_id)
    blocks = compose(published.sources, question) if published else []
    return {(block.source, place) for block in blocks for place in range(block.first, block.last + 1)}


def addresses(article: Quotable, blocks: list[Block]) -> list[str]:
    """The pages elsewhere that the quoted words link to; links between articles become suggestions."""
    shown = "\n".join(block.text for block in blocks)
    linked = (link for link in article.links if link.address and link.text in shown and link.address not in shown)
    # Where the words are the address, once is enough.
    return [
        link.address if link.text in link.address else f"{link.text}: {link.address}"
        for link in list(dict.fromkeys(linked))[:MAX_ADDRESSES]
    ]


def hand_off(dispatcher: CollectingDispatcher, reason: str, reasons: list[str], about: str = "") -> None:
    """Ask for a person; `about` is a sentence that the agent reads besides the reasons, whoever decided."""
    message = {"type": "handoff", "reason": reason, "reasons": reasons}
    dispatcher.utter_message(json_message={**message, "about": about} if about else message)
