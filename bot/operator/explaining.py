"""Why a message gets the answer that it gets: the real turn taken in an empty chat, with everything that led to it.

Nothing is stored and nobody is told: the engine keeps no state of its own, and what its actions ask for (a person, an
opt-out) happens where replies are stored, which is not done here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from anyio import to_thread

from bot.conversations.masking import Masked, masked
from bot.conversations.records import Reply, Uttered
from bot.conversations.text import cleaned
from bot.db import now
from bot.dialogue.engine import Engine, EngineDown, TurnRequest, TurnResult, Understanding
from bot.dialogue.languages import HANDED_ON, NAMES, Guess, Languages
from bot.dialogue.noticing import Noticing
from bot.dialogue.services import to_reply
from bot.dialogue.tone import toned
from bot.escalation.decision import HAND_OVER, Decision, careful, decide
from bot.escalation.signals import Signals
from bot.operator.bars import Bars, bars
from kb_index.search import Hit, KnowledgeBase

CANDIDATES = 6
INTENTS = 5
# A reply with more quick replies than the one that fetches a person asks back.
ONLY_PERSON = 1
MOST_CHOICES = 3


@dataclass(frozen=True)
class Outcome:
    """`code` is answer, clarify, say_so, hand_over, reply or silence; `why` are sentences."""

    code: str
    title: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """One message, and all that was found out about it; None or empty where it was not asked for any more."""

    typed: str
    safe: Masked
    guess: Guess | None
    signals: Signals
    decision: Decision
    outcome: Outcome
    question: str
    understood: Understanding | None = None
    result: TurnResult | None = None
    replies: tuple[Reply, ...] = ()
    hits: tuple[Hit, ...] = ()
    bars: Bars | None = None
    problem: str = ""

    @property
    def searched(self) -> bool:
        """Whether this turn looked for an article, as far as its action's name tells."""
        return self.result is not None and _looks_for_articles(self.result)

    @property
    def noticed(self) -> dict[str, Any]:
        """The signals that are there."""
        return {name: value for name, value in self.signals.to_dict().items() if value}


@dataclass
class _Asked:
    """What the engine answered, as far as it did; `before` and `state` are those after the message before."""

    signals: Signals = field(default_factory=Signals)
    before: list[Uttered] = field(default_factory=list)
    understood: Understanding | None = None
    state: dict[str, Any] | None = None
    result: TurnResult | None = None
    problem: str = ""


@dataclass(frozen=True)
class Threshold:
    """A setting that a score is held against."""

    name: str
    value: float
    description: str = ""


