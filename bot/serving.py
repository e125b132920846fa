"""The server of the web service: uvicorn, that tells those who listen for news before it waits for them to end."""

import contextlib
import socket
import sys

import uvicorn
from fastapi import FastAPI

from bot.channels.frames import MAX_FRAME_BYTES

# How long answers under way may take once the service is asked to stop.
GRACE_S = 2
FAILED_TO_START = 3


class Server(uvicorn.Server):
    """Serves `app` until a signal stops it; streams of news end at once, their pages come back to the next one."""

    def __init__(self, app: FastAPI, **options) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                # Frames above the limit end the socket in the parser; ours up to it get a clear error.
                ws_max_size=MAX_FRAME_BYTES + 1024,
                ws_per_message_deflate=False,
                # Its "connection open" for every visitor is noise; what it warns of is not.
                log_level="warning",
                timeout_graceful_shutdown=GRACE_S,
                **options,
            )
        )
        self._hub = app.state.hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.end()
        await super().shutdown(sockets)


def serve(app: FastAPI, host: str, port: int, trusted_proxies: str) -> None:
    """Serve until SIGINT or SIGTERM; exits with 3 where the address cannot be listened on."""
    server = Server(
        app, host=host, port=port, proxy_headers=True, forwarded_allow_ips=trusted_proxies, access_log=False
    )
    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn raises again once it has stopped
        server.run()
    if not server.started:
        sys.exit(FAILED_TO_START)
