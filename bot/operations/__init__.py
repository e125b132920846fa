"""What the operator runs: preparing, supervising, and the smoke test."""
