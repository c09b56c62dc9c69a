"""Speech through the image, as a host runs it, with two workers: streams, OpenAI's API, live."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import httpx2
import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kong.samples import Sample
from kong.streams import recording
from tests.zoo.containers import Images, docker
from tests.zoo.talk import Talk, speech, talk
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT

WORKERS = 2
SAMPLE = Sample.read(ROOT / "mlflow_models" / "whisper_asr" / "sample.json")
CAREFUL = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
SSE = {"Content-Type": "audio/wav", "Accept": "text/event-stream"}
CHILDREN = """
for pid in open("/proc/1/task/1/children").read().split():
    try:
        if b"tracker" not in open(f"/proc/{pid}/cmdline", "rb").read():
            print(pid)
    except OSError:  # it has ended meanwhile
        pass
"""
KILL = "import os, sys; os.kill(int(sys.argv[1]), 9)"


@dataclass
class Container:
    """A running container.

    Attributes:
        name: its id.
        host: HOST:PORT.
    """

    name: str
    host: str

    def python(self, code: str, *words: str) -> list[str]:
        """The words that a script prints inside."""
        return docker("exec", self.name, "python3", "-c", code, *words).split()


@pytest.fixture(scope="module")
def container(whisper_images: Images) -> Iterator[Container]:
    """The model's image, with no rights and its workers ready."""
    port = free_port()
    options = [*CAREFUL, "--tmpfs", "/tmp", "--publish", f"127.0.0.1:{port}:8080"]
    options += ["--env", f"MLFLOW_MODELS_WORKERS={WORKERS}", "--env", "THERESA_LIVE_STREAMS=1"]
    name = docker("run", "--detach", *options, f"{whisper_images.name}:test")
    one = Container(name, f"127.0.0.1:{port}")
    try:
        ready(one)
        yield one
    finally:
        docker("rm", "--force", name)


def ready(container: Container) -> None:
    """Waits until all the workers are."""
    for _ in range(1200):
        try:
            good = httpx2.get(f"http://{container.host}/ready").status_code == 200
            if good and len(container.python(CHILDREN)) == WORKERS:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(docker("logs", container.name))


def test_an_answer_flows_and_is_the_plain_one(container: Container) -> None:
    url, sound = f"http://{container.host}/invocations", recording(SAMPLE, 60)
    kept = {"temperature": "0"}
    plain = httpx2.post(
        url, params=kept, content=sound, headers=SSE | {"Accept": "*/*"}, timeout=60
    )
    with httpx2.stream("POST", url, params=kept, content=sound, headers=SSE, timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line]
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event")]
    assert kinds[-1] == "done"
    assert kinds.count("progress") > 1
    (record,) = plain.json()["predictions"]
    assert json.loads(lines[-1].removeprefix("data: ")) == record


def test_openais_client_works(container: Container) -> None:
    with openai.OpenAI(base_url=f"http://{container.host}/v1", api_key="none") as client:
        model, *_ = client.models.list().data
        ask, file = client.audio.transcriptions.create, ("talk.wav", recording(SAMPLE, 3))
        plain = ask(model=model.id, file=file, temperature=0.0)
        *_, last = ask(model=model.id, file=file, temperature=0.0, stream=True)
        assert last.type == "transcript.text.done"
        assert last.text == plain.text


def test_a_worker_that_dies_ends_its_live_streams_and_no_others(container: Container) -> None:
    with ExitStack() as stack:
        live = [stack.enter_context(opened(container)) for _ in range(WORKERS)]
        for one in live:
            one.append(speech(0.2))
        workers = container.python(CHILDREN)
        container.python(KILL, workers[0])
        assert sorted(map(answers, live)) == [False, True]
        ready(container)
        assert set(workers) - set(container.python(CHILDREN)) == {workers[0]}
        assert answers(stack.enter_context(opened(container)))


@contextmanager
def opened(container: Container) -> Iterator[Talk]:
    """A live stream at a worker that has none yet; one that has refuses another."""
    with ExitStack() as stack:
        one = None
        while one is None or one.first["type"] == "error":
            with suppress(InvalidStatus):  # a worker that has just begun isn't ready
                one = stack.enter_context(talk(container.host))
        yield one


def answers(one: Talk) -> bool:
    """Whether a live stream still does; at its end the client is told."""
    try:
        one.say("input_audio_buffer.clear")
        return one.until("cleared")[-1]["type"].endswith("cleared")
    except ConnectionClosed:
        return False
