"""Draws street scenes, and trains the CLIP of the demo checkpoint."""
