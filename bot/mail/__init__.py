"""Conversations that go on by e-mail."""
