"""`python -m actions`: the action server, on loopback, with everything loaded before it says it is up."""

import gc
import os
import sys
from typing import Any

from pydantic import ValidationError
from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor

from actions import context
from kb_index.settings import explain


class Executor(ActionExecutor):
    """Takes calls without a domain: endpoints.yml has the engine send it only to actions that read it.

    rasa-sdk 3.21 expects a digest in its place, which rasa 3.6 does not send yet.
    """

    def update_and_return_domain(self, payload: dict[str, Any], action_name: str) -> dict[str, Any]:
        return payload.get("domain") or {}


def main() -> None:
    try:
        context.settings()
    except ValidationError as problem:
        sys.exit(explain(problem))
    executor = Executor()
    executor.register_package("actions")
    context.knowledge().search("warm up")
    # What is loaded by now stays, and need not be walked at every garbage collection.
    gc.collect()
    gc.freeze()
    app = create_app(executor, cors_origins=None)
    app.run(
        host="127.0.0.1",
        port=int(os.environ.get("SWITCHBOARD_ACTIONS_PORT", "5055")),
        single_process=True,
        access_log=False,
        motd=False,
    )


if __name__ == "__main__":
    main()
