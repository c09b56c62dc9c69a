"""What tests of a running server share."""

import re

import requests


def metric(url: str, name: str) -> float:
    """A metric's value, summed over its labels."""
    lines = requests.get(f"{url}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}(\{{| )", line))
