"""A customer whose messages are timed at their socket, so that what is measured is the service and not this client."""

import json
import socket
import time
import uuid
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from benchmarks.turns.load import REPLY_TIMEOUT_S, TurnFailed

READ_BYTES = 65_536


class ThinCustomer:
    """Waits in a thread of its own. Raises TurnFailed, or OSError where the service is gone or silent."""

    def __init__(self, url: str) -> None:
        address = parse_uri(url)
        self._protocol = ClientProtocol(address)
        self._socket = socket.create_connection((address.host, address.port), timeout=REPLY_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while self._protocol.state is not State.OPEN:
            self._receive()
        self._send({"type": "hello", "protocol": 1, "locale": "en"})
        self.conversation: str = self._await(lambda frame: frame["type"] == "welcome")["conversation"]

    def say(self, text: str) -> float:
        """Return the milliseconds from the message's last byte out to its acknowledgement's first byte in."""
        client_id = uuid.uuid4().hex
        self._send({"type": "message", "client_id": client_id, "text": text})
        sent = time.perf_counter()
        self._await(lambda frame: frame["type"] == "ack" and frame["client_id"] == client_id)
        return (self._received - sent) * 1000

    def leave(self) -> None:
        self._protocol.send_close()
        self._flush()
        self._socket.close()

    def _send(self, frame: dict[str, Any]) -> None:
        self._protocol.send_text(json.dumps(frame).encode())
        self._flush()

    def _flush(self) -> None:
        for part in self._protocol.data_to_send():
            self._socket.sendall(part)

    def _await(self, wanted: Any) -> dict[str, Any]:
        while True:
            self._receive()
            frames = [
                json.loads(each.data)
                for each in self._protocol.events_received()
                if isinstance(each, Frame) and each.opcode is Opcode.TEXT
            ]
            for frame in frames:
                if frame["type"] == "error":
                    raise TurnFailed(f"error {frame['code']}: {frame['message']}")
            found = next(filter(wanted, frames), None)
            if found is not None:
                return found

    def _receive(self) -> None:
        data = self._socket.recv(READ_BYTES)
        self._received = time.perf_counter()
        if not data:
            raise TurnFailed("the socket closed")
        self._protocol.receive_data(data)
        if self._protocol.handshake_exc is not None:
            raise TurnFailed(f"no socket: {self._protocol.handshake_exc}")
        self._flush()
