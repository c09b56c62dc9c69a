"""Makes data sets of photos and captions: sources, polite downloads, reports."""
