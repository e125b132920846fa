"""`/studio` for writers, `/help` for everybody."""

import re
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from bot.accounts import access
from bot.accounts import services as accounts
from bot.accounts.services import WRITER, Account
from bot.articles import catalogue, services
from bot.articles.publishing import Publisher
from bot.articles.rendering import rendered, rendered_page
from bot.articles.services import EditConflict, Token
from bot.articles.text import MAX_BODY, MAX_CATEGORY, MAX_TITLE, Text, checked
from bot.errors import Invalid, NotFound
from bot.pages import is_partial, page

# 200,000 characters of four bytes each, encoded as a form, and some room.
MAX_REQUEST = 4 * 1024 * 1024
# Characters of what somebody looks for on the help pages; one letter says nothing.
LEAST_TYPED, MOST_TYPED = 2, 300
MOST_LISTED = 14  # titles of a category on the help pages' first page; the others are opened there

router = APIRouter(
    dependencies=[Depends(access.same_site)],
    include_in_schema=False,
    max_body_size=MAX_REQUEST,
    form_limits={"max_part_size": MAX_REQUEST},
)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def _known_form(article_id: str) -> str:
    if not _ID.fullmatch(article_id):
        raise NotFound("There is no such article.")
    return article_id


class Written(BaseModel):
    """The editor's fields."""

    title: str = ""
    body: str = ""
    category: str = ""
    questions: str = ""
    revision: int = Field(default=0, ge=0, lt=2**31)
    base_version: int = Field(default=0, ge=0, lt=2**31)

    @property
    def token(self) -> Token:
        return Token(self.revision, self.base_version)

    def text(self) -> Text:
        return checked(self.title, self.body, self.category, self.questions)


Writer = Annotated[Account, Depends(access.require(WRITER))]
ArticleId = Annotated[str, Depends(_known_form)]
Fields = Annotated[Written, Form()]


