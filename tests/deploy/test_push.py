"""What is pushed: under which version, and never what nobody has committed."""

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import push
from tests.kong.conftest import eventually
from tests.zoo.containers import docker
from zoo.building.local_server import free_port
from zoo.errors import ZooError

REGISTRY = shutil.which("docker-registry")
CONFIG = "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {0}}}}}\nhttp: {{addr: {1}}}\n"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    return push.output(["git", "-C", str(folder), *who, *words])


def test_the_commit_is_named_and_what_isnt_committed_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    file = tmp_path / "file"
    file.write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    (tmp_path / "report").write_text("a file that git doesn't know is no change")
    assert git(tmp_path, "rev-parse", "HEAD").startswith(push.commit(tmp_path))
    file.write_text("two")
    with pytest.raises(ZooError, match="aren't committed"):
        push.commit(tmp_path)


def test_a_saved_model_has_the_number_that_the_registry_gave_it(
    ner_build: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    registry = ner_build.args[ner_build.args.index("--tracking-uri") + 1]
    ner_model = Path(ner_build.args[-1])
    run = push.read_model(ner_model, "hanlp_ner")["run_id"]
    assert push.registered_version(run, "hanlp_ner", registry) == "1"
    with pytest.raises(ZooError, match="isn't registered"):
        push.registered_version(run, "whisper_asr", registry)
    with pytest.raises(ZooError, match=re.escape(str(tmp_path))):
        push.read_model(tmp_path, "hanlp_ner")


def test_it_says_what_it_lacks(tmp_path: Path) -> None:
    variables = {key: value for key, value in os.environ.items() if key != "REGISTRY"}
    command = [sys.executable, "deploy/push.py", "hanlp_ner", "--image", "x:1", "--report"]
    done = subprocess.run(
        [*command, str(tmp_path / "report")], env=variables, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "error: where to? Set REGISTRY, such as registry.example.com/theresa.\n"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[str]:
    """HOST:PORT of a real registry."""
    address = f"127.0.0.1:{free_port()}"
    config = tmp_path / "config.yml"
    config.write_text(CONFIG.format(tmp_path / "images", address))
    running = subprocess.Popen([str(REGISTRY), "serve", str(config)], stderr=subprocess.DEVNULL)

    def listens() -> bool:
        assert running.poll() is None
        try:
            return bool(urllib.request.urlopen(f"http://{address}/v2/", timeout=5).status == 200)
        except OSError:
            return False

    try:
        eventually(listens)
        yield address
    finally:
        running.terminate()
        running.wait()


@pytest.mark.container
@pytest.mark.skipif(not REGISTRY, reason="Debian's docker-registry isn't installed")
def test_a_pushed_image_can_be_pulled_by_its_digest(local: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("what the image has in it")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
    docker("build", "--quiet", "--tag", "theresa/test_push:1", str(tmp_path))
    reference = f"{local}/theresa/test_push:3-0123456789ab"
    nowhere = f"127.0.0.1:{free_port()}/theresa/test_push:3-0123456789ab"
    made = ["theresa/test_push:1", reference, nowhere]
    try:
        digest = push.push(made[0], reference)
        docker("rmi", made[0], reference)
        docker("pull", "--quiet", digest)
        made.append(digest)
        with pytest.raises(ZooError, match="docker push"):
            push.push(digest, nowhere)
    finally:
        for one in made:
            subprocess.run(["docker", "rmi", one], capture_output=True)
