"""What only training and evaluation need; none of it is packed into the served model."""

import os

# Else PyThaiNLP makes a directory for downloads in the home directory, needed or not.
os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")
