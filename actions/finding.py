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
BEHIND_PIECE = 1.5  # at least, for "and the green tea?"
BEHIND_MODIFIER = 2.0  # at least, for "and to Canada?"
LEAST_ALONE, MOST_ALONE = -2.0, 0.5  # log odds, between which a modifier says something by itself
BEHIND_FEW_WORDS, FEW_WORDS = 1.0, 2  # at least, for "ratio?"
# What a message with "it" adds to the article of the question before, to be about that, in log odds; nothing where
# both together are as sure as can be.
LEAST_GAIN, SURE_TOGETHER = 1.0, 3.0
SAME_CATEGORY = 2.0
KINDRED = 1.0  # what the unsure one of two questions gets in the category of the other, in log odds
AGREEMENT = 1.0  # both searches found it
FOUND = -2.0  # log odds from which a search counts as having found an article
FEW_WORDS_OF_HALF, SURE_OF_HALF, BACKED = 4, 0.8, -3.0  # words, probability, log odds
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

    def before(self, said: str) -> str:
        """A message behind the questions so far, its own end kept where they are long."""
        return f"{self.text} {said}"[-MAX_QUESTION:]


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
    # The customer's own words find the same article, and surely.
    by_itself: bool = False

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


def behind_topic(found: Found, topic: Topic) -> tuple[np.ndarray, list[Hit]]:
    """Return the embedding and the articles of a message that finds nothing alone, read behind what was spoken of.

    Only articles that it brings up by itself too, and surely behind it: else it is about something new.
    """
    if not topic.question:
        return found.vector, []
    vector, hits = search(topic.before(found.question))
    alone = {hit.article_id for hit in found.hits}
    surely = [hit for hit in hits if hit.article_id in alone and hit.score >= context.settings().answer_threshold]
    return vector, surely


def search(question: str, vector: np.ndarray | None = None) -> tuple[np.ndarray, list[Hit]]:
    """Return the embedding of the question as it was understood, slips corrected, and its articles.

    `vector` saves encoding it where there was nothing to correct.
    """
    knowledge = context.knowledge()
    understood = knowledge.corrected(question)
    if vector is None or understood != " ".join(question.split()):
        vector = context.encoder().encode([understood])[0]
    return vector, knowledge.search(understood, limit=LOOKED_AT, embedding=vector)


def surely_answers(text: str) -> Hit | None:
    """Return the article that surely answers a message by itself, if there is one."""
    best = search(text[:MAX_QUESTION])[1][:1]
    return best[0] if best and best[0].score >= context.settings().answer_threshold else None


def _alone(text: str, vector: np.ndarray | None = None) -> Found:
    vector, hits = search(text, vector)
    return Found(text, vector, vector, hits, Topic(text, "", _category(hits)))


def _behind(text: str, vector: np.ndarray | None, topic: Topic) -> Found:
    """Understand a message behind the question before it, unless it does clearly better alone."""
    said = wording.bare(text)
    alone = _alone(said, vector if said == text else None)
    together = topic.before(said)
    behind, joined = search(together)
    weight = max(_weight(alone), _weight_of_wording(text, said))
    part = wording.is_modifier(said) or (wording.points_back(said) and _fits(said, joined, topic))
    hits = fuse(alone.hits, joined, weight, topic.category, part)
    if not hits or (alone.hits and hits[0].article_id == alone.hits[0].article_id and _is_new(alone.hits[0], joined)):
        return replace(alone, hits=hits)
    follows = Topic(topic.question, said, _category(hits) or topic.category)
    # What is new in the follow-up chooses the sentences as much as the topic does: the row of Canada, not any row.
    both = behind + alone.vector
    surely = alone.hits[:1] if alone.score >= context.settings().answer_threshold else []
    by_itself = hits[0].article_id in [hit.article_id for hit in surely]
    return Found(together, both / np.linalg.norm(both), alone.said, hits, follows, leaned=True, by_itself=by_itself)


def _fits(said: str, joined: list[Hit], topic: Topic) -> bool:
    """Whether a message, read behind the question before it, makes the article that this one found surer.

    So "how often do I change it?" behind a water filter is about the filter, whatever else it finds by itself;
    "how do I return it?" behind a kettle is not about choosing one.
    """
    before = search(topic.text)[1][:1]
    if not before or not joined or joined[0].article_id != before[0].article_id:
        return False
    together = log_odds(joined[0].score)
    least = 0.0 if together >= SURE_TOGETHER else LEAST_GAIN
    return wording.is_hollow(said) or together >= log_odds(before[0].score) + least


def _is_new(best: Hit, joined: list[Hit]) -> bool:
    there = next((log_odds(hit.score) for hit in joined if hit.article_id == best.article_id), -math.inf)
    return best.score >= context.settings().answer_threshold and there < log_odds(best.score) - CLEARLY_NEW


