"""One turn: ask the engine, then store what it says, or hand over; always under the turn's lease."""

import asyncio
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bot import tasks
from bot.conversations import services as conversations
from bot.conversations import turns
from bot.conversations.records import Reply, Turn
from bot.db import Database
from bot.desk import services as desk
from bot.dialogue.engine import Engine, EngineDown, TurnRequest, TurnResult, encoder_failed
from bot.dialogue.languages import HANDED_ON, NAMES, Languages
from bot.dialogue.noticing import Noticing
from bot.dialogue.tone import toned
from bot.errors import NotFound, Unavailable
from bot.escalation.decision import HAND_OVER, Decision, careful, decide
from bot.escalation.signals import Signals

log = structlog.get_logger(__name__)

# What a vote under an answer means to the engine, whatever language its button was in.
VOTE_TEXTS = {True: "Yes, that helped, thank you", False: "No, that did not help"}
SWEEP_S = 2.0
# From this chance of frustration on it counts that the customer complained lately.
COMPLAINT_COUNTS = 0.4
# Storing a reply is tried for as long as the lease holds; then another worker takes the turn over.
STORE_ATTEMPTS = 4


class Dialogue:
    """Takes the bot's turns in the background of one web process."""

    def __init__(self, db: Database, engine: Engine, noticing: Noticing, languages: Languages, public_url: str) -> None:
        self._db = db
        self._engine = engine
        self._noticing = noticing
        self._languages = languages
        self._public_url = public_url
        self._running: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._db.is_sqlite:
            await self._db.write(turns.expire_all_leases)
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        await tasks.end(self._sweeper)
        if self._running:
            # A turn cut short here is taken by the next process: its lease runs out.
            _, late = await asyncio.wait(self._running, timeout=3)
            for task in late:
                task.cancel()
        await self._engine.close()

    def begin(self, turn: Turn | None) -> None:
        if turn is None:
            return
        task = asyncio.create_task(self._take(turn))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _sweep(self) -> None:
        while True:
            try:
                overdue = await self._db.write(turns.overdue_turns) if await self._db.read(turns.any_overdue) else []
                for turn in overdue:
                    log.info("turn_taken_over", conversation=turn.conversation_id, sequence=turn.sequence)
                    self.begin(turn)
            except Unavailable:
                log.warning("turns_not_swept")
            await asyncio.sleep(SWEEP_S)

    async def _take(self, first: Turn) -> None:
        turn: Turn | None = first
        while turn is not None:
            language = foreign(turn, self._languages)
            if language:
                turn = await self._store(hand_on, turn, language, self._languages.articles)
                continue
            try:
                signals = await self._notice(turn)
                result = await self._engine.take_turn(_request(turn, signals))
                turn = await self._store(finish, turn, result, signals, self._public_url)
            except EngineDown as problem:
                log.error("engine_down", conversation=turn.conversation_id, error=str(problem))
                turn = await self._store(give_up, turn)

    async def _notice(self, turn: Turn) -> Signals:
        """Raises EngineDown."""
        if turn.vote is not None:
            # Its words are the widget's.
            return Signals()
        try:
            signals = await self._noticing.notice(turn)
        except Exception as problem:
            raise encoder_failed(problem) from problem
        if signals.frustration < COMPLAINT_COUNTS:
            return signals
        # Asked only where it can make a difference, which is seldom.
        complained = await self._db.read(desk.complained_lately, turn.conversation_id)
        return replace(signals, complained=complained)

    async def _store(self, work: Any, turn: Turn, *args: Any) -> Turn | None:
        for attempt in range(STORE_ATTEMPTS):
            try:
                return await self._db.write(work, turn, *args)
            except Unavailable:
                await asyncio.sleep(0.5 * 2**attempt)
            except NotFound:
                return None
        log.error("reply_not_stored", conversation=turn.conversation_id, sequence=turn.sequence)
        return None


def foreign(turn: Turn, languages: Languages) -> str | None:
    """The language of the message where nothing but a person can answer it."""
    # A form asks for names, numbers and addresses, whose words are of any language; a vote's words are the widget's.
    if turn.vote is not None or (turn.state or {}).get("active_loop"):
        return None
    return languages.foreign(turn.text)


