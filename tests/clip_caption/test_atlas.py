"""A collection in Embedding Atlas: the page to share, opened in a real browser with no network."""

import functools
import http.server
import io
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_caption import explore
from clip_caption.exploring.mapping import Map
from clip_caption.exploring.parts import write_part
from clip_caption.exploring.store import SETTINGS, Embeddings, EmbeddingSettings
from zoo.data.outputs import write_json
from zoo.errors import ZooError

COLOURS = {"flood": (40, 90, 200), "tree": (40, 160, 60), "lamp": (230, 170, 30)}
COUNT = 60
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


def picture(colour: tuple[int, int, int]) -> bytes:
    """A plain JPEG."""
    file = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with embeddings and a map of three kinds of photos."""
    import pyarrow as pa

    home, generator = tmp_path_factory.mktemp("atlas"), np.random.default_rng(1)
    kinds = [list(COLOURS)[row % 3] for row in range(COUNT)]
    middles = {kind: 4 * generator.standard_normal(2) for kind in COLOURS}
    places = np.array([middles[kind] + generator.standard_normal(2) / 3 for kind in kinds])
    rows = [
        {"id": f"{row}.jpg", "path": f"/home/me/{row}.jpg", "fingerprint": f"{row:032x}",
         "phash": row, "thumbnail": picture(COLOURS[kind]),
         "caption": f"a {kind} in the street.", "type": kind, "tags": [kind, "Bangkok"]}
        for row, kind in enumerate(kinds)
    ]  # fmt: skip
    settings = EmbeddingSettings(
        "demo", None, "clip", 2, "beam", 96, "", COUNT, [1.0, 0.0], weights=""
    )
    write_json(home / "embeddings" / SETTINGS, settings.values())
    schema = pa.schema([("type", pa.string()), ("tags", pa.list_(pa.string()))])
    vectors = places.astype(np.float32)
    path = settings.part_file(home / "embeddings", 0)
    write_part(path, rows, vectors, {}, settings, schema)
    (home / "map").mkdir()
    ids, fingerprints = ([str(row[name]) for row in rows] for name in ("id", "fingerprint"))
    Map(ids, vectors, kinds, fingerprints).write(home / "map")
    return home


def atlas(home: Path, *options: str) -> None:
    """Runs the subcommand."""
    explore.main(["atlas", str(home / "embeddings"), "--map", str(home / "map"), *options])


def test_the_table_has_what_embedding_atlas_reads(explored: Path, tmp_path: Path) -> None:
    atlas(explored, "--table-only", "-o", str(tmp_path))
    table = pq.read_table(tmp_path / "atlas.parquet")
    rows = table.to_pylist()
    assert len(rows) == COUNT
    assert rows[1]["text"] == "a tree in the street."
    assert (rows[1]["type"], rows[1]["group"], rows[1]["tags"]) == ("tree", "tree", "tree")
    assert rows[1]["image"]["path"] == "1.jpg"
    assert Image.open(io.BytesIO(rows[1]["image"]["bytes"])).size == (96, 64)
    assert "/home/me" not in str(rows)  # the page is to be shared
    vectors = Embeddings(explored / "embeddings").vectors()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = 1 - unit @ unit.T
    for number, row in enumerate(rows):
        ids, found = row["neighbors"]["ids"], row["neighbors"]["distances"]
        assert len(ids) == 10
        assert number not in ids
        assert found == sorted(found)
        assert found == pytest.approx(np.sort(np.delete(distances[number], number))[:10], abs=1e-5)
    atlas(explored, "--table-only", "--no-neighbours", "-o", str(tmp_path))
    assert "neighbors" not in pq.read_schema(tmp_path / "atlas.parquet").names


def test_it_says_how_to_install_what_is_missing(
    explored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ZooError, match="uv tool install embedding-atlas"):
        atlas(explored, "-o", str(tmp_path))
    Map(["other.jpg"], np.zeros((1, 2), np.float32), [""], ["0"]).write(tmp_path)
    with pytest.raises(ZooError, match="60 photos new, 1 photos gone"):
        explore.main(["atlas", str(explored / "embeddings"), "--map", str(tmp_path)])


@pytest.fixture(scope="module")
def page(explored: Path) -> Iterator[str]:
    """The address of the exported page, on a server that knows nothing of Embedding Atlas."""
    if not shutil.which("embedding-atlas"):
        pytest.skip("Embedding Atlas isn't installed")
    atlas(explored, "--export", str(explored / "page"))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    handler = functools.partial(Handler, directory=explored / "page")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_browser_shows_the_points_and_the_photos_offline(page: str, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    if not (chromium := shutil.which("chromium")):
        pytest.skip("chromium isn't installed")
    asked: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tab.set_default_timeout(240_000)
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(page)
        tab.get_by_text(f"{COUNT} / {COUNT} points").wait_for()  # all the data are there
        tab.get_by_text("a tree in the street.").first.wait_for()  # and their texts
        thumbnails = tab.locator("td img, [role=cell] img, img").first
        thumbnails.wait_for()
        shown = drawn(tab, tmp_path / "map.png", 240)
        browser.close()
    assert min(shown.values()) > 100, f"thumbnails on the map, in pixels: {shown}"
    local = ("blob:", "data:", page)
    assert [url for url in asked if not url.startswith(local)] == []


def drawn(tab: Any, path: Path, seconds: int) -> dict[str, int]:
    """How many pixels of the map are of each photo's colour, once there are any of each."""
    shown: dict[str, int] = {}
    for _ in range(seconds):
        tab.locator("canvas").first.screenshot(path=path)
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        shown = {
            kind: int((np.abs(pixels - colour).max(-1) < 45).sum())
            for kind, colour in COLOURS.items()
        }
        if min(shown.values()) > 100:
            break
        tab.wait_for_timeout(1000)
    return shown
