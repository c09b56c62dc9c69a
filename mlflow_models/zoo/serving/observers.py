"""Who is told what engines do, such as the server's metrics. In a notebook or on Spark: nobody."""


class Observer:
    """Is told what an engine does; a class of its own has the methods that it needs."""

    def queued(self, change: int) -> None:
        """Count batches that wait for the engine; a negative change: they don't wait any more."""

    def computed(self, items: int, seconds: float) -> None:
        """Count a batch that is done."""

    def halved(self) -> None:
        """Count a batch that memory was too small for."""

    def failed(self, error: Exception) -> None:
        """Take note of a fault of ours, on a request or on one of its rows."""


observers: list[Observer] = []


def queued(change: int) -> None:
    """Tell the observers how many more batches wait for the engine; negative: fewer."""
    for observer in observers:
        observer.queued(change)


def computed(items: int, seconds: float) -> None:
    """Tell the observers about a batch that is done."""
    for observer in observers:
        observer.computed(items, seconds)


def halved() -> None:
    """Tell the observers about a batch that memory was too small for."""
    for observer in observers:
        observer.halved()


def failed(error: Exception) -> None:
    """Tell the observers about a fault of ours."""
    for observer in observers:
        observer.failed(error)
