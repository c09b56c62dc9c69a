#!/usr/bin/env python3
"""Prints the user data (cloud-init) of a host that runs a model: it comes up and serves.

python deploy/user_data.py hanlp_ner --image registry.example.com/theresa/hanlp_ner:3-0123456789ab

The host is Debian 12, Ubuntu 22.04, or a later one; with --gpu it has NVIDIA's driver and container
toolkit already, as AWS's Deep Learning Base image has. No secret is in it, since every process of a
host can read its user data: an Amazon ECR is reached by the host's role; another registry by the
config.json of a `docker login` that a person puts into /etc/theresa/docker.

Checked by cloud-init's schema, where it is installed; no host was ever started with it.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
UNITS = ("theresa@.service", "theresa-health@.service", "theresa-health@.timer")
NAME = re.compile(r"^[a-z][a-z0-9_-]*$")
IMAGE = re.compile(r"^[A-Za-z0-9.:/_-]+(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$")
SPOOL = re.compile(r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$")
MEMORY = re.compile(r"^[1-9][0-9]*[mg]$")
ECR = re.compile(r"^[0-9]+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$")
JOURNAL = "[Journal]\nSystemMaxUse=2G\nMaxRetentionSec=1month\n"


class BadOption(ValueError):
    """An option that would make a host which doesn't serve."""


def document(
    name: str, image: str, port: int, memory: str, gpu: bool, spool: str | None = None
) -> dict[str, Any]:
    """The cloud-config document.

    Args:
        name: The model's; the unit is theresa@NAME.
        image: Its image, by a tag that doesn't move, or by digest.
        port: The host's, that Kong is told.
        memory: What the container may use, such as 4g.
        gpu: Whether it gets the host's GPUs.
        spool: The host's folder for files that are too large for memory.

    Raises:
        BadOption: one of them is wrong.
    """
    for value, pattern, option in (
        (name, NAME, "the name"),
        (image, IMAGE, "--image"),
        (memory, MEMORY, "--memory"),
        (spool, SPOOL, "--spool"),
    ):
        if value is not None and not pattern.match(value):
            raise BadOption(f"{option} can't be '{value}'")
    if image.endswith(":latest"):
        raise BadOption(f"--image '{image}' moves: name the version that was pushed")
    if not 1024 <= port <= 65535:
        raise BadOption(f"--port {port} isn't between 1024 and 65535")
    registry = image.split("/")[0]
    ecr = bool(ECR.match(registry))
    docker = {"credHelpers": {registry: "ecr-login"}} if ecr else {}
    options = [
        *(["--gpus all"] if gpu else []),
        *([f"--volume {spool}:/spool --env THERESA_SPOOL=/spool"] if spool else []),
    ]
    settings = f"IMAGE={image}\nPORT={port}\nMEMORY={memory}\nOPTIONS={' '.join(options)}\n"
    files = [
        *(_file(f"/etc/systemd/system/{unit}", (FOLDER / unit).read_text()) for unit in UNITS),
        _file(f"/etc/theresa/{name}.env", settings),
        _file("/etc/systemd/journald.conf.d/theresa.conf", JOURNAL),
    ]
    if ecr:
        files.append(_file("/etc/theresa/docker/config.json", json.dumps(docker) + "\n"))
    toolkit = ["nvidia-ctk", "runtime", "configure", "--runtime=docker"]
    owner = ["--owner", "65534", "--group", "65534"]  # the image's
    commands = [
        *([["install", "--directory", *owner, "--mode", "700", spool]] if spool else []),
        ["systemctl", "restart", "systemd-journald"],
        *([toolkit, ["systemctl", "restart", "docker"]] if gpu else []),
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", f"theresa-health@{name}.timer"],
        ["systemctl", "enable", "--now", f"theresa@{name}.service"],
    ]
    return {
        "package_update": True,
        "packages": ["docker.io", *(["amazon-ecr-credential-helper"] if ecr else [])],
        "write_files": files,
        "runcmd": commands,
    }


def _file(path: str, content: str) -> dict[str, str]:
    return {"path": path, "content": content, "permissions": "0644", "owner": "root:root"}


def main(words: list[str] | None = None) -> int:
    """Reads the command line and prints; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="the model's name, such as hanlp_ner")
    parser.add_argument("--image", required=True, help="what `make push` has pushed")
    parser.add_argument("--port", type=int, default=8080, help="the host's port (%(default)s)")
    parser.add_argument(
        "--memory", help="what it may use of the host's (4g; 8g with --gpu, for CUDA's libraries)"
    )
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="give it the host's GPUs; the image must be built with GPU=1",
    )
    parser.add_argument(
        "--spool",
        metavar="FOLDER",
        help="a folder of the host, on a disk of its own, for files that are too large for memory",
    )
    args = parser.parse_args(words)
    memory = args.memory or ("8g" if args.gpu else "4g")
    try:
        made = document(args.name, args.image, args.port, memory, args.gpu, args.spool)
    except BadOption as error:
        print(f"error: {error}.", file=sys.stderr)
        return 1
    print("#cloud-config\n" + yaml.safe_dump(made, sort_keys=False, width=1000), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
