"""Captions for images, batches at once: CLIP prefix captioning (ClipCap)."""
