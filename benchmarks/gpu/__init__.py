"""The check of what only a GPU can show, for a machine that has no network."""
