"""Accounts, sign-ins and the audit, on both databases."""

from datetime import timedelta

import pytest

from bot.accounts import passwords, services
from bot.accounts.models import SignIn
from bot.db import now
from bot.errors import Invalid

PASSWORD = "correct horse battery"


async def ensure(db, email="mia@example.com", name="Mia", role="agent", password=PASSWORD):
    return await db.write(services.ensure_account, email, name, role, password)


async def test_ensuring_an_account_twice_leaves_one_and_its_sign_ins(db):
    first = await ensure(db)
    token = await db.write(services.sign_in, first.id)
    again = await ensure(db, email=" MIA@example.com ")
    assert again.id == first.id
    assert (await db.read(services.account_for_token, token)).id == first.id
    assert [entry.what for entry in await db.read(services.audit)] == ["signed_in", "account_made"]


async def test_a_new_password_works_at_once_and_ends_older_sign_ins(db):
    account = await ensure(db)
    token = await db.write(services.sign_in, account.id)
    await ensure(db, password="another password")
    assert await db.read(services.account_for_token, token) is None
    stored = (await db.read(services.by_email, "mia@example.com")).password_hash
    assert passwords.matches(stored, "another password")
    assert not passwords.matches(stored, PASSWORD)


async def test_a_sign_in_ends_with_sign_out_with_time_and_with_the_account(db):
    account = await ensure(db)
    tokens = [await db.write(services.sign_in, account.id) for _ in range(3)]
    await db.write(services.sign_out, tokens[0])
    assert await db.read(services.account_for_token, tokens[0]) is None

    def expire(session):
        session.get_one(SignIn, services._hash(tokens[1])).expires_at = now() - timedelta(seconds=1)

    await db.write(expire)
    assert await db.read(services.account_for_token, tokens[1]) is None
    assert (await db.read(services.account_for_token, tokens[2])).id == account.id
    await db.write(lambda session: services.deactivate(session, services.by_email(session, "mia@example.com")))
    assert await db.read(services.account_for_token, tokens[2]) is None


async def test_only_the_hash_of_a_token_is_stored(db):
    account = await ensure(db)
    token = await db.write(services.sign_in, account.id)
    stored = await db.read(lambda session: [row.token_hash for row in session.query(SignIn)])
    assert len(stored) == 1 and token not in stored[0]


@pytest.mark.parametrize(
    ("email", "name", "role", "password"),
    [
        ("no address", "Mia", "agent", PASSWORD),
        ("a@" + "b" * 260, "Mia", "agent", PASSWORD),
        ("mia@example.com", " ", "agent", PASSWORD),
        ("mia@example.com", "Mia", "emperor", PASSWORD),
        ("mia@example.com", "Mia", "agent", "short"),
        ("mia@example.com", "Mia", "agent", "x" * 201),
    ],
)
async def test_an_account_that_cannot_be_is_refused_with_a_reason(db, email, name, role, password):
    with pytest.raises(Invalid):
        await ensure(db, email, name, role, password)
    assert await db.read(services.audit) == []


@pytest.mark.parametrize("email", ["nobody@example.com", "nu\0ll@example.com", "\ud800@example.com", ""])
async def test_looking_for_strange_addresses_finds_nobody(db, email):
    assert await db.read(services.by_email, email) is None


def test_a_password_that_is_no_text_does_not_match():
    stored = passwords.hash_password(PASSWORD)
    assert passwords.matches(stored, PASSWORD)
    for wrong in ("", PASSWORD + " ", "\ud800", "x" * 100_000, PASSWORD + "\0"):
        assert not passwords.matches(stored, wrong)
    assert not passwords.matches(None, "the password of an account that does not exist")
