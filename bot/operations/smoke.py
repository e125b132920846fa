"""One whole customer story through the real protocol; every step has to happen."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bot.operations.installation import Installation

STEP_TIMEOUT_S = 20
QUESTION = "How long do I have to send something back?"
FOLLOW_UP = "and who pays for the postage?"
FRUSTRATED = "This is useless, I am really fed up with this!"
AGENT_REPLY = "Hello, I'm here now. I have read everything; let me sort it out for you."
CUSTOMER_REPLY = "Thank you, that was quick"
BACK_AGAIN = "Which payment methods do you take?"
COLOURS = {"customer": "cyan", "bot": "green", "agent": "magenta", "system": "yellow"}


class StepFailed(Exception):
    """A step of the story that did not happen."""


def play(place: Installation, sign_ins: list[tuple[str, str, str]], console: Console) -> int:
    """Print the transcript as it happens; 0 when every step happened."""
    _, email, password = next(line for line in sign_ins if line[0] == "agent")
    console.print("\n[bold]The story[/bold]")
    try:
        with Customer(place.url, console) as customer, Desk(place.url) as desk:
            _story(customer, desk, email, password)
    except (StepFailed, httpx.HTTPError, WebSocketException, TimeoutError, OSError) as problem:
        console.print(f"\n[red]The story broke:[/red] {type(problem).__name__}: {problem}")
        console.print(f"Logs: {place.folder / 'log'}")
        return 1
    console.print("\n[green]Every step happened.[/green]")
    return 0


def _story(customer: "Customer", desk: "Desk", email: str, password: str) -> None:
    cites = "an answer that names its article"
    customer.say(QUESTION)
    customer.wait_for(cites, lambda m: m["kind"] == "answer" and bool(m["article"]["url"]))
    customer.say(FOLLOW_UP)
    customer.wait_for("a reply to the follow-up", lambda m: m["author"] == "bot")
    customer.say(FRUSTRATED)
    customer.wait_for("the notice that a person was asked for", lambda m: m.get("notice") == "handoff_requested")
    desk.sign_in(email, password)
    desk.see(customer.conversation)
    desk.act(customer.conversation, "claim")
    customer.wait_for("the notice that a person joined", lambda m: m.get("notice") == "agent_joined")
    desk.act(customer.conversation, "reply", text=AGENT_REPLY, client_id=uuid.uuid4().hex)
    customer.wait_for("the agent's reply", lambda m: m["author"] == "agent" and m["text"] == AGENT_REPLY)
    customer.say(CUSTOMER_REPLY)
    desk.act(customer.conversation, "resolve")
    customer.wait_for("the notice that the request is closed", lambda m: m.get("notice") == "resolved")
    customer.say(BACK_AGAIN)
    customer.wait_for("the bot is back, with " + cites, lambda m: m["author"] == "bot" and m["kind"] == "answer")


class Customer:
    """A visitor on the real socket who prints what they see."""

    def __init__(self, url: str, console: Console) -> None:
        self._console = console
        self._socket = connect(url.replace("http", "ws", 1) + "/channel/socket", proxy=None)
        self._seen = 0
        self._send({"type": "hello", "protocol": 1})
        self.conversation: str = self._frame("welcome")["conversation"]

    def __enter__(self) -> "Customer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, text: str) -> None:
        client_id = uuid.uuid4().hex
        self._send({"type": "message", "client_id": client_id, "text": text})
        self._frame("ack", client_id=client_id)

    def wait_for(self, what: str, fits: Callable[[dict[str, Any]], bool]) -> None:
        until = time.monotonic() + STEP_TIMEOUT_S
        while time.monotonic() < until:
            try:
                message = self._frame("message", timeout=max(0.1, until - time.monotonic()))
            except TimeoutError:
                break
            if message["author"] != "customer" and fits(message):
                return
        raise StepFailed(f"{what}: not within {STEP_TIMEOUT_S} s")

    def _send(self, frame: dict[str, Any]) -> None:
        self._socket.send(json.dumps(frame))

    def _frame(self, kind: str, timeout: float = STEP_TIMEOUT_S, **fields: Any) -> dict[str, Any]:
        until = time.monotonic() + timeout
        while True:
            frame = json.loads(self._socket.recv(max(0.05, until - time.monotonic())))
            if frame["type"] == "error":
                raise StepFailed(f"{frame['code']}: {frame['message']}")
            if frame["type"] == "message" and frame["sequence"] > self._seen:
                self._seen = frame["sequence"]
                self._print(frame)
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                return frame

    def _print(self, message: dict[str, Any]) -> None:
        line = Text(f"  {message['author']:>8}  ", style=COLOURS[message["author"]])
        line.append(message["text"].replace("\n", "\n            "), style="default")
        if message.get("article"):
            line.append(f"\n            → {message['article']['title']} ({message['article']['url']})", style="dim")
        self._console.print(line)


class Desk:
    """An agent's browser, as far as the story needs one."""

    def __init__(self, url: str) -> None:
        # What a browser says of a form on our own page.
        headers = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=STEP_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def sign_in(self, email: str, password: str) -> None:
        answer = self._http.post("/sign-in", data={"email": email, "password": password})
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise StepFailed(f"signing in answered {answer.status_code}")

    def see(self, conversation: str) -> None:
        page = self._http.get("/desk")
        if page.status_code != httpx.codes.OK or conversation not in page.text:
            raise StepFailed(f"the chat is not in the desk's queue (HTTP {page.status_code})")

    def act(self, conversation: str, action: str, **form: str) -> None:
        answer = self._http.post(f"/desk/chats/{conversation}/{action}", data=form)
        if answer.is_error:
            raise StepFailed(f"{action} answered {answer.status_code}: {answer.text[:200]}")
