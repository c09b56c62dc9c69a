"""Chinese speech recognition with Whisper."""
