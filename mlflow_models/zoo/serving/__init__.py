"""What answers requests: the pyfunc, its server, and the queue before the engine."""
