"""`/widget.js` and the modules beside it, loadable from any site."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from bot.errors import NotFound

router = APIRouter()
HERE = Path(__file__).resolve().parent
# Pages keep a copy for five minutes and then ask whether it has changed.
CACHING = "public, max-age=300"


@router.get("/widget.js")
async def script(request: Request) -> Response:
    return _file("widget.js")


@router.get("/widget/{name}")
async def module(name: str) -> Response:
    return _file(name)


def _file(name: str) -> Response:
    if name not in {path.name for path in HERE.glob("*.js")}:
        raise NotFound("There is no such script.")
    # Module scripts are fetched with CORS; there is nothing secret in them.
    headers = {
        "Cache-Control": CACHING,
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return FileResponse(HERE / name, media_type="text/javascript", headers=headers)
