"""From a message in its conversation to articles: a question by itself, behind the one before, or two at once.

A turn costs one search, and at most two more where it leans on the turn before or holds two questions.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from actions import context, wording
from kb_index.search import Hit

LOOKED_AT = 12  # articles a search that are compared
MAX_QUESTION = 400  # characters
# How much the search behind the question before counts beside the message's own: little where the message finds
# something by itself, and more the less it does; and what an article of the same category as the last answer gets on
# top, in log odds. Chosen on half of data/evaluation; the other half is reported in docs/answers.md.
BEHIND = 0.35
BEHIND_UNSURE = 0.5
BEHIND_ELLIPSIS = 1.0  # at least, for "and to Canada?"
SAME_CATEGORY = 2.0
AGREEMENT = 1.0  # both searches found it
FOUND = -2.0  # log odds from which a search counts as having found an article
LEAST_LEFT = 0.05  # of probability, for what is left after articles that were not it
CLEARLY_NEW = 1.0  # log odds by which a message does better alone before it starts a new topic


@dataclass(frozen=True)
class Topic:
    """What the conversation is about: the question that began it, the newest follow-up, and the article's category."""

    question: str = ""
    follow_up: str = ""
    category: str = ""

    @classmethod
    def of(cls, value: Any) -> "Topic":
        """Read it from a slot; anything else than what `to_slot` wrote is no topic."""
        known = value if isinstance(value, dict) else {}
        return cls(
            **{name: str(known.get(name) or "")[:MAX_QUESTION] for name in ("question", "follow_up", "category")}
        )

    def to_slot(self) -> dict[str, str]:
        return {"question": self.question, "follow_up": self.follow_up, "category": self.category}

    @property
    def text(self) -> str:
        """The questions so far as one, the newest end kept where they are long."""
        return f"{self.question} {self.follow_up}".strip()[-MAX_QUESTION:]


@dataclass(frozen=True)
class Found:
    """Articles for one question, the likeliest first; `question` is what it was understood to be.

    `vector` is the embedding to choose sentences by, `said` that of the customer's own words.
    """

    question: str
    vector: np.ndarray
    said: np.ndarray
    hits: list[Hit]
    topic: Topic
    leaned: bool = False

    @property
    def score(self) -> float:
        """How sure the best article is."""
        return self.hits[0].score if self.hits else 0.0


def find(text: str, vector: np.ndarray | None, topic: Topic, brief_counts: bool = True) -> list[Found]:
    """Return what was asked, each with its articles: one question, or two where both have an answer of their own."""
    text = text[:MAX_QUESTION]
    pair = wording.two_questions(text)
    leans = wording.leaning(pair[0] if pair else text, brief_counts) if topic.question else 0
    if leans:
        return [_behind(text, vector, topic)]
    alone = _alone(text, vector)
    return (pair and _both(pair, alone)) or [alone]


def search(question: str, vector: np.ndarray | None = None) -> tuple[np.ndarray, list[Hit]]:
    """Return the embedding of the question as it was understood, slips corrected, and its articles.

    `vector` saves encoding it where there was nothing to correct.
    """
    knowledge = context.knowledge()
    understood = knowledge.corrected(question)
    if vector is None or understood != " ".join(question.split()):
        vector = context.encoder().encode([understood])[0]
    return vector, knowledge.search(understood, limit=LOOKED_AT, embedding=vector)


def _alone(text: str, vector: np.ndarray | None = None) -> Found:
    vector, hits = search(text, vector)
    return Found(text, vector, vector, hits, Topic(text, "", _category(hits)))


def _behind(text: str, vector: np.ndarray | None, topic: Topic) -> Found:
    """Understand a message behind the question before it, unless it does clearly better alone."""
    said = wording.bare(text)
    alone = _alone(said, vector if said == text else None)
    together = f"{topic.text} {said}"[-MAX_QUESTION:]
    behind, joined = search(together)
    weight = max(_weight(alone), BEHIND_ELLIPSIS if wording.carries_on(text) and _is_brief(said) else 0.0)
    hits = fuse(alone.hits, joined, weight, topic.category)
    if not hits or (alone.hits and hits[0].article_id == alone.hits[0].article_id and _is_new(alone.hits[0], joined)):
        return replace(alone, hits=hits)
    follows = Topic(topic.question, said, _category(hits) or topic.category)
    # What is new in the follow-up chooses the sentences as much as the topic does: the row of Canada, not any row.
    both = behind + alone.vector
    return Found(together, both / np.linalg.norm(both), alone.said, hits, follows, leaned=True)


