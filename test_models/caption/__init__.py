"""Photos: a page."""
