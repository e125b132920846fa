"""The knowledge base: encoder, passages, index and search. Imports nothing first-party."""
