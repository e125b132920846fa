"""Agents, writers and operators: who they are, their sign-ins, and what they did."""
