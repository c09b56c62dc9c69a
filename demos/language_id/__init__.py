"""The corpus of the language identifier's demo: synthesized speech, and clips of people."""
