"""Accounts and sign-ins. Each function runs inside the caller's transaction."""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from bot.accounts import passwords
from bot.accounts.models import Account, AuditEntry, SignIn
from bot.db import now
from bot.errors import Invalid
from kb_index.database import create_database_engine

AGENT = "agent"
WRITER = "writer"
OPERATOR = "operator"
ROLES = (AGENT, WRITER, OPERATOR)
# A working week: nobody has to sign in again in the middle of a chat, and a lost laptop does not stay a key.
SIGN_IN_LASTS = timedelta(days=7)
MAX_EMAIL = 254
MAX_NAME = 200
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_A = Account.__table__
_HOLD = (
    select(_A.c.id)
    .where(_A.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_A.c.id)
    .with_for_update(key_share=True)
)


def ensure_account(session: Session, email: str, name: str, role: str, password: str) -> Account:
    """Make this account, or make the one with this e-mail address so; then `password` is the one that works.

    Raises Invalid. Hashing takes some 50 ms: not for the request path.
    """
    email = normal_email(email)
    name = name.strip()
    if not _EMAIL.fullmatch(email) or len(email) > MAX_EMAIL:
        raise Invalid(f"“{email[:60]}” is not an e-mail address.")
    if not name or len(name) > MAX_NAME:
        raise Invalid(f"A name has 1 to {MAX_NAME} characters.")
    if role not in ROLES:
        raise Invalid(f"There is no role “{role}”: it is one of {', '.join(ROLES)}.")
    account = by_email(session, email)
    if account is None:
        account = Account(email=email, name=name, role=role, password_hash=passwords.hash_password(password))
        session.add(account)
        session.flush()
        record(session, account, "account_made", role=role)
        return account
    if not passwords.matches(account.password_hash, password):
        account.password_hash = passwords.hash_password(password)
        session.execute(delete(SignIn).where(SignIn.account_id == account.id))
        record(session, account, "password_changed")
    if (account.name, account.role, account.active) != (name, role, True):
        account.name, account.role, account.active = name, role, True
        record(session, account, "account_changed", role=role)
    return account


def create_first_accounts(database_url: str, accounts: list[tuple[str, str, str, str]]) -> None:
    """Ensure accounts (e-mail, name, role, password) from outside the web service, in one transaction."""
    engine = create_database_engine(database_url)
    try:
        with Session(engine.execution_options(writes=True)) as session, session.begin():
            for email, name, role, password in accounts:
                ensure_account(session, email, name, role, password)
    finally:
        engine.dispose()


def deactivate(session: Session, account: Account) -> None:
    """Nobody can sign in with it any more, and who is signed in is out."""
    account.active = False
    session.execute(delete(SignIn).where(SignIn.account_id == account.id))
    record(session, account, "account_deactivated")


def hold(session: Session, *account_ids: str) -> None:
    """Lock accounts' rows until the transaction ends, so that what is counted for them stays as it was counted.

    In one order, so that two who hold several never wait for each other; who only refers to an account goes on.
    """
    session.connection().execute(_HOLD, {"ids": sorted(account_ids)})


def normal_email(email: str) -> str:
    """As accounts are found by it. What cannot be printed is dropped: no database has to swallow it."""
    return "".join(character for character in email if character.isprintable()).strip().lower()


def by_email(session: Session, email: str) -> Account | None:
    return session.scalar(select(Account).where(Account.email == normal_email(email)))


def sign_in(session: Session, account_id: str) -> str:
    """The token for the browser of somebody whose password has been checked."""
    account = session.get_one(Account, account_id)
    session.execute(delete(SignIn).where(SignIn.expires_at < now()))
    token = secrets.token_urlsafe(32)
    session.add(SignIn(token_hash=_hash(token), account_id=account.id, expires_at=now() + SIGN_IN_LASTS))
    record(session, account, "signed_in")
    return token


def sign_out(session: Session, token: str) -> None:
    account = account_for_token(session, token)
    if account is not None:
        session.execute(delete(SignIn).where(SignIn.token_hash == _hash(token)))
        record(session, account, "signed_out")


def account_for_token(session: Session, token: str) -> Account | None:
    """Whose sign-in this is, unless it has expired or the account is not active."""
    return session.scalar(
        select(Account)
        .join(SignIn, SignIn.account_id == Account.id)
        .where(SignIn.token_hash == _hash(token), SignIn.expires_at > now(), Account.active)
    )


def names(session: Session, account_ids: set[str]) -> dict[str, str]:
    """Names by account id, of those that exist."""
    rows = session.execute(select(Account.id, Account.name).where(Account.id.in_(account_ids))).all()
    return {account_id: name for account_id, name in rows}


def staff(session: Session) -> list[Account]:
    """The active accounts that may work at the desk, by name."""
    may = select(Account).where(Account.active, Account.role.in_((AGENT, OPERATOR)))
    return list(session.scalars(may.order_by(func.lower(Account.name), Account.id)))


def record(session: Session, account: Account | None, what: str, *, who: str = "", **detail: Any) -> None:
    """Write into the audit what `account` did; `who` where there is no account."""
    session.add(
        AuditEntry(
            account_id=account.id if account else None,
            who=account.email if account else who[:MAX_EMAIL],
            what=what,
            detail=detail,
        )
    )


def audit(session: Session, limit: int = 100) -> list[AuditEntry]:
    """The newest entries first."""
    return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)))


def _hash(token: str) -> str:
    # The token is random, so that a plain hash is as good as a slow one.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
