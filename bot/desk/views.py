"""`/desk`: the queue, the chats, and what an agent does with them."""

import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from bot.accounts import access
from bot.accounts.services import AGENT, Account
from bot.conversations import services as conversations
from bot.conversations.text import agent_text
from bot.desk import board, claims, presence, services, transfers
from bot.errors import Conflict, NotFound, Unavailable
from bot.events import QUEUE, conversation_topic, typing_topic
from bot.pages import NOTICES, is_partial, page

# A reply of 8,000 characters is at most some 100 kB once a form has encoded it.
MAX_BODY = 256 * 1024
# How often a stream looks without being woken, so that a wake-up that got lost is made up for.
LOOK_AGAIN_S = 20
# Before a stream looks again after the database did not answer.
RECOVER_S = 2

router = APIRouter(dependencies=[Depends(access.same_site)], include_in_schema=False, max_body_size=MAX_BODY)

_ID = re.compile(r"[0-9a-f]{32}")


def _known_form(chat_id: str) -> str:
    if not _ID.fullmatch(chat_id):
        raise NotFound("There is no such chat.")
    return chat_id


async def _at_the_desk(request: Request, account: Annotated[Account, Depends(access.require(AGENT))]) -> Account:
    await request.app.state.attendance.seen(account)
    return account


Agent = Annotated[Account, Depends(_at_the_desk)]
ChatId = Annotated[str, Depends(_known_form)]
LookedAt = Annotated[str, Query(alias="chat", pattern="^([0-9a-f]{32})?$")]
Cursor = Annotated[int, Query(ge=0, lt=2**31)]


@router.get("/desk")
async def desk(request: Request, account: Agent) -> Response:
    seen = await request.app.state.db.read(board.board, account.id)
    return page(request, "desk/desk.html", {"account": account, "board": seen, "chat": None, "states": presence.STATES})


@router.get("/desk/queue")
async def queue(request: Request, account: Agent, chat: LookedAt = "") -> Response:
    seen = await request.app.state.db.read(board.board, account.id)
    return page(request, "desk/queue_news.html", {"board": seen, "chat_id": chat})


@router.get("/desk/pulse")
async def pulse(request: Request, account: Agent, chat: LookedAt = "") -> JSONResponse:
    """What `/desk/events` sends, once: for pages in the background."""
    seen = await request.app.state.db.read(board.pulse, account.id, chat)
    return JSONResponse(seen.frame(), headers={"Cache-Control": "no-store"})


@router.get("/desk/events", response_class=EventSourceResponse)
async def events(request: Request, account: Agent, chat: LookedAt = "") -> AsyncIterator[ServerSentEvent]:
    """A pulse at once, and another one whenever the queue or a chat of this agent's has changed; `typing` while the
    customer of the chat that is looked at types."""
    state = request.app.state
    followed: frozenset[str] = frozenset()
    sent = None
    typed = [typing_topic(chat, "customer")] if chat else []
    with state.hub.listen(*typed) as typing:
        while not state.hub.ending:
            # Listening starts before looking: what happens in between wakes us.
            with state.hub.listen(QUEUE, *typed, *map(conversation_topic, followed)) as listener:
                wait = LOOK_AGAIN_S
                try:
                    if await access.account_of(request) is None:
                        yield ServerSentEvent(event="signed_out", data={})
                        return
                    await state.attendance.seen(account)
                    seen = await state.db.read(board.pulse, account.id, chat)
                    if seen.follow != followed:
                        followed = seen.follow
                        continue
                    if seen.frame() != sent:
                        sent = seen.frame()
                        yield ServerSentEvent(event="pulse", data=sent)
                except Unavailable:
                    wait = RECOVER_S
                await listener.wait(wait)
            if await typing.wait(0) and not state.hub.ending:
                yield ServerSentEvent(event="typing", data={})


@router.get("/desk/chats/{chat_id}")
async def chat_page(request: Request, account: Agent, chat_id: ChatId) -> Response:
    database = request.app.state.db
    await _opened(request, account, chat_id)
    seen = await database.read(board.chat, chat_id, account.id)
    return page(
        request,
        "desk/desk.html",
        {
            "account": account,
            "board": await database.read(board.board, account.id),
            "chat": seen,
            "client_id": _new_client_id(),
            "states": presence.STATES,
        },
    )


@router.get("/desk/chats/{chat_id}/messages")
async def messages(request: Request, account: Agent, chat_id: ChatId, after: Cursor = 0) -> Response:
    seen = await request.app.state.db.read(board.chat, chat_id, account.id, after)
    return page(request, "desk/messages.html", {"chat": seen})


@router.get("/desk/chats/{chat_id}/state")
async def chat_state(request: Request, account: Agent, chat_id: ChatId, seen: bool = False) -> Response:
    """`seen` says that the agent looks at it."""
    if seen:
        await _opened(request, account, chat_id)
    return await _parts(request, account, chat_id)


@router.post("/desk/chats/{chat_id}/claim")
async def claim(request: Request, account: Agent, chat_id: ChatId) -> Response:
    work = partial(claims.claim, capacity=request.app.state.settings.agent_capacity)
    await request.app.state.db.write(work, chat_id, (account.id, account.name))
    await _arrived(request, account)
    return await _parts(request, account, chat_id)


