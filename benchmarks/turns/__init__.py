"""The two sides of `scripts/bench turn`, the load on them, and what is measured."""
