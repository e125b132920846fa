"""The demo shop: a page with the widget on it, and what a shop's own server would do."""
