"""Batch scoring on Spark: what `batch.py` is made of."""
