"""Batch scoring, on this machine or on Spark: what `batch.py` is made of."""
