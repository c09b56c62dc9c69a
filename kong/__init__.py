"""What stands between the models and their clients: registering them with Kong, and its files."""
