"""`/health`: whether each part works, for the supervisor and for load balancers."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.errors import Unavailable

router = APIRouter()


@router.get("/health")
async def health(request: Request) -> JSONResponse:
    """200 while customers can be served, which they can without the engine: a person takes over."""
    state = request.app.state
    try:
        database = await state.db.read(_ping)
    except Unavailable:
        database = False
    parts = {"database": database, "engine": await state.engine.healthy()}
    return JSONResponse({"ok": database, **parts}, status_code=200 if database else 503)


def _ping(session: Session) -> bool:
    return session.execute(text("SELECT 1")).scalar() == 1
