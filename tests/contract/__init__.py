"""What design promises of every capability, tried on every capability that is found."""
