"""What the operator looks into: why the assistant said what it said."""
