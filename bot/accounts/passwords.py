"""Passwords, hashed with Argon2id. Slow on purpose: call these from a worker thread, outside transactions."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.errors import Invalid

MIN_LENGTH = 10
# Longer ones are no safer, and hashing them would be work that anybody could order.
MAX_LENGTH = 200


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("the password of an account that does not exist")


def hash_password(password: str) -> str:
    """Raises Invalid for a password that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
    return _hasher().hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; without a hash the same work is done, and the answer is no."""
    try:
        _hasher().verify(password_hash or _nobodys_hash(), password[: MAX_LENGTH + 1])
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return password_hash is not None