@router.get("/studio")
async def studio(
    request: Request,
    account: Writer,
    q: Annotated[str, Query(max_length=500)] = "",
    status: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    status = status if status in catalogue.STATUSES else ""
    context = {
        "account": account,
        "found": await request.app.state.db.read(catalogue.find, q, status),
        "q": q,
        "status": status,
        "statuses": catalogue.STATUSES,
    }
    if is_partial(request):
        return page(request, "articles/found.html", context)
    context["categories"] = await request.app.state.db.read(catalogue.categories)
    return page(request, "articles/studio.html", context)


@router.post("/studio")
async def create(request: Request, account: Writer, written: Fields) -> Response:
    text = checked(written.title, "", written.category)
    article_id = await request.app.state.db.write(services.create, text.title, text.category, account)
    return RedirectResponse(f"/studio/{article_id}", status_code=303)


@router.post("/studio/preview")
async def preview(request: Request, account: Writer, written: Fields) -> Response:
    if len(written.body) > MAX_BODY:
        raise Invalid(f"The text has {len(written.body):,} characters; {MAX_BODY:,} are the limit.", code="too_large")
    shown = await to_thread.run_sync(rendered, written.title, written.body)
    return page(request, "articles/preview.html", {"title": written.title, "shown": shown}, images_from_web=True)


@router.get("/studio/{article_id}")
async def editor(request: Request, account: Writer, article_id: ArticleId) -> Response:
    editing = await request.app.state.db.read(services.open_draft, article_id)
    return await _editor(request, account, editing)


@router.get("/studio/{article_id}/versions/{number}")
async def version(request: Request, account: Writer, article_id: ArticleId, number: int) -> Response:
    found = await request.app.state.db.read(services.version, article_id, number)
    shown = await to_thread.run_sync(rendered, found.article.title, found.article.body)
    in_use = await request.app.state.db.read(services.in_use, article_id, number)
    context = {"account": account, "version": found, "shown": shown, "in_use": in_use}
    return page(request, "articles/version.html", context, images_from_web=True)


@router.post("/studio/{article_id}/draft")
async def save(request: Request, account: Writer, article_id: ArticleId, written: Fields) -> Response:
    text = written.text()
    try:
        await request.app.state.db.write(services.save_draft, article_id, text, written.token, account)
    except EditConflict as conflict:
        return await _conflict(request, account, article_id, text, conflict)
    return await _saved(request, article_id, "Draft saved. Customers see it once you publish it.")


@router.post("/studio/{article_id}/publish")
async def publish(request: Request, account: Writer, article_id: ArticleId, written: Fields) -> Response:
    text = written.text()
    try:
        number = await _publisher(request).publish(article_id, text, written.token, account)
    except EditConflict as conflict:
        return await _conflict(request, account, article_id, text, conflict)
    return await _saved(request, article_id, f"Published as version {number}. The assistant answers from it now.")


@router.post("/studio/{article_id}/discard")
async def discard(request: Request, account: Writer, article_id: ArticleId, written: Fields) -> Response:
    left = await request.app.state.db.write(services.discard_draft, article_id, written.token, account)
    return _go(request, f"/studio/{article_id}" if left else "/studio")


@router.post("/studio/{article_id}/archive")
async def archive(request: Request, account: Writer, article_id: ArticleId) -> Response:
    await request.app.state.db.write(services.archive, article_id, account)
    return _go(request, f"/studio/{article_id}")


@router.post("/studio/{article_id}/versions/{number}/restore")
async def restore(request: Request, account: Writer, article_id: ArticleId, number: int) -> Response:
    await _publisher(request).restore(article_id, number, account)
    return _go(request, f"/studio/{article_id}")


@router.get("/help")
async def help_index(request: Request, q: Annotated[str, Query(max_length=MOST_TYPED)] = "") -> Response:
    context: dict[str, object] = {"q": q, "found": None, "index": None}
    context |= {"most_typed": MOST_TYPED, "most_listed": MOST_LISTED}
    if len(q.strip()) >= LEAST_TYPED:
        await _within_limits(request)
        context["found"] = await request.app.state.finder.find(q)
    else:
        context["index"] = await request.app.state.db.read(catalogue.help_index)
    if is_partial(request):
        return page(request, "articles/help_found.html", context)
    # At the same address as its part: going back must not show that one in its place.
    headers = {"Cache-Control": "no-cache", "Vary": "HX-Request"}
    return page(request, "articles/help_index.html", context, headers=headers)


@router.get("/help/{article_id}")
async def help_page(request: Request, article_id: ArticleId) -> Response:
    found = await request.app.state.db.read(services.published_article, article_id)
    shown = await to_thread.run_sync(rendered_page, found.article.title, found.article.body)
    context = {"article": found.article, "updated_at": found.updated_at, "shown": shown, "most_typed": MOST_TYPED}
    headers = {"Cache-Control": "no-cache"}
    return page(request, "articles/help.html", context, headers=headers, images_from_web=True)


async def _within_limits(request: Request) -> None:
    state = request.app.state
    address = request.client.host if request.client else ""
    await state.limiter.check(f"search:{address}", state.settings.address_searches_per_minute)


def _publisher(request: Request) -> Publisher:
    return Publisher(request.app.state.db, request.app.state.encoder)


async def _editor(
    request: Request,
    account: Account,
    editing: services.Editing,
    conflict: EditConflict | None = None,
) -> Response:
    context = await _about(request, editing)
    context |= {
        "account": account,
        "conflict": conflict,
        "categories": await request.app.state.db.read(catalogue.categories),
        "limits": {"title": MAX_TITLE, "body": MAX_BODY, "category": MAX_CATEGORY},
    }
    status = conflict.status if conflict else 200
    return page(request, "articles/editor.html", context, status=status, images_from_web=True)


async def _about(request: Request, editing: services.Editing) -> dict[str, object]:
    database = request.app.state.db
    history = await database.read(services.versions, editing.article_id)
    authors = {each.author_id for each in history if each.author_id}
    return {"editing": editing, "history": history, "names": await database.read(accounts.names, authors)}


async def _saved(request: Request, article_id: str, message: str) -> Response:
    """The parts of the editor that saving changes; what the writer types meanwhile stays."""
    if not is_partial(request):
        return RedirectResponse(f"/studio/{article_id}", status_code=303)
    editing = await request.app.state.db.read(services.open_draft, article_id)
    context = await _about(request, editing)
    return page(request, "articles/saved.html", {**context, "message": message})


async def _conflict(
    request: Request, account: Account, article_id: str, mine: Text, conflict: EditConflict
) -> Response:
    """Both texts: the writer's own stays where it is, the other one is shown beside it."""
    if is_partial(request):
        headers = {"HX-Retarget": "#sb_conflict", "HX-Reswap": "innerHTML"}
        return page(request, "articles/conflict.html", {"conflict": conflict}, status=conflict.status, headers=headers)
    standing = await request.app.state.db.read(services.open_draft, article_id)
    editing = services.Editing(article_id, mine, standing.status, conflict.token, standing.saved_at)
    return await _editor(request, account, editing, conflict)


def _go(request: Request, path: str) -> Response:
    if is_partial(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, status_code=303)
