"""What only training and evaluation need; none of it is packed into the served model."""
