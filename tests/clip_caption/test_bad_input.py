"""What is no photo, and what is no address of one: one sentence, and the next is answered."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from tests.clip_caption.serving import (
    FILES,
    FLOOD,
    caption,
    is_zoos,
    post,
    refusal,
    send,
    texts,
)
from tests.zoo.helpers import HTTP, assert_same
from tests.zoo.pictures import BAD
from zoo.data.fetch import Fetcher
from zoo.settings import FetchSettings

NO_PHOTO = {
    **BAD,
    "text in the column": "a photo of a flooded street",
    "null": None,
    "a number": 5,
    "a list": [1, 2],
    "a data URL": "data:image/jpeg;base64," + base64.b64encode(FLOOD).decode(),
}


@pytest.mark.parametrize("name", NO_PHOTO)
def test_what_is_no_photo_is_refused_and_the_next_is_answered(any_url: str, name: str) -> None:
    response = post(any_url, [FLOOD, NO_PHOTO[name]])
    message = refusal(response)
    if is_zoos(response):
        assert message.startswith("Row 1, column 'image': ") or name == "a list"
        assert "\n" not in message
        assert len(message) < 150
    elif isinstance(NO_PHOTO[name], bytes):
        assert "Row 1, column 'image': " in message
    assert caption(any_url, [FLOOD])


def test_a_bad_row_is_reported_beside_the_good_ones(any_url: str) -> None:
    rows = [FLOOD, *BAD.values(), FLOOD]
    first, *bad, last = post(any_url, rows, on_error="report").json()["predictions"]
    assert first["error"] is None
    (alone,) = caption(any_url, [FLOOD])
    assert_same([first["captions"], last["captions"]], [alone["captions"]] * 2)
    for name, record in zip(BAD, bad, strict=True):
        assert record["captions"] is None
        assert record["error"].startswith("Column 'image': "), name
        assert record["error"].endswith(".")


def test_a_request_of_bad_rows_only_is_reported(clip_url: str) -> None:
    (record,) = post(clip_url, [b"no photo"], on_error="report").json()["predictions"]
    assert record["error"].startswith("Column 'image': is not a JPEG, PNG, WebP, GIF, HE")


def test_a_row_needs_one_of_the_columns(clip_url: str) -> None:
    photo, url = base64.b64encode(FLOOD).decode(), "http://photos.example.org/1.jpg"
    rows = [[photo, None], [photo, url], [None, None]]
    request = {
        "dataframe_split": {"columns": ["image", "image_url"], "data": rows},
        "params": {"on_error": "report"},
    }
    good, both, neither = send(clip_url, request).json()["predictions"]
    assert good["error"] is None
    for record in (both, neither):
        assert record["captions"] is None
        assert "one of image, image_url, search_text is needed" in record["error"]


@pytest.mark.parametrize("columns", [["photo"], ["text", "caption"], []])
def test_other_columns_are_refused(any_url: str, columns: list[str]) -> None:
    data = [["a"] * len(columns)] * 2
    response = send(any_url, {"dataframe_split": {"columns": columns, "data": data}})
    message = refusal(response)
    assert "'image'" in message
    assert "'image_url'" in message


def test_a_request_without_rows_is_answered_without_rows(clip_url: str) -> None:
    assert post(clip_url, []).json() == {"predictions": []}


@pytest.mark.parametrize("kind", ["image/jpeg", "image/svg+xml", "image/tiff"])
def test_a_raw_file_that_is_no_photo_is_refused(clip_url: str, kind: str) -> None:
    response = HTTP.post(
        f"{clip_url}/invocations",
        content=BAD["SVG"],
        headers={"Content-Type": kind},
        timeout=60,
    )
    assert refusal(response).startswith("Row 0, column 'image': is not a JPEG, PNG, WebP, GIF")


@pytest.mark.parametrize("address", ["http://photos.example.org/1.jpg", "", "flood.jpg"])
def test_addresses_are_refused_unless_hosts_are_allowed(clip_stock_url: str, address: str) -> None:
    message = refusal(post(clip_stock_url, [address], "image_url"))
    assert "Row 0, column 'image_url': is a URL, but no hosts are allowed here" in message


def test_the_server_fetches_from_no_private_address(clip_url: str) -> None:
    places = ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "10.0.0.1", "0x7f000001"]
    rows: list[str | int] = [f"http://{place}/" for place in places]
    rows += [f"{clip_url}/metrics", "file:///etc/passwd", "", 17]
    records = post(clip_url, rows, "image_url", on_error="report").json()["predictions"]
    reasons = [record["error"].partition(": ")[2] for record in records]
    for reason in reasons[: len(places)]:
        assert reason in (
            "names a host whose address isn't public.",
            "names a host that doesn't exist.",
        )
    assert reasons[len(places) :] == [
        "names a host or port that isn't allowed here (THERESA_IMAGE_HOSTS).",
        "is not an http or https URL that can be fetched.",
        "is not an http or https URL that can be fetched.",
        "is of type int; send a text.",
    ]


class Site(BaseHTTPRequestHandler):
    """Has the samples, and what is none."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        body = FILES.get(name, BAD.get(name.replace("%20", " "), b""))
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_photos_are_fetched_by_their_addresses(clip_model: Path, site: str) -> None:
    """In-process, where a test may say that this machine's own address is fine."""
    loaded = mlflow.pyfunc.load_model(str(clip_model))
    expected = texts(loaded.predict(pd.DataFrame({"image": list(FILES.values())})))
    engine = loaded.unwrap_python_model().engine
    engine.reader.fetcher = Fetcher(FetchSettings(hosts=site), private=True)
    names = list(FILES) * 5
    table = pd.DataFrame({"image_url": [f"http://{site}/{name}" for name in names]})
    assert texts(loaded.predict(table)) == expected * 5
    table = pd.DataFrame(
        {
            "image": [FLOOD, None, None, None],
            "image_url": [None, *(f"http://{site}/{name}" for name in ("flood", "gone", "SVG"))],
        }
    )
    file, url, gone, svg = loaded.predict(table, params={"on_error": "report"})
    assert_same(url, file)
    assert gone["error"] == ("Column 'image_url': can't be fetched: the server answered 404.")
    assert svg["error"].startswith("Column 'image_url': is not a JPEG, PNG, WebP, GIF")
    with pytest.raises(MlflowException, match=r"^Row 2, column 'image_url': can't be fetched"):
        loaded.predict(table)
