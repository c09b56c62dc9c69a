"""The parts of an answer to a photo."""
