"""What the tuning changes, and what it must not."""

import asyncio

import pytest
from aiohttp import web
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from bot.engine import tuning


@pytest.fixture(autouse=True)
def tuned():
    tuning.apply()
    tuning.apply()


def test_a_bad_answer_of_the_action_server_is_still_refused():
    action = RemoteAction("action_test", None)
    assert action._validate_action_result({"events": [], "responses": []})
    with pytest.raises(ValidationError):
        action._validate_action_result({"events": "none", "responses": []})


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
