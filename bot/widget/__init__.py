"""The script that goes on a customer's site, and the routes that serve it."""