def _both(pair: tuple[str, str], whole: Found) -> list[Found] | None:
    """Return both questions where each finds an article of its own, one of them surely, else None.

    Where the whole finds nothing sure, one half that does is worth answering, whatever the other one finds.
    """
    first = _alone(pair[0])
    if _is_sure(whole) and first.score < context.settings().another_threshold:
        return None
    second = _alone(pair[1])
    if wording.leaning(pair[1]):
        # "... and how long is it guaranteed": what "it" is stands in the whole, and its article has been named.
        named = [hit.article_id for hit in first.hits[:1]]
        left = without(second.hits, named), without(whole.hits, named)
        second = replace(second, hits=fuse(*left, _weight(second), _category(first.hits)))
    if not _are_two(first, second, whole, wording.leaning(wording.bare(pair[1])) > 0):
        return None
    if first.score > second.score:
        return [first, replace(second, hits=kindred(second.hits, _category(first.hits)))]
    return [replace(first, hits=kindred(first.hits, _category(second.hits))), second]


def _are_two(first: Found, second: Found, whole: Found, second_leans: bool) -> bool:
    settings = context.settings()
    if not wording.asks(second.question) and second.score < settings.answer_threshold:
        # "I need coffee in the mornings!" is no question behind one.
        return False
    found = [half.hits[0].article_id for half in (first, second) if half.hits]
    if len(set(found)) < 2 or max(first.score, second.score) < settings.answer_threshold:
        return False
    sure = _is_sure(whole)
    if sure and max(whole.hits, key=lambda hit: hit.score).article_id not in found:
        return False
    if sure and any(_is_by_chance(half, whole) for half in (first, second)):
        return False
    # Where the other half finds nothing, what "it" or "her" in this one means is not known either.
    needs_both = sure or (second_leans and first.score < second.score)
    return not needs_both or min(first.score, second.score) >= settings.another_threshold


def _is_by_chance(half: Found, whole: Found) -> bool:
    """Whether a few words ("is there a fee?") bring up an article that the whole message does not."""
    if len(half.question.split()) > FEW_WORDS_OF_HALF or half.score >= SURE_OF_HALF:
        return False
    backed = {hit.article_id for hit in whole.hits if log_odds(hit.score) > BACKED}
    return not backed.intersection(hit.article_id for hit in half.hits[:1])


def _is_sure(found: Found) -> bool:
    return any(hit.score >= context.settings().answer_threshold for hit in found.hits)


def _weight(alone: Found) -> float:
    return BEHIND + BEHIND_UNSURE * (1 - alone.score) ** 2


def _weight_of_wording(text: str, said: str) -> float:
    """The least that a piece of a sentence weighs the topic with: "and to Canada?", "ratio?"."""
    if wording.carries_on(text) and wording.is_fragment(said):
        return BEHIND_MODIFIER if wording.is_modifier(said) else BEHIND_PIECE
    return BEHIND_FEW_WORDS if len(said.split()) <= FEW_WORDS else 0.0


def fuse(alone: list[Hit], joined: list[Hit], weight: float, category: str, modifier: bool = False) -> list[Hit]:
    """Merge two searches' hits, best first, each with the better of its scores, raised where both found it.

    `modifier`: what was searched `alone` is only a part of a question, so that neither what it finds nor what it does
    not is sure.
    """
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
        if modifier:
            one = min(max(one, LEAST_ALONE), MOST_ALONE)
        same = category and (behind.get(article_id) or by_itself[article_id]).category == category
        return one + weight * other + (SAME_CATEGORY if same else 0.0)

    merged = []
    for article_id in sorted(by_itself | behind, key=lambda each: (-rank(each), each)):
        one, other = odds(article_id)
        sure = max(one, other) + (AGREEMENT if min(one, other) > FOUND else 0.0)
        hit = behind.get(article_id) or by_itself[article_id]
        merged.append(replace(hit, score=_probability(sure)))
    return merged


def kindred(hits: list[Hit], category: str) -> list[Hit]:
    """Raise the chances of articles of a category that the same message is about already."""

    def raised(hit: Hit) -> Hit:
        return replace(hit, score=_probability(log_odds(hit.score) + KINDRED))

    return [raised(hit) if category and hit.category == category else hit for hit in hits]


def without(hits: list[Hit], shown: set[str] | list[str]) -> list[Hit]:
    """Return the other articles, each with its chance of being right now that those shown are known not to be."""
    others = [hit for hit in hits if hit.article_id not in shown]
    gone = sum(hit.score for hit in hits if hit.article_id in shown)
    # The scores are chances of each by itself and may add up to more than one.
    left = max(1 - gone, sum(hit.score for hit in others) + LEAST_LEFT)
    return [replace(hit, score=min(hit.score / left, 1.0)) for hit in others]


def next_best(hits: list[Hit], shown: set[str] | list[str], nearness: float) -> list[Hit]:
    """Return what is left after articles that were not it and is near enough to the question, the likeliest first.

    `nearness` is the least share of the best one's place in the ranking: where a search was sure of one article, the
    chances of the others say no more than that.
    """
    best = max((hit.parts.get("combined", 0.0) for hit in hits), default=0.0)
    return [hit for hit in without(hits, shown) if hit.parts.get("combined", 0.0) >= nearness * best]


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
