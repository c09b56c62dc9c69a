"""What two models or more share: checkpoints, packaging, errors, rows, the runner."""
