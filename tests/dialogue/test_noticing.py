"""What is noticed of a conversation besides the words of one message, through the real encoder and database."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from bot.conversations import customers, turns
from bot.conversations import services as conversations
from bot.conversations.models import Customer
from bot.db import now
from bot.desk import claims
from bot.desk import services as desk
from bot.dialogue.embeddings import KEPT, Embeddings
from bot.dialogue.engine import TurnResult
from bot.dialogue.noticing import Noticing, minutes
from bot.dialogue.scripted import ScriptedEngine
from bot.dialogue.services import finish
from bot.escalation.signals import Signals
from tests.service import Client, running

URL = "https://support.example"


@pytest.fixture
def embeddings(encoder):
    made = Embeddings(encoder)
    yield made
    made.close()


@pytest.fixture
def noticing(embeddings):
    return Noticing(embeddings, frozenset({"roastery club"}))


@pytest.fixture
async def customer(db):
    return await db.write(lambda session: customers.new_visitor(session, "en").id)


async def say(db, customer_id, *texts, answer="We deliver within three working days."):
    """The turn of the last of `texts`; each of those before it got `answer`."""
    for number, text in enumerate(texts, start=1):

        def post(session, text=text):
            chat = conversations.current_of(session, customer_id)
            return turns.post_customer_message(session, chat.id, customer_id, uuid4().hex, text).turn

        turn = await db.write(post)
        if number < len(texts):
            told = TurnResult([{"type": "text", "text": answer}], "ask_question", 0.9, "RulePolicy", None)
            await db.write(finish, turn, told, Signals(), URL)
    return turn


async def test_a_turn_knows_what_both_sides_said_before(db, customer):
    turn = await say(db, customer, "where is my parcel", "and the second one?")
    said = [(each.by_customer, each.text) for each in turn.before]
    assert said == [(True, "where is my parcel"), (False, "We deliver within three working days.")]


async def test_the_same_question_in_other_words_is_noticed(db, customer, noticing):
    texts = ["when will my parcel arrive?", "what time does the package get delivered?", "when does my parcel come?"]
    signals = await noticing.notice(await say(db, customer, *texts))
    assert signals.repeated == 2
    assert signals.frustration > (await noticing.of(texts[-1])).frustration


async def test_a_follow_up_is_not_the_same_question(db, customer, noticing):
    signals = await noticing.notice(await say(db, customer, "do you ship to Spain?", "how do I clean a grinder?"))
    assert signals.repeated == 0


async def test_what_the_page_reported_counts_for_half_an_hour_and_until_a_person_has_dealt_with_it(
    db, customer, noticing
):
    chat = await db.write(lambda session: conversations.current_of(session, customer).id)
    for _ in range(2):
        await db.write(conversations.report_trouble, chat, customer, "payment_failed")
    turn = await say(db, customer, "it does not work")
    signals = await noticing.notice(turn)
    assert (signals.trouble, signals.troubles) == ("payment_failed", 2)
    later = await noticing.notice(replace(turn, at=turn.at + timedelta(hours=1)))
    assert (later.trouble, later.troubles) == (None, 0)

    def ask_for_a_person(session):
        desk.hand_over(session, conversations.current_of(session, customer), "frustrated", [])

    mia = ("a" * 32, "Mia")
    await db.write(ask_for_a_person)
    await db.write(claims.claim, chat, mia)
    await db.write(desk.resolve, chat, mia)
    assert (await say(db, customer, "x1", "x2")).trouble is None


async def test_nobody_reports_trouble_for_somebody_else(db, customer):
    chat = await db.write(lambda session: conversations.current_of(session, customer).id)
    with pytest.raises(conversations.Forbidden):
        await db.write(conversations.report_trouble, chat, "f" * 32, "payment_failed")


@pytest.mark.parametrize(("plan", "valued"), [("Roastery Club", True), ("Basic", False), (None, False)])
async def test_who_is_on_a_plan_that_comes_first_is_known(db, customer, noticing, plan, valued):
    await db.write(lambda session: setattr(session.get(Customer, customer), "plan", plan))
    assert (await noticing.notice(await say(db, customer, "hello"))).valued is valued


async def test_a_complaint_of_the_last_weeks_is_known_and_an_old_one_is_forgotten(db, customer):
    chat = await db.write(lambda session: conversations.current_of(session, customer).id)
    assert not await db.read(desk.complained_lately, chat)

    def complain(session):
        return desk.hand_over(session, conversations.current_of(session, customer), "complaint", [])

    await db.write(complain)
    assert await db.read(desk.complained_lately, chat)

    def long_ago(session):
        desk.newest_handoff(session, chat).requested_at = now() - timedelta(days=15)

    await db.write(long_ago)
    assert not await db.read(desk.complained_lately, chat)


def test_minutes_leave_out_pauses_and_a_clock_that_was_set_back():
    at = now()
    assert minutes([]) == minutes([at]) == 0
    moments = [
        at,
        at + timedelta(minutes=1),
        at + timedelta(days=1),
        at + timedelta(hours=1),
        at + timedelta(minutes=62),
    ]
    assert minutes(moments) == 3.0


async def test_each_text_is_encoded_once_and_no_more_are_kept_than_said(encoder):
    class Counting:
        version = encoder.version
        made = 0

        def encode(self, texts):
            self.made += len(texts)
            return encoder.encode(["x"])

    counting = Counting()
    embeddings = Embeddings(counting)
    for _ in range(3):
        await embeddings.of("hello")
    assert counting.made == 1

    def fill():
        for number in range(KEPT):
            embeddings.encode(f"text {number}")

    await embeddings.run(fill)
    assert len(embeddings._kept) == KEPT
    await embeddings.of("hello")
    assert counting.made == KEPT + 2
    embeddings.close()


async def test_an_upset_customer_hears_that_first_gets_no_cheer_and_is_offered_a_person(db_url):
    async def script(request):
        messages = [{"type": "text", "text": "Great! It is on its way!"}]
        return TurnResult(messages, "ask_question", 0.6, "RulePolicy", None)

    engine = ScriptedEngine(script)
    with running(db_url, engine) as service, Client(service.url) as chat:
        assert chat.ask("where is my parcel")["text"] == "Great! It is on its way!"
        said = chat.ask("you told me that already and it is still not here!")
        assert "sorry" in said["text"]
        reply = chat.expect("message", author="bot", sequence=said["sequence"] + 1)
        assert "!" not in reply["text"] and "Great" not in reply["text"]
        assert reply["quick_replies"][-1]["title"] == "Talk to a person"
        assert engine.requests[-1].context["careful"] and not engine.requests[0].context["careful"]
        assert engine.requests[-1].signals["mood_reasons"]


async def test_an_encoder_that_fails_does_not_leave_a_message_in_silence(db_url):
    async def script(request):
        raise AssertionError("the engine is not asked")

    def broken(text):
        raise RuntimeError("out of memory")

    with running(db_url, ScriptedEngine(script)) as service, Client(service.url) as chat:
        service.app.state.embeddings.encode = broken
        assert chat.ask("a text that nobody has sent before")["notice"] == "bot_unavailable"
        chat.expect("owner", owner="queue")
