"""The model for other servers and for phones; `export.py` is the command."""
