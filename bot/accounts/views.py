"""`/sign-in` and `/sign-out`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from bot.accounts import access, services
from bot.errors import NotSignedIn, RateLimited, SwitchboardError
from bot.pages import page

router = APIRouter(dependencies=[Depends(access.same_site)], include_in_schema=False)

MAX_FIELD = 1000


@router.get("/sign-in")
async def sign_in_page(request: Request, next: Annotated[str, Query(max_length=2000)] = "") -> Response:
    account = await access.account_of(request)
    if account is not None:
        return RedirectResponse(access.safe_path(next, access.home_of(account)), status_code=303)
    return _page(request, next)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    email: Annotated[str, Form(max_length=MAX_FIELD)] = "",
    password: Annotated[str, Form(max_length=MAX_FIELD)] = "",
    next: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    try:
        account, token = await access.sign_in(request, email, password)
    except (NotSignedIn, RateLimited) as problem:
        return _page(request, next, email, problem)
    answer = RedirectResponse(access.safe_path(next, access.home_of(account)), status_code=303)
    answer.set_cookie(
        access.COOKIE,
        token,
        max_age=int(services.SIGN_IN_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.app.state.settings.secure_cookies,
    )
    return answer


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    token = request.cookies.get(access.COOKIE, "")
    if token:
        await request.app.state.db.write(services.sign_out, token)
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(access.COOKIE, httponly=True, samesite="lax")
    return answer


def _page(request: Request, next: str, email: str = "", problem: SwitchboardError | None = None) -> Response:
    headers = {"Retry-After": str(problem.retry_after_s)} if problem and problem.retry_after_s else None
    return page(
        request,
        "accounts/sign_in.html",
        {"next": next, "email": email[: services.MAX_EMAIL], "problem": problem},
        status=problem.status if problem else 200,
        headers=headers,
    )