@dataclass(frozen=True)
class Inspector:
    """Explains messages with the very parts that answer customers."""

    engine: Engine
    noticing: Noticing
    languages: Languages
    knowledge: KnowledgeBase
    thresholds: tuple[Threshold, ...] = field(default=())

    async def explain(self, typed: str, before: str = "") -> Explanation:
        """`before` is what the customer said one message earlier. Raises Invalid for what nobody could send."""
        safe = masked(cleaned(typed))
        earlier = masked(cleaned(before)).text if before.strip() else ""
        guess = self.languages.guess(safe.text)
        asked = await self._ask(safe.text, earlier, guess)
        result, understood, signals = asked.result, asked.understood, asked.signals
        intent, confidence = understood.ranking[0] if understood and understood.ranking else (None, 0.0)
        if result:
            intent, confidence = result.intent, result.confidence
        failed = int(((asked.state or {}).get("slots") or {}).get("failed_answers") or 0)
        decision = decide(signals, intent, confidence, failed)
        question = _searched(result) or safe.text
        hits = tuple(await to_thread.run_sync(self._search, question))
        replies = toned(_replies(result), signals, decision, asked.before)
        outcome = self._outcome(guess, decision, result, hits, asked.problem)
        if not result and not asked.problem and guess:
            replies = [Reply(HANDED_ON.get(guess.language, HANDED_ON["en"]))]
        return Explanation(
            typed=typed,
            safe=safe,
            guess=guess,
            signals=signals,
            decision=decision,
            outcome=outcome,
            question=question,
            understood=understood,
            result=result,
            replies=tuple(replies),
            hits=hits,
            bars=bars(hits),
            problem=asked.problem,
        )

    async def _ask(self, text: str, earlier: str, guess: Guess | None) -> _Asked:
        asked = _Asked()
        try:
            if earlier:
                at = now()
                first = await self._turn(earlier, None, await self.noticing.of(earlier))
                asked.state = first.state
                asked.before = [
                    Uttered(True, earlier, at),
                    *(Uttered(False, each.text, at, each.kind == "answer") for each in _replies(first)),
                ]
            asked.signals = await self.noticing.of(text, asked.before)
            asked.understood = await self.engine.understand(text)
            # As in bot/dialogue: a form's answers are in no language.
            if not (guess and guess.foreign) or (asked.state or {}).get("active_loop"):
                asked.result = await self._turn(text, asked.state, asked.signals)
        except EngineDown as error:
            asked.problem = str(error)
        return asked

    async def _turn(self, text: str, state: dict[str, Any] | None, signals: Signals) -> TurnResult:
        request = TurnRequest(
            uuid4().hex, 1, text, state, signals.to_dict(), {"locale": "en", "careful": careful(signals)}
        )
        return await self.engine.take_turn(request)

    def _search(self, question: str) -> list[Hit]:
        self.knowledge.refresh()
        return self.knowledge.search(question, limit=CANDIDATES)

    def _outcome(
        self,
        guess: Guess | None,
        decision: Decision,
        result: TurnResult | None,
        hits: tuple[Hit, ...],
        problem: str,
    ) -> Outcome:
        if problem:
            return Outcome("hand_over", "Hands over to a person", (f"The engine did not answer: {problem}",))
        if result is None:
            assert guess is not None
            own = NAMES[self.languages.articles]
            why = (f"It is {guess.why}.", f"The articles are in {own}, so the engine is not asked.")
            return Outcome("hand_over", "Hands over to a person", why)
        handoff = next((message for message in result.messages if message.get("type") == "handoff"), None)
        if handoff:
            decided = decision.reasons if decision.outcome == HAND_OVER else ()
            why = tuple(map(str, handoff.get("reasons") or decided)) or (f"The action says: {handoff.get('reason')}.",)
            return Outcome("hand_over", "Hands over to a person", why)
        return self._said(result, hits)

    def _said(self, result: TurnResult, hits: tuple[Hit, ...]) -> Outcome:
        by = f"Intent {result.intent} ({result.confidence:.2f}) led to {result.action or 'no action'}."
        answers = [message for message in result.messages if message.get("type") == "answer"]
        if answers:
            return Outcome("answer", "Answers from an article", (by, *map(self._answered, answers)))
        if not result.messages:
            return Outcome("silence", "Says nothing, so a person is asked for", (by,))
        if not _looks_for_articles(result):
            return Outcome("reply", "Replies without looking for an article", (by,))
        best = f"The best candidate, “{hits[0].title}”, scores {hits[0].score:.2f}." if hits else "Nothing was found."
        why = (by, best, self._compared(hits[0].score if hits else 0.0))
        offered = max(len(message.get("quick_replies") or []) for message in result.messages)
        if offered > ONLY_PERSON:
            together = sum(hit.score for hit in hits[:MOST_CHOICES])
            likely = f"The likeliest {len(hits[:MOST_CHOICES])} are right with {min(together, 1.0):.2f} together."
            return Outcome("clarify", "Asks which one is meant", (*why, likely))
        return Outcome("say_so", "Says that it does not know", why)

    def _answered(self, message: Mapping[str, Any]) -> str:
        article = message.get("article") or {}
        score = message.get("score")
        sure = f", sure to {float(score):.2f}" if score is not None else ""
        return f"“{article.get('title')}”{sure}. {self._compared(float(score)) if score is not None else ''}".strip()

    def _compared(self, score: float) -> str:
        held = [
            f"{'at or above' if score >= each.value else 'below'} {each.name} ({each.value:g})"
            for each in self.thresholds
        ]
        return f"That is {' and '.join(held)}."


def _replies(result: TurnResult | None) -> list[Reply]:
    return [reply for message in (result.messages if result else []) if (reply := to_reply(message, ""))]


def _looks_for_articles(result: TurnResult) -> bool:
    return "answer" in (result.action or "")


def _searched(result: TurnResult | None) -> str:
    """The question that the actions searched for: behind the one before, for a follow-up."""
    if result is None or not _looks_for_articles(result):
        return ""
    slots = (result.state or {}).get("slots") or {}
    return str(slots.get("last_question") or "")
