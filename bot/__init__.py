"""Switchboard: the web service and what it is made of. Importing it does nothing."""
