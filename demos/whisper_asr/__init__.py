"""Speaks Mandarin, for the demo checkpoint."""
