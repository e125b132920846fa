"""`/widget.js` and the modules beside it, loadable from any site."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from bot.errors import NotFound

router = APIRouter()
HERE = Path(__file__).resolve().parent
# Asked for anew each time and answered 304: a shop's page names no version of it.
ASK = "public, no-cache"
# Modules lie under an address that changes with any of them, so an update is never mixed of old and new ones.
KEEP = "public, max-age=31536000, immutable"
_HEADERS = {
    # Module scripts are fetched with CORS; there is nothing secret in them.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@router.get("/widget.js")
async def script(if_none_match: Annotated[str, Header()] = "") -> Response:
    version, files = _files()
    entity_tag = f'"{version}"'
    headers = {**_HEADERS, "Cache-Control": ASK, "ETag": entity_tag}
    if entity_tag in if_none_match:
        return Response(status_code=304, headers=headers)
    text = files["widget.js"].replace(b"widget/main.js", f"widget/{version}/main.js".encode())
    return Response(text, media_type="text/javascript", headers=headers)


@router.get("/widget/{version}/{name}")
async def module(version: str, name: str) -> Response:
    current, files = _files()
    if name not in files:
        raise NotFound("There is no such script.")
    # A page that is still open may ask for the version before an update: it gets the whole of the present one.
    caching = KEEP if version == current else "no-store"
    return Response(files[name], media_type="text/javascript", headers={**_HEADERS, "Cache-Control": caching})


@lru_cache(maxsize=1)
def _files() -> tuple[str, dict[str, bytes]]:
    files = {path.name: path.read_bytes() for path in sorted(HERE.glob("*.js"))}
    digest = hashlib.sha256()
    for name, text in files.items():
        digest.update(f"{name} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:12], files
