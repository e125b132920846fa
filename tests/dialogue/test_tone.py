"""How a reply sounds: an apology says what is so, and nothing that the customer did not show."""

import pytest

from bot.conversations.records import Reply, Uttered
from bot.db import now
from bot.dialogue import tone
from bot.dialogue.embeddings import Embeddings
from bot.dialogue.noticing import Noticing
from bot.escalation.decision import decide

BOT = "I'm an automated assistant. I answer from our help articles, and I can fetch a person for you."
ANSWER = Reply("I can answer questions, and look up an order.")


@pytest.fixture
def noticing(encoder):
    embeddings = Embeddings(encoder)
    yield Noticing(embeddings)
    embeddings.close()


async def said(noticing, *texts, replied=BOT):
    before = [each for text in texts[:-1] for each in (Uttered(True, text, now()), Uttered(False, replied, now()))]
    signals = await noticing.of(texts[-1], before)
    decision = decide(signals, None, 0.0, 0)
    return [reply.text for reply in tone.toned([ANSWER], signals, decision, before)]


async def test_a_calm_customer_is_not_told_to_be_frustrated_because_the_assistant_repeats_itself(noticing):
    replies = await said(noticing, "is this a robot?", "are you chatgpt", "what can you do")
    assert tone.UPSET not in replies
    assert replies[-1] == ANSWER.text


async def test_a_customer_who_shows_it_is_told_so(noticing):
    replies = await said(noticing, "is this a robot?", "what can you even do, this is so annoying")
    assert replies[0] == tone.UPSET


async def test_who_is_told_sorry_is_not_told_again_at_once(noticing):
    replies = await said(noticing, "are you a bot", "are you chatgpt", "what can you do", replied=tone.REPEATED)
    assert tone.REPEATED not in replies and tone.UPSET not in replies


async def test_an_article_that_speaks_of_nothing_is_no_answer_that_found_nothing(noticing):
    article = "There is no notice period and no fee. If you cancel by Saturday, nothing more is charged."
    asked = Uttered(True, "I want to stop the monthly coffee", now())
    said = "just skip next month actually"
    quoted = await noticing.of(said, [asked, Uttered(False, article, now(), quoted=True)])
    own = await noticing.of(said, [asked, Uttered(False, article, now())])
    assert quoted.frustration < 0.5 < own.frustration
    assert not any("nothing" in reason for reason in quoted.mood_reasons)


@pytest.mark.parametrize(
    "text", ["my order KF-10234 is late and I am really annoyed", "\U0001f621\U0001f621 where is my parcel"]
)
async def test_who_says_in_so_many_words_that_they_are_upset_is_heard_whatever_else_they_ask(noticing, text):
    assert (await said(noticing, text))[0] == tone.UPSET


async def test_who_wants_to_be_sure_is_not_told_to_be_frustrated(noticing):
    article = "Your account is closed at once and erased after 14 days."
    replies = await said(
        noticing, "I want to delete my account", "are you sure everything is gone then", replied=article
    )
    assert replies[0] == tone.DOUBTED


async def test_who_has_lost_somebody_is_condoled_with_and_offered_a_person(noticing):
    assert (await said(noticing, "My husband died and I need to cancel his subscription"))[0] == tone.GRIEF
    assert tone.GRIEF not in await said(noticing, "my grinder died, it's not dead for long")
