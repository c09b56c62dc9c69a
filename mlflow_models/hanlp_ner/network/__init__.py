"""The networks: characters or words in, scores out, and entities made of them."""
