"""Speech corpora: reading them, cleaning them, and making them harder; shared by the ASR models."""
