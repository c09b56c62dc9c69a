"""What the speech models share when they serve: windows, transcripts, noise."""
