"""What training and evaluation need and serving doesn't."""
