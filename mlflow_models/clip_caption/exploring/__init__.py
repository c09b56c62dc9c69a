"""Exploring a collection of photos by its embeddings; what `explore.py` runs."""
