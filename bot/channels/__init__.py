"""How customers reach a conversation: WebSocket, and HTTP with the same frames."""
