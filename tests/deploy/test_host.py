"""A host's user data and units: right by the tools that read them, and run as they stand."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.user_data import FOLDER, UNITS, BadOption, document, main

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/theresa/hanlp_ner:3-0123456789ab"
UNPINNED = ["x", "latest", "x:latest", "x:1;reboot", "x:1\nOPTIONS=--privileged", "x@sha256:12"]


def files(made: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["content"] for one in made["write_files"]}


def test_the_host_gets_the_units_and_runs_this_image() -> None:
    made = document("hanlp_ner", IMAGE, 8081, "2g", gpu=True)
    written = files(made)
    for unit in UNITS:
        assert written[f"/etc/systemd/system/{unit}"] == (FOLDER / unit).read_text()
    settings = "IMAGE={}\nPORT=8081\nMEMORY=2g\nOPTIONS=--gpus all\n"
    assert written["/etc/theresa/hanlp_ner.env"] == settings.format(IMAGE)
    assert "ecr-login" in written["/etc/theresa/docker/config.json"]
    assert made["runcmd"][-1] == ["systemctl", "enable", "--now", "theresa@hanlp_ner.service"]
    assert not any(
        "nvidia-ctk" in words for words in document("a", "b/c:1", 8080, "2g", False)["runcmd"]
    )


def test_a_host_may_have_a_folder_for_large_files() -> None:
    made = document("whisper_asr", IMAGE, 8080, "4g", True, "/srv/spool")
    (line,) = (
        line
        for line in files(made)["/etc/theresa/whisper_asr.env"].splitlines()
        if line.startswith("OPTIONS=")
    )
    mounted = "--volume /srv/spool:/spool --env THERESA_SPOOL=/spool"
    assert line == f"OPTIONS=--gpus all {mounted}"
    assert made["runcmd"][0][-1] == "/srv/spool"


@pytest.mark.parametrize("image", UNPINNED)
def test_an_image_that_moves_or_is_none_is_refused(image: str) -> None:
    with pytest.raises(BadOption, match="--image"):
        document("hanlp_ner", image, 8080, "2g", gpu=False)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--port", "80"], "--port 80"),
        (["--memory", "2 g"], "--memory"),
        (["--spool", "/a:/b"], "--spool"),
        (["--gpu"], ""),
    ],
)
def test_its_command_line(
    options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["hanlp_ner", "--image", IMAGE, *options])
    out, err = capsys.readouterr()
    if named:
        assert (code, out) == (1, "")
        assert named in err
    else:
        assert code == 0
        assert out.startswith("#cloud-config\n")
        assert yaml.safe_load(out) == document("hanlp_ner", IMAGE, 8080, "8g", gpu=True)


@pytest.mark.skipif(not shutil.which("cloud-init"), reason="cloud-init isn't installed")
@pytest.mark.parametrize("image", [IMAGE, "registry.example.com/theresa/hanlp_ner:3-0123"])
def test_cloud_inits_schema_takes_it(
    image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hanlp_ner", "--image", image]) == 0
    given = capsys.readouterr().out
    for text, right in ((given, True), (given.replace("packages:", "package:\n  x:"), False)):
        (tmp_path / "user-data").write_text(text)
        command = ["cloud-init", "schema", "--config-file", str(tmp_path / "user-data")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0) == right, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd isn't installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        shutil.copy(FOLDER / unit, tmp_path)
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=true\n")  # Docker's own
    instances = [unit.replace("@", "@hanlp_ner") for unit in UNITS]
    service = tmp_path / UNITS[0]
    for right in (True, False):
        done = subprocess.run(
            ["systemd-analyze", "verify", *(f"./{one}" for one in instances)],
            cwd=tmp_path,
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            capture_output=True,
            text=True,
        )
        said = [line for line in done.stderr.splitlines() if "docker is not executable" not in line]
        assert bool(said) != right, done.stderr
        service.write_text(service.read_text().replace("RestartSec=", "RestartSecs="))


@pytest.mark.parametrize(
    ("docker_says", "restarts"),
    [
        ("echo healthy", False),
        ("echo starting", False),
        ("echo unhealthy", True),
        ("exit 1", False),
    ],
)
def test_a_model_that_docker_finds_unhealthy_is_restarted(
    docker_says: str, restarts: bool, tmp_path: Path
) -> None:
    for name, script in (("docker", docker_says), ("systemctl", f'echo "$@" > {tmp_path}/called')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    unit = (FOLDER / "theresa-health@.service").read_text().replace("%i", "ner")
    command = unit.partition("\nExecStart=")[2].replace("$$", "$")
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", command], env={"PATH": path}, check=True)
    called = tmp_path / "called"
    assert called.exists() == restarts
    assert not restarts or called.read_text() == "restart theresa@ner\n"
