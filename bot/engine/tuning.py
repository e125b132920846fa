"""What makes Rasa 3.6.21 several times faster, and its failures visible, without changing what it does.

Each patch says what it saves; `tests/engine/test_tuning.py` holds the tuned Rasa to the answers of the
untuned one, and docs/architecture.md has the figures. `apply` is called once, when the channel is made.
"""

import contextvars
import copy
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
import numpy as np
import rasa.core.actions.forms
import rasa.core.policies.rule_policy
import rasa.core.processor
import rasa.shared.utils.common
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import TEXT
from rasa.utils.endpoints import EndpointConfig

ACTION_TIMEOUT_S = 6
# A list while a turn of ours runs: Rasa logs a failed action and carries on as if it had said nothing.
failed_actions: "contextvars.ContextVar[list[str] | None]" = contextvars.ContextVar("failed_actions", default=None)

_untuned_run_action = RemoteAction.run
_untuned_features = LogisticRegressionClassifier._create_X
_untuned_all_subclasses = rasa.shared.utils.common.all_subclasses


def _validate_action_result(self: RemoteAction, result: dict[str, Any]) -> bool:
    """jsonschema.validate() checks the schema itself anew at each call: 63% of a turn."""
    for name in ("events", "responses"):
        entries = result.get(name, []) if isinstance(result, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise RasaException(f"The action server's answer to '{self.name()}' has no list of objects in '{name}'.")
    return True


async def _run_action(self: RemoteAction, *args: Any, **kwargs: Any) -> Any:
    try:
        return await _untuned_run_action(self, *args, **kwargs)
    except ActionExecutionRejection:
        raise
    except Exception:
        failures = failed_actions.get()
        if failures is not None:
            failures.append(self.name())
        raise


@asynccontextmanager
async def _session(self: EndpointConfig) -> AsyncIterator[aiohttp.ClientSession]:
    """Rasa opens a session, and with it a TCP connection, for every action."""
    session = getattr(self, "_switchboard_session", None)
    if session is None or session.closed:
        auth = aiohttp.BasicAuth(self.basic_auth["username"], self.basic_auth["password"]) if self.basic_auth else None
        session = aiohttp.ClientSession(
            headers=self.headers, auth=auth, timeout=aiohttp.ClientTimeout(total=ACTION_TIMEOUT_S)
        )
        self._switchboard_session = session
    yield session


def _run_graph(
    self: DaskGraphRunner, inputs: dict[str, Any] | None = None, targets: list[str] | None = None
) -> dict[str, Any]:
    """The order of the nodes is the same each time; Rasa works it out and hands it to dask at every message."""
    wanted = tuple(targets or self._graph_schema.target_names)
    plans = self.__dict__.setdefault("_switchboard_plans", {})
    if wanted not in plans:
        plans[wanted] = _plan(self, wanted)
    results: dict[str, Any] = {name: (name, value) for name, value in (inputs or {}).items()}
    for name, node, needs in plans[wanted]:
        results[name] = node(*(results.get(need, need) for need in needs))
    return dict(results[target] for target in wanted)


def _plan(self: DaskGraphRunner, targets: tuple[str, ...]) -> list[tuple[str, Any, tuple[str, ...]]]:
    nodes = self._graph_schema.minimal_graph_schema(list(targets)).nodes
    plan: list[tuple[str, Any, tuple[str, ...]]] = []
    planned: set[str] = set()

    def visit(name: str) -> None:
        if name in planned or name not in nodes:
            return
        planned.add(name)
        needs = tuple(nodes[name].needs.values())
        for need in needs:
            visit(need)
        plan.append((name, self._instantiated_nodes[name], needs))

    for target in targets:
        visit(target)
    return plan


def _features(self: LogisticRegressionClassifier, messages: list[Any]) -> Any:
    """With dense features only, Rasa goes through three sparse matrices to the same numbers."""
    if any(message.get_sparse_features(attribute=TEXT)[1] is not None for message in messages):
        return _untuned_features(self, messages)
    dense = [message.get_dense_features(attribute=TEXT)[1] for message in messages]
    if not dense or any(each is None for each in dense):
        return _untuned_features(self, messages)
    return np.concatenate([each.features for each in dense])


@lru_cache(maxsize=5000)
def _rule_states(rule_key: str) -> list[dict[str, Any]]:
    """Each rule is stored as JSON, and parsed again for each comparison."""
    return json.loads(rule_key)


# These three modules copy what they hand to debug logging, deeply, whether anybody logs it or not.
_NO_COPY = SimpleNamespace(deepcopy=lambda value: value, copy=copy.copy)

PATCHES: tuple[tuple[Any, str, Any], ...] = (
    (RemoteAction, "_validate_action_result", _validate_action_result),
    (RemoteAction, "run", _run_action),
    (EndpointConfig, "session", _session),
    (DaskGraphRunner, "run", _run_graph),
    (LogisticRegressionClassifier, "_create_X", _features),
    (RulePolicy, "_rule_key_to_state", staticmethod(_rule_states)),
    (rasa.core.processor, "copy", _NO_COPY),
    (rasa.core.policies.rule_policy, "copy", _NO_COPY),
    (rasa.core.actions.forms, "copy", _NO_COPY),
    # Asked at each event of each action's answer, and nobody defines events while it runs.
    (rasa.shared.utils.common, "all_subclasses", lru_cache(maxsize=100)(_untuned_all_subclasses)),
)


@lru_cache(maxsize=1)
def settle() -> None:
    """Once all is loaded: TensorFlow and the model stay, and need not be walked at every garbage collection."""
    gc.collect()
    gc.freeze()


def apply() -> None:
    """Patch the running Rasa; a second call changes nothing."""
    for owner, name, tuned in PATCHES:
        setattr(owner, name, tuned)
