"""Speaks Thai, for the demo checkpoint."""
