"""`/channel/frames`: the same frames over plain requests, for networks that block sockets."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from bot.channels import frames, origins
from bot.channels.service import Channel
from bot.errors import Forbidden, Invalid, NotSignedIn, SwitchboardError
from bot.events import conversation_topic

router = APIRouter()

MAX_WAIT_S = 25


@router.options("/channel/frames")
async def preflight(request: Request) -> Response:
    return Response(status_code=204, headers=_cors(request))


@router.post("/channel/frames")
async def send(request: Request, authorization: Annotated[str, Header()] = "") -> JSONResponse:
    client_id = None
    try:
        _check_origin(request)
        frame = frames.parse(await _body(request))
        client_id = getattr(frame, "client_id", None)
        answers = await _answer(request, frame, authorization)
    except SwitchboardError as problem:
        return _json(request, [frames.error(problem, client_id)], problem.status)
    return _json(request, answers)


@router.get("/channel/frames")
async def poll(
    request: Request,
    cursor: Annotated[int, Query(ge=0, le=frames.MAX_SEQUENCE)] = 0,
    wait: Annotated[int, Query(ge=0, le=MAX_WAIT_S)] = MAX_WAIT_S,
    authorization: Annotated[str, Header()] = "",
) -> JSONResponse:
    try:
        _check_origin(request)
        channel: Channel = request.app.state.channel
        visitor = await channel.resume(_bearer(authorization), _address(request))
        topic = conversation_topic(visitor.conversation_id)
        with request.app.state.hub.listen(topic) as listener, channel.line(visitor, listener):
            news = await channel.news(visitor, cursor, 0)
            if not news.frames and wait:
                await _woken_or_gone(request, listener, wait)
                news = await channel.news(visitor, cursor, 0)
    except SwitchboardError as problem:
        return _json(request, [frames.error(problem)], problem.status)
    queue = channel.queue(visitor, news.owner["owner"])
    return _json(request, [*news.frames, news.owner, *([queue] if queue else []), frames.heartbeat(news.latest)])


async def _woken_or_gone(request: Request, listener: Any, wait: int) -> None:
    """Until there is something new, the time is up, or the client has hung up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while (left := until - loop.time()) > 0:
        if await listener.wait(min(left, 5)) or await request.is_disconnected():
            return


async def _answer(request: Request, frame: Any, authorization: str) -> list[dict[str, Any]]:
    channel: Channel = request.app.state.channel
    if isinstance(frame, frames.Hello):
        if not frame.token and authorization:
            frame = frame.model_copy(update={"token": _bearer(authorization)})
        greeting = await channel.greet(frame, _address(request))
        queue = channel.queue(greeting.visitor, greeting.frames[0]["owner"])
        return [*greeting.frames, *([queue] if queue else [])]
    visitor = await channel.resume(_bearer(authorization), _address(request))
    return await channel.handle(visitor, frame)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > frames.MAX_FRAME_BYTES:
            raise Invalid(f"A frame may have {frames.MAX_FRAME_BYTES:,} bytes.", code="too_large")
    return bytes(body)


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn("Send the visitor token: Authorization: Bearer TOKEN.", code="token_invalid")
    return token.strip()


def _check_origin(request: Request) -> None:
    if not origins.allowed(request.app.state.settings, request.headers):
        raise Forbidden("This site may not use the chat.", code="origin_refused")


def _cors(request: Request) -> dict[str, str]:
    origin = request.headers.get("origin")
    if origin is None or not origins.allowed(request.app.state.settings, request.headers):
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Max-Age": "3600",
        "Vary": "Origin",
    }


def _json(request: Request, answers: list[dict[str, Any]], status: int = 200) -> JSONResponse:
    headers = {**_cors(request), "Cache-Control": "no-store"}
    retry = next((frame["retry_after_s"] for frame in answers if frame.get("retry_after_s")), None)
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return JSONResponse({"frames": answers}, status_code=status, headers=headers)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
