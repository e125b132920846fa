"""Measurements, side by side in one run; started with scripts/bench. Never timed tests."""
