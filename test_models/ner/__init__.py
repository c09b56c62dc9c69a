"""Entities: a page."""
