"""What the customer may tap next: choices where it is unclear what they mean, and what people ask after an answer."""

import numpy as np

from actions import wording
from actions.published import Quotable, quotable
from kb_index.answers import Block
from kb_index.search import Hit

MAX_CHOICES = 3
# A second choice is worth showing from this share of the first one's score.
WORTH_CHOOSING = 0.2
MAX_RELATED = 2
NEIGHBOURS = 4
# A question this near to the one that was asked is the same one, as a cosine.
SAME_QUESTION = 0.8
MAX_TITLE = 80  # characters on a button


def choices(question: np.ndarray, hits: list[Hit]) -> list[dict[str, str]]:
    """Return one quick reply an article, each the article's own question that is nearest to the customer's."""
    offered = []
    for hit in hits[:MAX_CHOICES]:
        article = quotable(hit.article_id)
        if article and hit.score >= WORTH_CHOOSING * hits[0].score:
            offered.append(article.questions[int((article.question_vectors @ question).argmax())])
    return [quick_reply(text) for text in dict.fromkeys(offered)]


def related(asked: str, question: np.ndarray, hit: Hit, blocks: list[Block], hits: list[Hit]) -> list[dict[str, str]]:
    """Return up to two questions that people ask next: of the rest of the article, of those it links to, of neighbours.

    Never what was just asked, nor what the shown `blocks` answer already.
    """
    article = quotable(hit.article_id)
    if article is None:
        return []
    shown = " ".join(block.text for block in blocks)
    found = _unanswered(article, question, blocks)[:1]
    linked = [link.article_id for link in article.links if link.article_id and link.text in shown]
    near = [other.article_id for other in hits[1 : NEIGHBOURS + 1] if other.category == hit.category]
    for article_id in dict.fromkeys([*linked, *near]):
        if len(found) >= MAX_RELATED:
            break
        other = quotable(article_id) if article_id != hit.article_id else None
        found += _nearest_other(other, question)[:1] if other else []
    fresh = [text for text in dict.fromkeys(found) if not wording.same_words(text, asked)]
    return [quick_reply(text) for text in fresh[:MAX_RELATED]]


def quick_reply(text: str) -> dict[str, str]:
    title = text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1].rstrip()}…"
    return {"title": title, "text": text}


def _unanswered(article: Quotable, question: np.ndarray, blocks: list[Block]) -> list[str]:
    """The article's other questions whose best sentence is not among those shown; without any, its other headings."""
    shown = {(block.source, place) for block in blocks for place in range(block.first, block.last + 1)}
    if article.questions == (article.title,):
        begun = {article.sources[source].heading for source, place in shown if place == 0}
        return [text for text, path in article.headings if path not in begun]
    other = article.question_vectors @ question < SAME_QUESTION
    return [
        text
        for text, place, differs in zip(article.questions, article.answered_at, other, strict=True)
        if differs and place not in shown
    ]


def _nearest_other(article: Quotable, question: np.ndarray) -> list[str]:
    near = article.question_vectors @ question
    return [article.questions[at] for at in np.argsort(-near, kind="stable") if near[at] < SAME_QUESTION]
