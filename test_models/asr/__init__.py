"""Speech: a page."""
