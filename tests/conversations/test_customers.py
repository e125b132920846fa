"""Who a visitor is, before and after they say so."""

import pytest

from bot.conversations import customers
from bot.conversations import services as conversations
from bot.conversations.customers import Identity
from bot.errors import Forbidden


def visit(session, identity=None, visitor_id=None, text=None):
    """One visit: (customer id, conversation id)."""
    customer = customers.get(session, visitor_id) if visitor_id else customers.new_visitor(session, "en")
    if identity:
        customer = customers.identify(session, customer, identity)
    conversation = conversations.current_of(session, customer.id)
    if text:
        conversations.add_message(session, conversation, author="customer", text=text, client_id=text)
    return customer.id, conversation.id


ANNA = Identity("anna", "Anna", "anna@example.com", "gold")


async def test_what_was_written_before_signing_in_moves_along(db):
    visitor, conversation = await db.write(visit, text="before")
    anna, same = await db.write(visit, ANNA, visitor)
    assert same == conversation
    assert [m.text for m in await db.read(conversations.messages_after, same, 0)] == ["before"]
    assert anna == visitor


async def test_a_known_customer_finds_their_chat_on_another_device(db):
    _, first = await db.write(visit, ANNA, text="on the phone")
    _, second = await db.write(visit, ANNA)
    assert second == first


async def test_the_anonymous_token_loses_a_chat_that_moved(db):
    await db.write(visit, ANNA, text="old chat")
    visitor, conversation = await db.write(visit, text="written anonymously")
    await db.write(visit, ANNA, visitor)
    with pytest.raises(Forbidden):
        await db.read(conversations.get_for_customer, conversation, visitor)


async def test_somebody_else_on_the_same_browser_does_not_see_the_first_ones_chat(db):
    anna, first = await db.write(visit, ANNA, text="anna's")
    bert, second = await db.write(visit, Identity("bert"), anna)
    assert bert != anna and second != first
    with pytest.raises(Forbidden):
        await db.read(conversations.get_for_customer, first, bert)


async def test_an_identity_without_a_name_keeps_the_name_that_was_known(db):
    anna, _ = await db.write(visit, ANNA)
    await db.write(visit, Identity("anna"), anna)
    assert (await db.read(customers.get, anna)).name == "Anna"
