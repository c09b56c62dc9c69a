"""Scores captions: metrics, tables of references and predictions, translation, reports."""
