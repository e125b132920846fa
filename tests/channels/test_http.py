"""The same frames over plain HTTP."""

import threading

import httpx
import pytest

from tests.service import Client, running

HELLO = {"type": "hello", "protocol": 1}


class Poller:
    """A visitor without a socket."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.welcome = http.post("/channel/frames", json=HELLO).json()["frames"][0]
        self.headers = {"Authorization": f"Bearer {self.welcome['token']}"}
        self.cursor = 0

    def send(self, frame, **headers) -> httpx.Response:
        return self.http.post("/channel/frames", json=frame, headers={**self.headers, **headers})

    def poll(self, wait: int = 10) -> list[dict]:
        answer = self.http.get(
            "/channel/frames", params={"cursor": self.cursor, "wait": wait}, headers=self.headers, timeout=30
        )
        answer.raise_for_status()
        messages = [frame for frame in answer.json()["frames"] if frame["type"] == "message"]
        self.cursor = max([self.cursor, *(message["sequence"] for message in messages)])
        return messages

    def until(self, count: int) -> list[dict]:
        found: list[dict] = []
        while len(found) < count:
            found += self.poll()
        return found


@pytest.fixture
def http(service):
    with service.http() as client:
        yield client


def test_a_chat_without_a_socket(http):
    visitor = Poller(http)
    answer = visitor.send({"type": "message", "client_id": "c1", "text": "hello"}).json()["frames"]
    assert answer[0]["type"] == "ack" and answer[0]["sequence"] == 1
    assert [message["text"] for message in visitor.until(2)] == ["hello", "You said: hello"]


def test_a_waiting_poll_is_woken_by_a_message_from_another_transport(service, http):
    visitor = Poller(http)
    found: list[dict] = []
    waiting = threading.Thread(target=lambda: found.extend(visitor.until(1)))
    waiting.start()
    with Client(service.url, token=visitor.welcome["token"]) as tab:
        tab.say("from the socket")
    waiting.join(timeout=20)
    assert found[0]["text"] == "from the socket"


def test_a_poll_with_nothing_new_says_who_owns_the_chat_and_what_is_newest(http):
    visitor = Poller(http)
    answer = http.get("/channel/frames", params={"wait": 0}, headers=visitor.headers).json()["frames"]
    assert [frame["type"] for frame in answer] == ["owner", "heartbeat"]
    assert answer[0]["owner"] == "bot"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 400, "bad_json"),
        (b'{"type": "teleport"}', 400, "unknown_type"),
        (b'{"type": "message", "client_id": "c1", "text": ""}', 400, "empty"),
        (b'{"type": "message", "client_id": "c1", "text": "%s"}' % (b"x" * 5000), 400, "too_large"),
        (b'{"type": "message", "client_id": "c1", "text": "%s"}' % (b"x" * 100_000), 400, "too_large"),
        (b"\xff\xfe", 400, "bad_json"),
    ],
)
def test_bad_frames_get_the_same_errors(http, body, status, code):
    visitor = Poller(http)
    answer = http.post("/channel/frames", content=body, headers=visitor.headers)
    assert (answer.status_code, answer.json()["frames"][0]["code"]) == (status, code)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer nonsense", "Basic abc"])
def test_without_a_good_token_nothing_is_said_or_read(http, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    message = {"type": "message", "client_id": "c1", "text": "x"}
    for answer in (
        http.post("/channel/frames", json=message, headers=headers),
        http.get("/channel/frames", params={"wait": 0}, headers=headers),
    ):
        assert answer.status_code == 401 and answer.json()["frames"][0]["code"] == "token_invalid"


def test_a_flood_is_told_when_to_come_back(db_url, engine):
    with running(db_url, engine, messages_per_minute=2) as service, service.http() as http:
        visitor = Poller(http)
        answers = [visitor.send({"type": "message", "client_id": f"c{n}", "text": "spam"}) for n in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert int(answers[-1].headers["Retry-After"]) == answers[-1].json()["frames"][0]["retry_after_s"] > 0


def test_other_sites_may_use_it_only_when_they_are_allowed(db_url, engine):
    with running(db_url, engine, allowed_origins=["https://shop.example"]) as service, service.http() as http:
        good = http.post("/channel/frames", json=HELLO, headers={"Origin": "https://shop.example"})
        assert good.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        preflight = http.options("/channel/frames", headers={"Origin": "https://shop.example"})
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        bad = http.post("/channel/frames", json=HELLO, headers={"Origin": "https://evil.example"})
        assert bad.status_code == 403 and "Access-Control-Allow-Origin" not in bad.headers
