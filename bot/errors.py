"""One base for every error that a caller may be told about."""


class SwitchboardError(Exception):
    """`code` is for programs (docs/protocol.md), `message` for people; `status` is the HTTP one."""

    code = "error"
    status = 400

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.retry_after_s = retry_after_s


class Invalid(SwitchboardError):
    code = "bad_frame"


class NotFound(SwitchboardError):
    code = "not_found"
    status = 404


class Forbidden(SwitchboardError):
    code = "forbidden"
    status = 403


class NotSignedIn(SwitchboardError):
    code = "token_invalid"
    status = 401


class Conflict(SwitchboardError):
    """Somebody else was first, or the state has moved on."""

    code = "conflict"
    status = 409


class RateLimited(SwitchboardError):
    code = "rate_limited"
    status = 429


class Unavailable(SwitchboardError):
    """Storage or an engine did not answer; nothing was taken."""

    code = "unavailable"
    status = 503