def _request(turn: Turn, signals: Signals) -> TurnRequest:
    return TurnRequest(
        conversation_id=turn.conversation_id,
        sequence=turn.sequence,
        text=turn.text if turn.vote is None else VOTE_TEXTS[turn.vote],
        state=turn.state,
        signals=signals.to_dict(),
        context={"locale": turn.locale, "careful": careful(signals)},
    )


def finish(session: Session, turn: Turn, result: TurnResult, signals: Signals, public_url: str) -> Turn | None:
    """Store the replies; a hand-off among them happens in the same transaction."""
    handoff = next((message for message in result.messages if message.get("type") == "handoff"), None)
    replies = [reply for message in result.messages if (reply := to_reply(message, public_url))]
    if not replies and handoff is None and not any(m.get("type") == "opt_out" for m in result.messages):
        log.error("engine_said_nothing", conversation=turn.conversation_id, intent=result.intent)
        return give_up(session, turn)
    decision = _decision(turn, result, signals)
    replies = toned(replies, signals, decision, turn.before)
    kept, following = turns.finish_turn(session, turn, replies, result.state)
    if not kept:
        log.info("late_reply_dropped", conversation=turn.conversation_id, sequence=turn.sequence)
        return None
    if any(message.get("type") == "opt_out" for message in result.messages):
        conversations.opt_out(session, turn.conversation_id)
    if handoff is None:
        return following
    reason, reasons = _why(decision, handoff)
    if handoff.get("about"):
        reasons.append(str(handoff["about"]))
    desk.hand_over(session, conversations.get(session, turn.conversation_id), reason, reasons)
    return None


def hand_on(session: Session, turn: Turn, language: str, articles: str) -> Turn | None:
    """Say in the customer's language that a person is needed, and ask for one. The engine is not asked."""
    kept, _ = turns.finish_turn(session, turn, [Reply(HANDED_ON.get(language, HANDED_ON["en"]))], None)
    if kept:
        reasons = [f"Writes in {NAMES[language]}; the assistant answers in {NAMES[articles]} only."]
        desk.hand_over(session, conversations.get(session, turn.conversation_id), "other_language", reasons, language)
    return None


def give_up(session: Session, turn: Turn) -> Turn | None:
    """The engine did not answer: the customer is told, and a person asked for."""
    conversation = conversations.get(session, turn.conversation_id, for_update=True)
    if turns.holds(conversation, turn):
        reasons = ["The assistant did not answer, so nobody has looked at this yet."]
        desk.hand_over(session, conversation, "engine_unavailable", reasons)
    return None


def _decision(turn: Turn, result: TurnResult, signals: Signals) -> Decision:
    """What the engine's policy decided on, and what it leaves to here: offering a person."""
    slots = (turn.state or {}).get("slots") or {}
    return decide(signals, result.intent, result.confidence, int(slots.get("failed_answers") or 0))


def _why(decision: Decision, handoff: dict[str, Any]) -> tuple[str, list[str]]:
    """The decision's own reasons where it was the decision, and the action's otherwise."""
    if handoff.get("reasons"):
        return str(handoff.get("reason")), [str(reason) for reason in handoff["reasons"]]
    if decision.outcome == HAND_OVER and decision.reason:
        return decision.reason, list(decision.reasons)
    return str(handoff.get("reason") or "asked_for_person"), []


def to_reply(message: dict[str, Any], public_url: str) -> Reply | None:
    """A typed reply of the engine as a message to store, or None for one that is not shown."""
    text = str(message.get("text") or "").strip()
    if message.get("type") not in ("text", "answer") or not text:
        return None
    extra: dict[str, Any] = {}
    if message.get("quick_replies"):
        extra["quick_replies"] = message["quick_replies"]
    article = message.get("article")
    if message["type"] == "answer" and article:
        anchor = f"#{article['anchor']}" if article.get("anchor") else ""
        extra["article"] = {
            "id": article["id"],
            "title": article["title"],
            "section": article.get("section") or "",
            "url": f"{public_url}/help/{article['id']}{anchor}",
        }
        extra["ask_helped"] = True
    return Reply(text=text, kind=message["type"], extra=extra or None)