def _is_new(best: Hit, joined: list[Hit]) -> bool:
    there = next((log_odds(hit.score) for hit in joined if hit.article_id == best.article_id), -math.inf)
    return best.score >= context.settings().answer_threshold and there < log_odds(best.score) - CLEARLY_NEW


def _both(pair: tuple[str, str], whole: Found) -> list[Found] | None:
    """Return both questions where each finds an article of its own, one of them surely, else None."""
    settings = context.settings()
    first = _alone(pair[0])
    if first.score < settings.another_threshold:
        return None
    second = _alone(pair[1])
    if wording.leaning(pair[1]):
        # "... and how long is it guaranteed": what "it" is stands in the whole, and its article has been named.
        named = [first.hits[0].article_id]
        merged = fuse(without(second.hits, named), without(whole.hits, named), _weight(second), _category(first.hits))
        second = replace(second, hits=merged)
    if not second.hits or first.hits[0].article_id == second.hits[0].article_id:
        return None
    sure, unsure = max(first.score, second.score), min(first.score, second.score)
    if sure < settings.answer_threshold or unsure < settings.another_threshold:
        return None
    return [first, second]


def _is_brief(said: str) -> bool:
    return len(said.split()) <= wording.BRIEF_WORDS


def _weight(alone: Found) -> float:
    return BEHIND + BEHIND_UNSURE * (1 - alone.score) ** 2


def fuse(alone: list[Hit], joined: list[Hit], weight: float, category: str) -> list[Hit]:
    """Merge two searches' hits, best first, each with the better of its scores, raised where both found it."""
    # A search's floor stands in for the articles that it did not bring up.
    by_itself = {hit.article_id: hit for hit in alone}
    behind = {hit.article_id: hit for hit in joined}
    floors = [min((log_odds(hit.score) for hit in hits), default=-8.0) - 1 for hits in (alone, joined)]

    def odds(article_id: str) -> tuple[float, float]:
        return (
            log_odds(by_itself[article_id].score) if article_id in by_itself else floors[0],
            log_odds(behind[article_id].score) if article_id in behind else floors[1],
        )

    def rank(article_id: str) -> float:
        one, other = odds(article_id)
        same = category and (behind.get(article_id) or by_itself[article_id]).category == category
        return one + weight * other + (SAME_CATEGORY if same else 0.0)

    merged = []
    for article_id in sorted(by_itself | behind, key=lambda each: (-rank(each), each)):
        one, other = odds(article_id)
        sure = max(one, other) + (AGREEMENT if min(one, other) > FOUND else 0.0)
        hit = behind.get(article_id) or by_itself[article_id]
        merged.append(replace(hit, score=_probability(sure)))
    return merged


def without(hits: list[Hit], shown: set[str] | list[str]) -> list[Hit]:
    """Return the other articles, each with its chance of being right now that those shown are known not to be."""
    gone = sum(hit.score for hit in hits if hit.article_id in shown)
    left = max(1 - gone, LEAST_LEFT)
    return [replace(hit, score=min(hit.score / left, 1.0)) for hit in hits if hit.article_id not in shown]


def doubted(found: Found, odds: float) -> Found:
    """Lower each article's chance by some log odds, for a reason outside the search."""
    hits = [replace(hit, score=_probability(log_odds(hit.score) - odds)) for hit in found.hits]
    return replace(found, hits=hits)


def log_odds(probability: float) -> float:
    kept = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(kept / (1 - kept))


def _probability(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def _category(hits: list[Hit]) -> str:
    return hits[0].category if hits and hits[0].score >= context.settings().another_threshold else ""