@router.post("/desk/next")
async def claim_next(request: Request, account: Agent) -> Response:
    """Give this agent the chat that is due first. Raises Conflict when nobody waits or the agent has enough."""
    state = request.app.state
    given = await state.claims.next((account.id, account.name), state.settings.agent_capacity)
    await _arrived(request, account)
    if not is_partial(request):
        return RedirectResponse(f"/desk/chats/{given.id}", status_code=303)
    return Response(status_code=204, headers={"HX-Redirect": f"/desk/chats/{given.id}"})


@router.post("/desk/state")
async def say_state(request: Request, account: Agent, state: Annotated[str, Form(max_length=20)] = "") -> Response:
    """Available, away, at lunch or gone. Raises Invalid."""
    await request.app.state.db.write(presence.set_state, account.id, state)
    if not is_partial(request):
        return RedirectResponse("/desk", status_code=303)
    return page(request, "desk/presence.html", {"state": state, "states": presence.STATES})


@router.post("/desk/missed/seen")
async def saw_missed(request: Request, account: Agent, chat: LookedAt = "") -> Response:
    """The agent knows now which chats went back to the queue."""
    database = request.app.state.db
    await database.write(presence.saw_missed, account.id)
    if not is_partial(request):
        return RedirectResponse("/desk", status_code=303)
    seen = await database.read(board.board, account.id)
    return page(request, "desk/queue_news.html", {"board": seen, "chat_id": chat})


@router.post("/desk/chats/{chat_id}/transfer")
async def transfer(
    request: Request, account: Agent, chat_id: ChatId, to: Annotated[str, Form(max_length=60)] = ""
) -> Response:
    """Pass the chat on; `to` is the value of one of the chat's targets."""
    return await _act(request, account, chat_id, partial(transfers.transfer, to=to))


@router.post("/desk/chats/{chat_id}/hand-back")
async def hand_back(request: Request, account: Agent, chat_id: ChatId) -> Response:
    return await _act(request, account, chat_id, services.hand_back)


@router.post("/desk/chats/{chat_id}/resolve")
async def resolve(request: Request, account: Agent, chat_id: ChatId) -> Response:
    return await _act(request, account, chat_id, services.resolve)


@router.post("/desk/chats/{chat_id}/reopen")
async def reopen(request: Request, account: Agent, chat_id: ChatId) -> Response:
    return await _act(request, account, chat_id, services.reopen)


@router.post("/desk/chats/{chat_id}/reply")
async def reply(
    request: Request,
    account: Agent,
    chat_id: ChatId,
    text: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Raises Conflict, and sends nothing, when the chat is not this agent's."""
    client_id = client_id if _ID.fullmatch(client_id) else _new_client_id()
    sent = await request.app.state.db.write(
        conversations.post_agent_message, chat_id, (account.id, account.name), text, client_id
    )
    await _opened(request, account, chat_id)
    if sent.text != agent_text(text):
        # The first try arrived although its answer did not; the words were changed before the second.
        return _sent_before(request)
    return await _parts(request, account, chat_id, _new_client_id())


@router.post("/desk/chats/{chat_id}/typing")
async def typing(request: Request, account: Agent, chat_id: ChatId) -> Response:
    """The customer sees that somebody is writing. Raises Conflict when the chat is not this agent's."""
    await request.app.state.db.read(services.check_mine, chat_id, (account.id, account.name))
    await _opened(request, account, chat_id)
    await request.app.state.hub.publish({typing_topic(chat_id, "agent"): None})
    return Response(status_code=204)


def _sent_before(request: Request) -> Response:
    error = Conflict("An earlier version of this reply had been sent already, so this one was not: see the transcript.")
    if not is_partial(request):
        raise error
    context = {"error": error, "client_id": _new_client_id()}
    headers = {"HX-Retarget": NOTICES, "HX-Reswap": "innerHTML"}
    return page(request, "desk/sent_before.html", context, status=error.status, headers=headers)


async def _opened(request: Request, account: Account, chat_id: str) -> None:
    """The agent looks at a chat; the desk may have given it to them."""
    database = request.app.state.db
    handoff = await database.read(services.newest_handoff, chat_id)
    if handoff is not None and handoff.pushed_at is not None and handoff.agent_id == account.id:
        await database.write(claims.opened, chat_id, account.id)


async def _arrived(request: Request, account: Account) -> None:
    """Who takes a chat is there."""
    database = request.app.state.db
    if await database.read(presence.said_by, account.id) != presence.AVAILABLE:
        await database.write(presence.set_state, account.id, presence.AVAILABLE)


async def _act(request: Request, account: Account, chat_id: str, work: Callable[..., Any]) -> Response:
    await request.app.state.db.write(work, chat_id, (account.id, account.name))
    return await _parts(request, account, chat_id)


async def _parts(request: Request, account: Account, chat_id: str, client_id: str = "") -> Response:
    """The parts of the page that an action changes, or the whole page for a browser without scripts."""
    if not is_partial(request):
        return RedirectResponse(f"/desk/chats/{chat_id}", status_code=303)
    database = request.app.state.db
    seen = await database.read(board.chat, chat_id, account.id)
    return page(
        request,
        "desk/parts.html",
        {
            "board": await database.read(board.board, account.id),
            "chat": seen,
            "chat_id": chat_id,
            "client_id": client_id,
        },
    )


def _new_client_id() -> str:
    return uuid4().hex
