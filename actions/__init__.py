"""Rasa's action server: one module a topic. Imports `kb_index`, never `bot`."""
