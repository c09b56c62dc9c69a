"""Transcripts, for the models that make them and for the clients that show them alike.

It imports neither the models nor the pages, and a saved model carries it beside `zoo`.
"""
