"""Customers, conversations, messages and ownership: the source of truth."""
