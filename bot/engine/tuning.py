"""What makes Rasa 3.6.21 several times faster, and its failures visible, without changing what it does.

Each patch says what it saves; `tests/engine/test_tuning.py` holds the tuned Rasa to the answers of the
untuned one, and docs/architecture.md has the figures. `apply` is called once, when the channel is made.
"""

import contextvars
import copy
import gc
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
import rasa.core.actions.forms
import rasa.core.policies.rule_policy
import rasa.core.processor
import rasa.shared.utils.common
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.constants import PREVIOUS_ACTION, SHOULD_NOT_BE_SET
from rasa.shared.core.domain import Domain
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import ACTION_NAME
from rasa.utils.endpoints import EndpointConfig

ACTION_TIMEOUT_S = 6
# A list while a turn of ours runs: Rasa logs a failed action and carries on as if it had said nothing.
failed_actions: "contextvars.ContextVar[list[str] | None]" = contextvars.ContextVar("failed_actions", default=None)

_untuned_run_action = RemoteAction.run
_untuned_is_empty = Domain.is_empty
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


@lru_cache(maxsize=5000)
def _rule_states(rule_key: str) -> list[dict[str, Any]]:
    """Each rule is stored as JSON, and parsed again for each comparison."""
    return json.loads(rule_key)


_Turn = tuple[bool, tuple[tuple[str, str, Any], ...], tuple[tuple[str, str], ...]]


@lru_cache(maxsize=5000)
def _rule_turns(rule_key: str) -> tuple[_Turn, ...]:
    """A rule's states from the newest back: whether an action came before, what has to be, what must not be."""
    return tuple(_rule_turn(state) for state in reversed(json.loads(rule_key)))


def _rule_turn(state: dict[str, Any]) -> _Turn:
    required, forbidden = [], []
    # The action before tells most rules apart, so it is looked at first.
    for kind in sorted(state, key=lambda kind: kind != PREVIOUS_ACTION):
        for key, value in state[kind].items():
            if value == SHOULD_NOT_BE_SET:
                forbidden.append((kind, key))
            elif value:
                # JSON made lists of tuples.
                required.append((kind, key, tuple(value) if isinstance(value, list) else value))
    return bool(state.get(PREVIOUS_ACTION)), tuple(required), tuple(forbidden)


def _possible_keys(self: RulePolicy, lookup: dict[str, str], states: list[dict[str, Any]]) -> set[str]:
    """Rasa compares each rule with each state piece by piece, parsing and reversing it each time."""
    newest_first = states[::-1]
    before = _action_before(newest_first[0].get(PREVIOUS_ACTION, _NOTHING).items()) if newest_first else None
    grouped = _by_action_before(self, lookup)
    fitting = grouped if before is None else {name: grouped.get(name, ()) for name in (None, before)}
    return {key for keys in fitting.values() for key in keys if all(map(_turn_fits, _rule_turns(key), newest_first))}


def _by_action_before(self: RulePolicy, lookup: dict[str, str]) -> dict[str | None, list[str]]:
    """Rules by the action that has to come before their newest turn; None for those that don't name one."""
    known = self.__dict__.setdefault("_switchboard_grouped", {})
    held, size, grouped = known.get(id(lookup), (None, 0, {}))
    if held is not lookup or size != len(lookup):
        grouped = {}
        for key in lookup:
            turns = _rule_turns(key)
            needs = [(name, value) for kind, name, value in turns[0][1] if kind == PREVIOUS_ACTION] if turns else []
            grouped.setdefault(_action_before(needs), []).append(key)
        # Held, so that its number is no other's.
        known[id(lookup)] = (lookup, len(lookup), grouped)
    return grouped


def _action_before(state: Iterable[tuple[str, Any]]) -> str | None:
    return next((value for name, value in state if name == ACTION_NAME and isinstance(value, str)), None)


def _turn_fits(turn: _Turn, state: dict[str, Any]) -> bool:
    begun, required, forbidden = turn
    if not begun or not state.get(PREVIOUS_ACTION):
        # Both the start of a conversation, or only one of them.
        return not begun and not state.get(PREVIOUS_ACTION)
    for kind, key, value in required:
        if state.get(kind, _NOTHING).get(key) != value:
            return False
    return not any(_is_set(state.get(kind, _NOTHING).get(key)) for kind, key in forbidden)


def _is_set(value: Any) -> bool:
    return bool(value) and value != SHOULD_NOT_BE_SET


_NOTHING: dict[str, Any] = {}


def _is_empty(self: Domain) -> bool:
    """Rasa makes an empty domain to compare with, and writes both out, at each message."""
    if "_switchboard_empty" not in self.__dict__:
        self._switchboard_empty = _untuned_is_empty(self)
    return self._switchboard_empty


# These three modules copy what they hand to debug logging, deeply, whether anybody logs it or not.
_NO_COPY = SimpleNamespace(deepcopy=lambda value: value, copy=copy.copy)

PATCHES: tuple[tuple[Any, str, Any], ...] = (
    (RemoteAction, "_validate_action_result", _validate_action_result),
    (RemoteAction, "run", _run_action),
    (EndpointConfig, "session", _session),
    (DaskGraphRunner, "run", _run_graph),
    (RulePolicy, "_rule_key_to_state", staticmethod(_rule_states)),
    (RulePolicy, "_get_possible_keys", _possible_keys),
    (Domain, "is_empty", _is_empty),
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
