"""What makes Rasa 3.6.21 several times faster, and its failures visible, without changing what it does.

Measured reasons stand in docs/architecture.md. `apply` is called once, when the channel is made.
"""

import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.utils.endpoints import EndpointConfig

ACTION_TIMEOUT_S = 6
# A list while a turn of ours runs: Rasa logs a failed action and carries on as if it had said nothing.
failed_actions: "contextvars.ContextVar[list[str] | None]" = contextvars.ContextVar("failed_actions", default=None)


def apply() -> None:
    """Patch the running Rasa; a second call changes nothing."""
    if getattr(RemoteAction, "_switchboard_tuned", False):
        return
    RemoteAction._switchboard_tuned = True
    RemoteAction._validate_action_result = _validate_action_result
    RemoteAction.run = _reporting(RemoteAction.run)
    EndpointConfig.session = _shared_session


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(RemoteAction.action_response_format_spec())


def _validate_action_result(self: RemoteAction, result: dict[str, Any]) -> bool:
    # jsonschema.validate() checks the schema itself anew at each call: 63% of a turn.
    _validator().validate(result)
    return True


def _reporting(run: Any) -> Any:
    async def run_and_report(self: RemoteAction, *args: Any, **kwargs: Any) -> Any:
        try:
            return await run(self, *args, **kwargs)
        except ActionExecutionRejection:
            raise
        except Exception:
            failures = failed_actions.get()
            if failures is not None:
                failures.append(self.name())
            raise

    return run_and_report


@asynccontextmanager
async def _shared_session(self: EndpointConfig) -> AsyncIterator[aiohttp.ClientSession]:
    # Rasa opens a session, and with it a TCP connection, for every action.
    session = getattr(self, "_switchboard_session", None)
    if session is None or session.closed:
        auth = aiohttp.BasicAuth(self.basic_auth["username"], self.basic_auth["password"]) if self.basic_auth else None
        session = aiohttp.ClientSession(
            headers=self.headers, auth=auth, timeout=aiohttp.ClientTimeout(total=ACTION_TIMEOUT_S)
        )
        self._switchboard_session = session
    yield session
