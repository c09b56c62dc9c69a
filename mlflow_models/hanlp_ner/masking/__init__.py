"""Takes personal data out of a text: finds it, and writes a stand-in for it."""
