"""Evaluation: a page."""
