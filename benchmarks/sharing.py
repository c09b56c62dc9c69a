"""How evenly the workers of our server share connections that come together."""

import json
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import machine, saved
from tests.zoo.launched import Launched, launched
from tests.zoo.wire import Wire, post

TITLE = "Connections that come together, shared by the workers"
CONNECTIONS, ROUNDS = 16, 4
REQUESTS = {
    "short": post(json.dumps({"instances": ["我爱中国"]}).encode()),
    "long": post(json.dumps({"instances": ["我爱中国。" * 200] * 4}).encode()),
}


def turn(server: Launched, request: bytes) -> tuple[list[int], float]:
    """Opens the connections at once and sends the requests over them; shares and seconds."""
    wires = [Wire(server.url, 120) for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    for _ in range(ROUNDS):
        for one in wires:
            one.send(request)
        for one in wires:
            assert one.read().status == 200
    seconds, found = time.perf_counter() - start, sorted(server.connections())
    for one in wires:
        one.close()
    return found, seconds


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Two and four workers, short and long requests."""
    turns, rows = 1 if quick else 20, []
    for workers in (2,) if quick else (2, 4):
        with launched(saved("hanlp_ner"), {}, workers) as server:
            for name, request in REQUESTS.items():
                found = []
                for _turn in range(turns):
                    found.append(turn(server, request))
                    while any(server.connections()):
                        pass  # until the last turn's connections have gone
                least, most = min(one[0][0] for one in found), max(one[0][-1] for one in found)
                rows.append(
                    {
                        "workers": workers,
                        "requests": name,
                        "turns": turns,
                        "least": least,
                        "most": most,
                        "seconds": statistics.median(one[1] for one in found),
                    }
                )
    return {"machine": machine(("gunicorn", "uvicorn")), "rows": rows}


def render(result: dict[str, Any]) -> str:
    """The shares, as Markdown."""
    lines = [
        f"hanlp_ner; {CONNECTIONS} connections opened at once, and {CONNECTIONS * ROUNDS} requests "
        "over them. The least and the most that one worker had, of all turns.",
        "",
        "| workers | requests | turns | connections of a worker | seconds |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['workers']} | {row['requests']} | {row['turns']} | {row['least']} to "
        f"{row['most']} | {row['seconds']:.2f} |"
        for row in result["rows"]
    ]
    return "\n".join(lines)
