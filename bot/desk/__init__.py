"""The agents' side: queue, claims, and the desk page."""
