"""What becomes of the engine's answers: stored, handed over, or given up on, in one transaction."""

import pytest

from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.desk import services as desk
from bot.desk.models import Handoff
from bot.dialogue.engine import TurnResult
from bot.dialogue.services import finish, give_up, to_reply
from bot.escalation.signals import Signals
from bot.events import QUEUE

CALM = Signals()
URL = "https://support.example"
ARTICLE = {"id": "returns", "title": "Returns", "section": "How long", "anchor": "how-long"}


@pytest.fixture
async def turn(db):
    def ask(session):
        customer = customers.new_visitor(session, "en")
        conversation = conversations.current_of(session, customer.id)
        posted = turns.post_customer_message(session, conversation.id, customer.id, "c1", "can I return it?")
        return posted.turn

    return await db.write(ask)


def result(*messages, intent="ask_question", state=None):
    return TurnResult(list(messages), intent, 0.9, "RulePolicy", state or {"slots": {}, "active_loop": None})


async def stored(db, turn):
    return await db.read(conversations.messages_after, turn.conversation_id, 0)


async def store(db, turn, answer, signals=CALM):
    return await db.write(finish, turn, answer, signals, URL)


async def test_an_answer_is_stored_with_its_article_and_asks_whether_it_helped(db, turn):
    await store(db, turn, result({"type": "answer", "text": "Within 30 days.", "article": ARTICLE, "score": 0.9}))
    reply = (await stored(db, turn))[-1]
    assert (reply.author, reply.kind, reply.text) == ("bot", "answer", "Within 30 days.")
    assert reply.extra["article"]["url"] == f"{URL}/help/returns#how-long"
    assert reply.extra["ask_helped"] is True


async def test_the_agent_reads_what_is_upsetting_and_which_order_it_is_about(db, turn):
    handed = {
        "type": "handoff",
        "reason": "asked_for_person",
        "reasons": [],
        "about": "The order spoken of is KF-10205.",
    }
    signals = Signals(asks_for_person=True, says_upset=True, grief=True)
    await store(db, turn, result(handed, intent="out_of_scope"), signals)
    entry = await db.read(desk.entry, turn.conversation_id)
    assert entry.handoff.reasons == [
        "The customer asked for a person.",
        "Somebody has died.",
        "Says that they are upset.",
        "The order spoken of is KF-10205.",
    ]


async def test_a_hand_off_changes_owner_tells_the_customer_and_queues_with_full_context(db, turn):
    shown = {"type": "answer", "text": "Within 30 days.", "article": ARTICLE}
    with db._hub.listen(QUEUE) as desk_listener:
        await store(db, turn, result(shown, {"type": "handoff", "reason": "unresolved", "reasons": ["Two failed."]}))
        assert await desk_listener.wait(0.5)
    messages = await stored(db, turn)
    assert [m.kind for m in messages] == ["text", "answer", "notice"]
    entry = await db.read(desk.entry, turn.conversation_id)
    assert entry.conversation.owner == "queue"
    assert (entry.handoff.reason, entry.handoff.reasons) == ("unresolved", ["Two failed."])
    assert entry.handoff.tried == ["Returns"]
    assert "can I return it?" in entry.handoff.summary


async def test_the_decisions_own_reasons_reach_the_agent(db):
    def ask(session):
        customer = customers.new_visitor(session, "en")
        conversation = conversations.current_of(session, customer.id)
        text = "this is useless, I am fed up!!!"
        return turns.post_customer_message(session, conversation.id, customer.id, "c1", text).turn

    turn = await db.write(ask)
    upset = Signals(frustration=0.9, mood_reasons=("The words are angry.",))
    handed = {"type": "handoff", "reason": "asked_for_person", "reasons": []}
    await store(db, turn, result(handed, intent="nlu_fallback"), upset)
    handoff = (await db.read(desk.entry, turn.conversation_id)).handoff
    assert (handoff.reason, handoff.reasons) == ("frustrated", ["The words are angry."])


async def test_an_engine_that_says_nothing_is_no_silence(db, turn):
    await store(db, turn, result())
    assert (await stored(db, turn))[-1].extra["notice"] == "bot_unavailable"


async def test_giving_up_twice_asks_for_one_person_and_tells_once(db, turn):
    await db.write(give_up, turn)
    await db.write(give_up, turn)
    assert [m.kind for m in await stored(db, turn)] == ["text", "notice"]
    assert len(await db.read(lambda session: session.query(Handoff).all())) == 1


async def test_opting_out_is_remembered_with_the_customer(db, turn):
    await store(db, turn, result({"type": "opt_out"}, {"type": "text", "text": "Done."}))

    def opted_out(session):
        conversation = conversations.get(session, turn.conversation_id)
        return conversations.customer_of(session, conversation).opted_out_at

    assert await db.read(opted_out) is not None


async def test_the_state_is_stored_with_the_reply_and_travels_with_the_next_turn(db, turn):
    state = {"slots": {"order_topic": "status"}, "active_loop": "order_form"}
    await store(db, turn, result({"type": "text", "text": "Which order?"}, state=state))

    def ask(session):
        conversation = conversations.get(session, turn.conversation_id)
        return turns.post_customer_message(session, conversation.id, conversation.customer_id, "c2", "KF-10234").turn

    assert (await db.write(ask)).state == state


@pytest.mark.parametrize(
    "message",
    [{"type": "text", "text": "  "}, {"type": "answer"}, {"type": "handoff", "text": "x"}, {"type": "unheard"}, {}],
)
def test_what_cannot_be_shown_is_no_message(message):
    assert to_reply(message, URL) is None
