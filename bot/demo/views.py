"""`/`: the shop's front page; `/demo/...`: what the shop's own server would answer."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse

from bot.errors import NotFound

router = APIRouter()
SITE = Path(__file__).resolve().parent / "site"
ORDERS = Path(__file__).resolve().parent.parent.parent / "data" / "demo" / "orders.csv"
# The shop page loads nothing from elsewhere and runs nothing inline: the strictest page a site may be.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors 'none'"
)
SHOWN_ORDERS = 6


@router.get("/")
async def shop() -> FileResponse:
    return _page("index.html")


@router.get("/demo/{name}.html")
async def page(name: str) -> FileResponse:
    return _page(f"{name}.html")


@router.get("/demo/orders.json")
async def orders() -> JSONResponse:
    """A few orders to ask about, each in another state."""
    shown = {}
    with ORDERS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            shown.setdefault(row["status"], row)
    return JSONResponse(
        [
            {
                "order_number": row["order_number"],
                "email": row["email"],
                "status": status,
                "summary": row["items"],
            }
            for status, row in list(shown.items())[:SHOWN_ORDERS]
        ]
    )


@router.post("/demo/identity")
async def identity(request: Request) -> JSONResponse:
    """What a shop's server does for a signed-in customer: vouch for who they are."""
    claims = {
        "sub": "demo-anna",
        "name": "Anna Lindqvist",
        "email": "anna@example.com",
        "plan": "subscriber",
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    secret = request.app.state.settings.identity_secret.get_secret_value()
    return JSONResponse({"token": jwt.encode(claims, secret, algorithm="HS256")})


def _page(name: str) -> FileResponse:
    if name not in {path.name for path in SITE.glob("*.html")}:
        raise NotFound("There is no such page.")
    return FileResponse(SITE / name, headers={"Content-Security-Policy": POLICY})
