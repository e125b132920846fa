"""Which sites may show the widget."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from bot.settings import Settings


def allowed(settings: Settings, headers: Headers) -> bool:
    """Requests without an Origin come from no browser page and carry nobody's cookies or rights."""
    origin = headers.get("origin")
    if origin is None:
        return True
    if "*" in settings.allowed_origins or origin in settings.allowed_origins:
        return True
    # Our own pages, under whatever name they were opened.
    return urlsplit(origin).netloc == headers.get("host") or origin == settings.public_url
