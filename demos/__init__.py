"""What makes the demo data and the demo checkpoints; no product needs it."""
