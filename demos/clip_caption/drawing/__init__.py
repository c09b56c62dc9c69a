"""Draws street scenes in perspective with Pillow."""
