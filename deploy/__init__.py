"""Brings images to a registry and hosts; checks the pipeline."""
