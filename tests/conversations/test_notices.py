"""Notices that come in the customer's language although the widget does not know them."""

import pytest

from bot.channels import frames
from bot.conversations import customers, notices
from bot.conversations import services as conversations


@pytest.mark.parametrize("code", sorted(notices.CODES))
@pytest.mark.parametrize("locale", ["de", "de-AT", "es_MX", "fr"])
def test_every_one_is_there_in_the_widgets_languages_with_its_names(code, locale):
    told = notices.in_language(code, locale, {"name": "Mia {0}", "address": "anna@example.org"})
    assert ("Mia {0}" in told) != ("anna@example.org" in told)


def test_others_and_other_languages_stay_as_they_are():
    assert notices.in_language("agent_joined", "de", {}) is None
    assert notices.in_language("agent_away", "it", {"name": "Mia"}) is None


@pytest.mark.parametrize(("locale", "shown"), [("fr", "Mia a dû partir."), ("en", "Mia had to leave.")])
async def test_the_customer_reads_their_language_and_the_agent_english(db, locale, shown):
    def tell(session):
        customer = customers.new_visitor(session, locale)
        conversation = conversations.current_of(session, customer.id)
        return conversations.notice(session, conversation, "agent_away", "Mia had to leave.", name="Mia")

    message = await db.write(tell)
    assert frames.message(message)["text"].startswith(shown)
    assert message.text == "Mia had to leave."
