"""From a checkpoint to a saved model: packaging, tracking, local servers."""
