"""What all server-rendered pages share: templates, security headers, and how an error looks."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.templating import Jinja2Templates

from bot.db import now
from bot.errors import NotSignedIn, SwitchboardError

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"

TITLES = {
    401: "Please sign in",
    403: "Not for you",
    404: "Nothing here",
    409: "Somebody else was first",
    429: "A little slower, please",
    503: "Back in a moment",
}
# What an error fragment replaces on every page (templates/base.html).
NOTICES = "#sb_notices"


def create_templates() -> Jinja2Templates:
    """The templates of all pages. A name that a template uses and nobody gave is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = static_url
    environment.globals["now"] = now
    environment.filters["iso"] = lambda moment: moment.isoformat(timespec="seconds")
    environment.filters["lasted"] = lasted
    environment.filters["web_link"] = web_link
    return Jinja2Templates(env=environment)


def page_headers(*, images_from_web: bool = False) -> dict[str, str]:
    """The headers of every page. `images_from_web` is for articles: theirs lie where the writer found them."""
    images = "'self' data: https:" if images_from_web else "'self' data:"
    return {
        "Content-Security-Policy": (
            f"default-src 'self'; style-src 'self'; script-src 'self'; img-src {images}; connect-src 'self'; "
            "base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        # Not "no-referrer": with it browsers hide the origin of our own forms too.
        "Referrer-Policy": "same-origin",
    }


def page(
    request: Request,
    template: str,
    context: dict[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    images_from_web: bool = False,
) -> Response:
    """A page, or a part of one, that nobody keeps: it shows what is so now, to this account."""
    everything = {**page_headers(images_from_web=images_from_web), "Cache-Control": "no-store", **(headers or {})}
    templates: Jinja2Templates = request.app.state.templates
    return templates.TemplateResponse(
        request, template, {"account": None, **context}, status_code=status, headers=everything
    )


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of the page that it stands on."""
    return request.headers.get("hx-request") == "true"


def error_page(request: Request, error: SwitchboardError) -> Response:
    """The error for people: a notice on the page that they are on, the way to sign in, or a page of its own."""
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else {}
    if is_partial(request):
        headers |= {"HX-Retarget": NOTICES, "HX-Reswap": "innerHTML"}
        return page(request, "notice.html", {"error": error}, status=error.status, headers=headers)
    if isinstance(error, NotSignedIn) and request.method in ("GET", "HEAD"):
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(wanted, safe='/')}", status_code=303)
    title = TITLES.get(error.status, "That did not work")
    return page(request, "error.html", {"error": error, "title": title}, status=error.status, headers=headers)


@cache
def static_url(name: str) -> str:
    """The address of a file in `bot/static`, which changes with its content so that nobody sees an old one."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


def lasted(start: datetime, end: datetime | None = None) -> str:
    """How long ago, for people: “<1 min”, “4 min”, “2 h 5 min”, “3 days”."""
    minutes = int(((end or now()) - start).total_seconds()) // 60
    if minutes < 1:
        return "<1 min"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    days = minutes // (24 * 60)
    return f"{days} day{'s' if days > 1 else ''}"


def web_link(address: str | None) -> str:
    """`address` when a browser may follow it, else nothing: a customer's page could be `javascript:`."""
    try:
        parsed = urlsplit(address or "")
    except ValueError:
        return ""
    return address if address and parsed.scheme in ("http", "https") and parsed.netloc else ""
