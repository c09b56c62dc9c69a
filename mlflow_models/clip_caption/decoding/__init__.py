"""GPT-2 writes captions: the search, the network, and what is being written."""
