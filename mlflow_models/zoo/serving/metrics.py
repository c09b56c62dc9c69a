"""The server's metrics for Prometheus, also with several workers (multiprocess mode)."""

import os

from prometheus_client import REGISTRY as PROCESS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from zoo.serving.observers import Observer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LONG_SECONDS = (1, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 14400)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 16384)

requests = Counter("theresa_requests", "Requests, by path and status.", ["path", "status"])
latency = Histogram("theresa_request_seconds", "Seconds per prediction.", buckets=SECONDS)
stream_seconds = Histogram(
    "theresa_stream_seconds", "Seconds per answer by events.", buckets=LONG_SECONDS
)
stream_errors = Counter(
    "theresa_stream_errors", "Answers by events that ended in an error, by its code.", ["code"]
)
rows = Histogram("theresa_request_rows", "Rows per prediction.", buckets=SIZES)
batch_size = Histogram("theresa_batch_items", "Items in a batch of the engine.", buckets=SIZES)
engine_seconds = Counter("theresa_engine_seconds", "Seconds that the engine worked.")
halvings = Counter("theresa_memory_halvings", "Batches that were halved because memory ran out.")
in_flight = Gauge(
    "theresa_requests_in_flight", "Predictions queued or running.", multiprocess_mode="livesum"
)
queue_depth = Gauge(
    "theresa_queue_depth", "Batches that wait for the engine.", multiprocess_mode="livesum"
)
live_streams = Gauge(
    "theresa_live_streams", "Live streams that are open.", multiprocess_mode="livesum"
)
live_seconds = Counter("theresa_live_sound_seconds", "Seconds of sound in live streams.")
workers = Gauge("theresa_workers", "Workers that are ready.", multiprocess_mode="livesum")
model_info = Gauge(
    "theresa_model", "The model that is served.", ["name", "version"], multiprocess_mode="max"
)
device = Gauge(
    "theresa_device", "What the model computes on.", ["kind", "name"], multiprocess_mode="max"
)


class EngineMetrics(Observer):
    """Counts what the engine does."""

    def queued(self, change: int) -> None:
        """Count batches that wait for the engine; a negative change: they don't wait any more."""
        queue_depth.inc(change)

    def computed(self, items: int, seconds: float) -> None:
        """Count a batch that is done."""
        batch_size.observe(items)
        engine_seconds.inc(seconds)

    def halved(self) -> None:
        """Count a batch that memory was too small for."""
        halvings.inc()


def render() -> bytes:
    """Write all workers' metrics in Prometheus's text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(PROCESS)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
