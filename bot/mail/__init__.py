"""Answers by e-mail: the outbox, what comes back, and how both stay one conversation."""
