"""What brings the models to a registry and to hosts."""
