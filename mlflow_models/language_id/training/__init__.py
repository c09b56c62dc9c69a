"""Trains and scores language identifiers: data, conditions, network, linear classifier, scores."""
