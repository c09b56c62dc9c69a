"""Identifies the language that is spoken in a recording: Mandarin, Thai, English (Wav2Vec2)."""
