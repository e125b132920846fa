"""Signals that a conversation goes wrong, and the decision: pure functions, Python 3.10 too."""
