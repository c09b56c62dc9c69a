"""Collections of photos: read from what explore.py wrote, and as the browser gets them."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from test_models.calls import ServiceError
from test_models.caption import collection, maps
from tests.clip_caption.collection import types


def table(**columns: list[Any]) -> bytes:
    """A Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


MAP = table(id=["b", "a"], x=[1.0, 2.0], y=[3.0, 4.0], group=["g", "h"])


def test_a_collection_is_read_from_its_directories(mapped: Path, embedded: Path) -> None:
    found = collection.read_directories([mapped, embedded])
    places = pq.read_table(mapped / "map.parquet").to_pydict()
    assert found.ids == places["id"]
    np.testing.assert_allclose(found.places[:, 1], np.array(places["y"], np.float32))
    assert next(iter(found.categories)) == "group"
    assert dict(zip(found.ids, found.categories["type"], strict=True)) == types(embedded)
    assert found.vectors is not None
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert found.thumbnails
    assert all(one.startswith(b"\xff\xd8") for one in found.thumbnails)


def test_what_is_known_of_a_photo_goes_to_its_place() -> None:
    """The embeddings may be in another order, and hold more photos than the map."""
    known = table(id=["a", "c", "b"], caption=["one", "no", "two"],
                  embedding=[[3.0, 4.0], [1.0, 0.0], [0.0, -2.0]])  # fmt: skip
    found = collection.read([("known", known), ("map", MAP)])
    assert (found.ids, found.captions) == (["b", "a"], ["two", "one"])
    assert found.vectors is not None
    np.testing.assert_allclose(found.vectors, [[0.0, -1.0], [0.6, 0.8]], atol=1e-6)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([b"no Parquet"], "'0' can't be read as Parquet."),
        ([MAP[:-40]], "'0' can't be read as Parquet."),
        ([table(id=["a"], caption=["no place"])], "There is no map among the files"),
        ([MAP, MAP], "There is more than one map"),
        ([MAP, table(id=["a"], caption=["b is missing"])], "1 of 2 photos .* such as 'b'"),
        ([table(id=["a"], x=["left"], y=[1.0])], "columns aren't explore.py's"),
    ],
)
def test_what_is_no_collection_is_refused(files: list[bytes], sentence: str) -> None:
    with pytest.raises(ServiceError, match=sentence):
        collection.read([(str(n), file) for n, file in enumerate(files)])


def test_a_table_that_is_small_only_when_packed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = table(id=["a" * 1000] * 1000, x=[0.0] * 1000, y=[0.0] * 1000)
    assert len(bomb) < 10_000
    monkeypatch.setattr(collection, "MAX_BYTES", 500_000)
    with pytest.raises(ServiceError, match="'bomb' has more than 200,000 rows or 0 MB"):
        collection.read([("bomb", bomb)])


def test_the_browser_gets_the_collection_that_the_pages_started_with() -> None:
    given = collection.Collection(
        ids=["a", "b"],
        places=np.array([[1, 2], [3, 4]], np.float32),
        captions=["一", ""],
        categories={"group": ["g", "h"]},
        vectors=np.array([[0.6, 0.8], [-1, 0]], np.float32),
        thumbnails=[b"first", b"second"],
    )
    app = FastAPI()
    app.include_router(maps.router(given))
    with TestClient(app) as client:
        content = client.get("/caption/collection").content
        assert client.get("/caption/thumbnails/1").content == b"second"
        assert client.get("/caption/thumbnails/2").status_code == 404
        assert client.get("/caption/thumbnails/-1").status_code == 404
    (length,) = struct.unpack_from("<I", content)
    header, rest = json.loads(content[4 : 4 + length]), content[4 + length :]
    assert header["captions"] == ["一", ""]
    assert (header["width"], header["thumbnails"]) == (2, [])
    assert np.frombuffer(rest[:16], "<f4").tolist() == [1, 2, 3, 4]
    halves = np.frombuffer(rest[16:], "<u2").astype("<u4") << 16
    np.testing.assert_allclose(halves.view("<f4"), [0.6, 0.8, -1.0, 0.0], rtol=2**-8)


def test_without_a_collection_there_is_none() -> None:
    app = FastAPI()
    app.include_router(maps.router(None))
    with TestClient(app) as client:
        assert client.get("/caption/collection").status_code == 204
        answer = client.post(
            "/caption/collection", json={"files": [{"path": "/etc/passwd", "name": "x"}]}
        )
    assert answer.status_code == 422
    assert answer.json() == {"message": "The upload isn't there any more; send it again."}
