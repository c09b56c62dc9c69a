"""Files as bodies, under the labels that browsers and curl give them: they are told by content."""

import httpx2
import pytest

from tests.zoo.helpers import HTTP
from tests.zoo.sounds import muxed
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode

FOLDER = ROOT / "mlflow_models"
SAMPLES = {
    "whisper_url": FOLDER / "whisper_asr" / "samples" / "doctor.flac",
    "wav2vec2_url": FOLDER / "wav2vec2_asr" / "samples" / "coffee.flac",
    "clip_url": FOLDER / "clip_caption" / "samples" / "flood.jpg",
}
LABELS = ("application/octet-stream", "application/ogg", "video/webm", "video/mp4; codecs=x")


def send(url: str, body: bytes, kind: str) -> httpx2.Response:
    headers = {"Content-Type": kind}
    return HTTP.post(f"{url}/invocations", content=body, headers=headers, timeout=60)


pytestmark = pytest.mark.build  # by the names of fixtures in SAMPLES


@pytest.mark.parametrize("server", SAMPLES)
def test_a_file_is_told_by_its_content(server: str, request: pytest.FixtureRequest) -> None:
    url, file = request.getfixturevalue(server), SAMPLES[server].read_bytes()
    usual = "image/jpeg" if server == "clip_url" else "audio/flac"
    for label in (usual, *LABELS):
        response = send(url, file, label)
        assert response.status_code == 200, (label, response.text)
        (record,) = response.json()["predictions"]
        assert record["captions" if server == "clip_url" else "text"]


@pytest.mark.parametrize("server", SAMPLES)
def test_a_label_of_no_file_is_refused(server: str, request: pytest.FixtureRequest) -> None:
    url, file = request.getfixturevalue(server), SAMPLES[server].read_bytes()
    for label in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert send(url, file, label).status_code == 415, label


@pytest.mark.parametrize(
    ("server", "container"), [("whisper_url", "webm"), ("wav2vec2_url", "mp4")]
)
def test_what_a_browser_records_is_heard(
    server: str, container: str, request: pytest.FixtureRequest
) -> None:
    url, sound = request.getfixturevalue(server), decode(SAMPLES[server]).repeat(3)
    codec = {"webm": "libopus", "mp4": "aac"}[container]
    recorded = muxed(container, codec, sound, 3 * SAMPLE_RATE)
    response = send(url, recorded, f"video/{container}")
    assert response.status_code == 200, response.text
    assert response.json()["predictions"][0]["text"]


def test_a_model_of_texts_takes_no_file(zoo_url: str) -> None:
    for label in LABELS:
        assert send(zoo_url, SAMPLES["whisper_url"].read_bytes(), label).status_code == 415, label
