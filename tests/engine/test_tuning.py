"""What the tuning changes, and what it must not."""

import asyncio
import itertools
import json

import pytest
from aiohttp import web
from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.core.policies.rule_policy import RulePolicy
from rasa.shared.core.events import ActionExecuted, ActiveLoop, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from bot.engine import tuning

# Before anything here tunes it. The order of the tests in this folder must not matter.
UNTUNED = [(owner, name, vars(owner)[name]) for owner, name, _ in tuning.PATCHES]
MESSAGES = (
    "hello there",
    "how long does shipping to Spain take?",
    "where is my order KF-10234",
    "I want to talk to a human",
    "that did not help",
    "asdf jkl",
    "👍",
)


@pytest.fixture(autouse=True)
def tuned():
    tuning.apply()
    tuning.apply()
    yield
    for owner, name, untuned in UNTUNED:
        setattr(owner, name, untuned)


def answers(agent):
    """What Rasa understands and would do next, for each message, in a form and outside."""
    found = []
    for text in MESSAGES:
        parsed = asyncio.run(agent.processor.parse_message(UserMessage(text)))
        for active_loop in (None, "order_form"):
            tracker = DialogueStateTracker("test", agent.domain.slots)
            for event in (
                ActionExecuted("action_session_start"),
                ActiveLoop(active_loop),
                ActionExecuted("action_listen"),
                UserUttered(text, parsed["intent"], parsed["entities"], parsed),
            ):
                tracker.update(event, agent.domain)
            _, prediction = agent.processor.predict_next_with_tracker_if_should(tracker)
            found.append((parsed["intent"], parsed["entities"], prediction.probabilities, prediction.policy_name))
    return found


def test_the_tuned_rasa_says_what_the_untuned_one_says(agent):
    tuned = answers(agent)
    for owner, name, untuned in UNTUNED:
        setattr(owner, name, untuned)
    for (mine, *my_rest), (theirs, *their_rest) in zip(tuned, answers(agent), strict=True):
        assert mine["name"] == theirs["name"]
        assert mine["confidence"] == pytest.approx(theirs["confidence"], abs=1e-6)
        assert my_rest == their_rest


def test_every_rule_applies_where_it_did(agent):
    """Each state that any rule of the model speaks of, and each pair of them, as a conversation so far."""
    policy = next(
        node._component
        for node in agent.processor.graph_runner._instantiated_nodes.values()
        if isinstance(node._component, RulePolicy)
    )
    rules = policy.lookup["rules"]
    states = [state for key in rules for state in json.loads(key)]
    unset = [
        {kind: {k: v for k, v in values.items() if v != "should_not_be_set"} for kind, values in state.items()}
        for state in states
    ]
    conversations = [*([state] for state in states + unset), *map(list, itertools.pairwise(states))]
    mine = [policy._get_possible_keys(rules, list(conversation)) for conversation in conversations]
    assert any(mine)
    for owner, name, untuned in UNTUNED:
        setattr(owner, name, untuned)
    assert mine == [policy._get_possible_keys(rules, list(conversation)) for conversation in conversations]


def test_a_bad_answer_of_the_action_server_is_still_refused():
    action = RemoteAction("action_test", None)
    assert action._validate_action_result({"events": [], "responses": []})
    for bad in ({"events": "none", "responses": []}, {"events": [], "responses": ["text"]}, [], None, "ok"):
        with pytest.raises(RasaException):
            action._validate_action_result(bad)


def run(domain, handler):
    """Run one action twice against a real server: (connections made, failures reported, error)."""

    async def work():
        connections = set()

        async def counted(request):
            connections.add(request.transport)
            return await handler(request)

        app = web.Application()
        app.router.add_post("/webhook", counted)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        endpoint = EndpointConfig(f"http://127.0.0.1:{port}/webhook")
        failures = []
        tuning.failed_actions.set(failures)
        error = None
        tracker = DialogueStateTracker("test", domain.slots)
        for _ in range(2):
            try:
                await RemoteAction("action_answer", endpoint).run(
                    CollectingOutputChannel(), TemplatedNaturalLanguageGenerator(domain.responses), tracker, domain
                )
            except Exception as problem:
                error = problem
        await endpoint._switchboard_session.close()
        await runner.cleanup()
        return len(connections), failures, error

    return asyncio.run(work())


def test_actions_share_a_connection(domain):
    async def ok(request):
        return web.json_response({"events": [], "responses": []})

    assert run(domain, ok) == (1, [], None)


def test_a_failed_action_is_reported(domain):
    async def broken(request):
        return web.json_response({"error": "broken"}, status=500)

    _, failures, error = run(domain, broken)
    assert failures == ["action_answer"] * 2 and isinstance(error, RasaException)


def test_a_rejected_form_is_no_failure(domain):
    async def rejected(request):
        return web.json_response({"action_name": "validate_order_form", "error": "no"}, status=400)

    assert run(domain, rejected)[1] == []
