"""Writes sentences with Chinese names, for the demo checkpoint."""
