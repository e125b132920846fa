"""Visitor tokens, which we sign, and identities, which the shop signs."""

from datetime import UTC, datetime, timedelta

import jwt
from pydantic import SecretStr

from bot.conversations.customers import Identity
from bot.errors import NotSignedIn

ALGORITHM = "HS256"
AUDIENCE = "switchboard-visitor"
LIFETIME = timedelta(days=180)
# A token older than this is replaced when its visitor comes back, so that regulars never expire.
RENEW_AFTER = timedelta(days=30)
MAX_ID = 200


def issue(secret: SecretStr, customer_id: str) -> str:
    issued = datetime.now(UTC)
    claims = {"sub": customer_id, "aud": AUDIENCE, "iat": issued, "exp": issued + LIFETIME}
    return jwt.encode(claims, secret.get_secret_value(), algorithm=ALGORITHM)


def read(secret: SecretStr, token: str) -> tuple[str, bool]:
    """The customer's id, and whether the token is due to be replaced. Raises NotSignedIn."""
    try:
        claims = jwt.decode(
            token,
            secret.get_secret_value(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["sub", "exp", "iat"]},
        )
    except jwt.ExpiredSignatureError as problem:
        raise NotSignedIn("This visitor token has expired.", code="token_expired") from problem
    except jwt.InvalidTokenError as problem:
        raise NotSignedIn("This visitor token is not valid.", code="token_invalid") from problem
    age = datetime.now(UTC) - datetime.fromtimestamp(claims["iat"], UTC)
    return claims["sub"], age > RENEW_AFTER


def read_identity(secret: SecretStr, signed: str) -> Identity:
    """Raises NotSignedIn with `identity_invalid` or `identity_expired`."""
    try:
        claims = jwt.decode(
            signed, secret.get_secret_value(), algorithms=[ALGORITHM], options={"require": ["sub", "exp"]}
        )
    except jwt.ExpiredSignatureError as problem:
        raise NotSignedIn("The signed identity has expired.", code="identity_expired") from problem
    except jwt.InvalidTokenError as problem:
        raise NotSignedIn("The signed identity does not check out.", code="identity_invalid") from problem
    subject = claims["sub"]
    if not subject or len(subject) > MAX_ID:
        raise NotSignedIn(f"The identity's `sub` has 1 to {MAX_ID} characters.", code="identity_invalid")
    return Identity(
        external_id=subject,
        name=_text(claims.get("name"), 200),
        email=_text(claims.get("email"), 254),
        plan=_text(claims.get("plan"), 100),
    )


def _text(value: object, limit: int) -> str | None:
    return value[:limit] if isinstance(value, str) and value else None
