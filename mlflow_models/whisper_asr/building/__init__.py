"""What build.py needs and the served model doesn't."""
