"""The composition root of the web service: the one place where everything is put together."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from actions.context import ActionSettings
from bot.accounts import views as accounts_views
from bot.articles import views as articles_views
from bot.articles.finding import Finder
from bot.channels import http as channel_http
from bot.channels import websocket as channel_websocket
from bot.channels.service import Channel
from bot.db import Database
from bot.demo import views as demo_views
from bot.desk import views as desk_views
from bot.desk.assignment import Attendance, Dispatcher
from bot.desk.rules import PUSH, Rules
from bot.desk.shared_claims import Claims
from bot.desk.waiting_room import WaitingRoom
from bot.dialogue.embeddings import Embeddings
from bot.dialogue.engine import Engine, RasaEngine
from bot.dialogue.languages import Languages
from bot.dialogue.noticing import Noticing
from bot.dialogue.services import Dialogue
from bot.errors import Invalid, NotFound, SwitchboardError
from bot.escalation import mood
from bot.events import create_hub
from bot.health import router as health_router
from bot.limits import Limiter
from bot.mail.addresses import identity
from bot.mail.sending import Mailer
from bot.operator import hours as operator_hours
from bot.operator import people as operator_people
from bot.operator import views as operator_views
from bot.operator.explaining import Inspector, Threshold
from bot.pages import create_templates, error_page, page_headers
from bot.settings import Settings
from bot.widget.views import router as widget_router
from kb_index.encoder import Encoder
from kb_index.search import KnowledgeBase

log = structlog.get_logger(__name__)
HERE = Path(__file__).resolve().parent


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """The service for `settings`. `engine` replaces Rasa, for tests and benchmarks of the rest."""
    app = FastAPI(title="Switchboard", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    state = app.state
    state.settings = settings
    state.hub = create_hub(settings.redis_url)
    state.db = Database(settings.database_url, state.hub, info=Rules.of(settings).as_info())
    state.encoder = Encoder.load(settings.encoder_dir)
    state.embeddings = Embeddings(state.encoder)
    state.engine = engine or RasaEngine(
        settings.engine_url, settings.engine_token.get_secret_value(), settings.engine_timeout_s, state.embeddings
    )
    # A head that was fitted for another encoder would notice at random: better not to start.
    mood.fitted().check(state.encoder.name, state.encoder.dimensions)
    state.noticing = Noticing(state.embeddings, frozenset(plan.casefold() for plan in settings.priority_plans))
    state.limiter = Limiter(settings.redis_url)
    state.templates = create_templates()
    state.languages = Languages(settings.article_language)
    state.dialogue = Dialogue(state.db, state.engine, state.noticing, state.languages, settings.public_url)
    state.claims = Claims(state.db)
    state.attendance = Attendance(state.db)
    state.dispatcher = Dispatcher(state.db, state.hub, push=settings.assignment == PUSH)
    state.waiting_room = WaitingRoom(state.db, state.hub)
    state.channel = Channel(settings, state.db, state.hub, state.limiter, state.dialogue.begin, state.waiting_room)
    # Empty until somebody searches the help pages or an operator looks at answers.
    knowledge = KnowledgeBase(state.db.engine, state.encoder)
    thresholds = _thresholds(settings)
    state.inspector = Inspector(state.engine, state.noticing, state.languages, knowledge, thresholds)
    # What the assistant would not even offer is no more than a guess here.
    state.finder = Finder(knowledge, likely=thresholds[-1].value)
    _add_routes(app, settings)
    return app


def _thresholds(settings: Settings) -> tuple[Threshold, ...]:
    """What the action server holds scores against, the strictest first."""
    held = ActionSettings(database_url=settings.database_url).model_dump()
    found = [
        Threshold(name, float(value), ActionSettings.model_fields[name].description or "")
        for name, value in held.items()
        if name.endswith("_threshold")
    ]
    return tuple(sorted(found, key=lambda each: -each.value))


def _add_routes(app: FastAPI, settings: Settings) -> None:
    for router in (
        health_router,
        channel_websocket.router,
        channel_http.router,
        widget_router,
        accounts_views.router,
        desk_views.router,
        articles_views.router,
        operator_views.router,
        operator_hours.router,
        operator_people.router,
    ):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    if settings.demo:
        app.include_router(demo_views.router)
        app.mount("/demo/static", StaticFiles(directory=HERE / "demo" / "site"), name="demo")
    else:
        app.add_api_route("/", lambda: RedirectResponse("/help"), methods=["GET"])
    app.add_exception_handler(SwitchboardError, _explain)
    app.add_exception_handler(HTTPException, _explain_http)
    app.add_exception_handler(RequestValidationError, _explain_request)
    app.add_exception_handler(Exception, _explain_bug)
    app.middleware("http")(_headers)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    await state.hub.start()
    await state.db.start()
    await state.dialogue.start()
    await state.dispatcher.start()
    await state.waiting_room.start()
    mailer = Mailer(state.db, state.hub, identity(state.settings)) if state.settings.offers_email else None
    if mailer:
        await mailer.start()
    log.info("web_started", database=state.db.engine.dialect.name, hub=type(state.hub).__name__)
    yield
    if mailer:
        await mailer.stop()
    await state.waiting_room.stop()
    await state.dispatcher.stop()
    await state.dialogue.stop()
    state.embeddings.close()
    await state.hub.stop()
    await state.limiter.stop()
    state.db.close()


async def _headers(request: Request, call_next) -> Response:
    response = await call_next(request)
    for name, value in page_headers().items():
        response.headers.setdefault(name, value)
    return response


async def _explain(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, SwitchboardError)
    if "text/html" in request.headers.get("accept", ""):
        return error_page(request, problem)
    body: dict[str, object] = {"error": {"code": problem.code, "message": problem.message}}
    headers = {}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    return JSONResponse(body, status_code=problem.status, headers=headers)


async def _explain_request(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return await _explain(request, Invalid(f"{field}: {first['msg']}", code="bad_request"))


async def _explain_bug(request: Request, problem: Exception) -> Response:
    # Starlette re-raises it afterwards, so the server's log has the whole of it.
    shown = SwitchboardError("Something went wrong on our side; it has been logged. Please try again.", code="internal")
    shown.status = 500
    return await _explain(request, shown)


async def _explain_http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code in (301, 302, 303, 307, 308):
        return Response(status_code=problem.status_code, headers=problem.headers)
    shown = NotFound("There is nothing at this address.") if problem.status_code == 404 else None
    if shown is None:
        shown = SwitchboardError(str(problem.detail), code="http_error")
        shown.status = problem.status_code
    return await _explain(request, shown)
