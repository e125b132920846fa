"""Who makes a request, and whether they may: FastAPI dependencies for the pages of agents and writers."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio
from anyio import to_thread
from fastapi import Request

from bot.accounts import passwords, services
from bot.accounts.services import Account
from bot.errors import Forbidden, NotSignedIn

COOKIE = "switchboard_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_TOKEN = 100
# Guesses a minute for one account from one address, and from one address altogether.
GUESSES_PER_MINUTE = 6
ADDRESS_GUESSES_PER_MINUTE = 30
# One check takes 64 MB and a core for some 50 ms: a flood of them must leave room for the chats.
_CHECKS_AT_ONCE = 2


async def account_of(request: Request) -> Account | None:
    """Whoever is signed in."""
    token = request.cookies.get(COOKIE, "")
    if not token or len(token) > MAX_TOKEN:
        return None
    return await request.app.state.db.read(services.account_for_token, token)


def require(role: str) -> Callable[[Request], Awaitable[Account]]:
    """A dependency that gives the account, when it has this role; operators may do everything.

    Raises NotSignedIn or Forbidden.
    """

    async def signed_in(request: Request) -> Account:
        account = await account_of(request)
        if account is None:
            raise NotSignedIn("Please sign in.", code="not_signed_in")
        if not may(account, role):
            raise Forbidden(f"This part is for {role}s. Ask your operator if you need it.")
        return account

    return signed_in


def may(account: Account, role: str) -> bool:
    return account.role in (role, services.OPERATOR)


async def same_site(request: Request) -> None:
    """A dependency that lets a change through only when it comes from our own pages. Raises Forbidden.

    Every browser of today says where a request comes from, in one header or the other; a program says `Origin` itself.
    """
    if request.method in SAFE_METHODS:
        return
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None:
        ours = fetched_from == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", "")).netloc
        ours = bool(origin) and origin in (
            request.headers.get("host", ""),
            urlsplit(request.app.state.settings.public_url).netloc,
        )
    if not ours:
        raise Forbidden("This request does not come from our own pages, so nothing was done.")


async def sign_in(request: Request, email: str, password: str) -> tuple[Account, str]:
    """The account and the token for its browser. Raises NotSignedIn, always the same, and RateLimited."""
    state = request.app.state
    email = services.normal_email(email)[: services.MAX_EMAIL]
    address = request.client.host if request.client else ""
    await state.limiter.check(f"sign-in:{address}", ADDRESS_GUESSES_PER_MINUTE)
    await state.limiter.check(f"sign-in:{address}:{email}", GUESSES_PER_MINUTE)
    account = await state.db.read(services.by_email, email)
    known = account is not None and account.active
    # The same work whether there is such an account or not, so that the time tells nothing.
    right = await to_thread.run_sync(
        passwords.matches, account.password_hash if known else None, password, limiter=_checks(request)
    )
    if not right:
        await state.db.write(services.record, account, "sign_in_refused", who=email, address=address)
        raise NotSignedIn("E-mail address or password is not right.", code="wrong_password")
    return account, await state.db.write(services.sign_in, account.id)


def _checks(request: Request) -> anyio.CapacityLimiter:
    state = request.app.state
    if not hasattr(state, "password_checks"):
        state.password_checks = anyio.CapacityLimiter(_CHECKS_AT_ONCE)
    return state.password_checks


def safe_path(target: str, otherwise: str) -> str:
    """`target` when it is a path on this site, so that a link to sign in can lead nowhere else."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return otherwise
    return target


def home_of(account: Account) -> str:
    return "/studio" if account.role == services.WRITER else "/desk"
