"""The search of a collection: by words, by a photo, by both; filters, pages, thumbnails, refusals.

A server has 90 scenes mounted; the commands search the same ones.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clip_caption import explore
from tests.clip_caption.collection import COUNT
from tests.clip_caption.searching import TREES, found, ids
from tests.clip_caption.serving import Record, post, refusal, send
from tests.zoo.helpers import HTTP
from zoo.errors import ZooError


@pytest.fixture(scope="module")
def url(collection_url: str) -> str:
    """The address of a server that has the index mounted."""
    return collection_url


def test_words_find_what_they_say(url: str, scenes: pd.DataFrame) -> None:
    kinds = sorted(set(scenes["type"]))
    records = found(url, [f"a {kind} in the street" for kind in kinds], neighbours=5)
    for kind, record in zip(kinds, records, strict=True):
        assert list(record) == ["neighbours", "total"]  # words have no category
        assert record["total"] == COUNT
        assert sum(scenes["type"][name] == kind for name in ids(record)) >= 4, (kind, record)
        similar = [one["similarity"] for one in record["neighbours"]]
        assert similar == sorted(similar, reverse=True)
    (best,) = found(url, [TREES])  # as many as vote, where nothing is said
    assert len(best["neighbours"]) == 5
    one, known = best["neighbours"][0], scenes.loc[best["neighbours"][0]["id"]]
    assert (one["caption"], one["place"]) == (known["caption"], known["place"])
    assert (one["date"], one["category"]) == (known["date"], known["type"])


def test_a_photo_finds_itself_and_both_find_what_the_words_say_too(
    url: str, photos: Path, scenes: pd.DataFrame
) -> None:
    flooded = {*scenes["place"][scenes["type"] == "flood"]}
    names = scenes.index[(scenes["type"] == "rubbish") & scenes["place"].isin(flooded)][:6]
    files = [(photos / name).read_bytes() for name in names]
    alone = found(url, files, "image", neighbours=3)
    both = found(url, files, "image", neighbours=3, with_text="a flood in the street")
    hits = 0
    for name, one, other in zip(names, alone, both, strict=True):
        assert ids(one)[0] == name
        assert one["neighbours"][0]["similarity"] > 0.999
        assert one["category"] == other["category"] == "rubbish"  # of the photo, not of the words
        assert (one["total"], other["total"]) == (COUNT, COUNT)
        best = scenes.loc[ids(other)]
        hits += ((best["type"] == "flood") & (best["place"] == scenes["place"][name])).any()
        assert not (scenes["type"][ids(one)] == "flood").all()
    assert hits >= 4


FILTERED = [
    ({"in_categories": ["flood", "pothole"]}, "type in ['flood', 'pothole']"),
    ({"in_places": ["park"]}, "place == 'park'"),
    ({"since": "2026-02-01"}, "day >= '2026-02-01'"),
    (
        {"since": "2026-01-10", "until": "2026-02-10", "in_categories": ["flood"]},
        "type == 'flood' and '2026-01-10' <= day <= '2026-02-10'",
    ),
]


@pytest.mark.parametrize(("params", "query"), FILTERED)
def test_filters_keep_what_they_say_and_no_vote_changes(
    params: Record, query: str, url: str, photos: Path, scenes: pd.DataFrame
) -> None:
    days = pd.to_datetime(scenes["date"], format="ISO8601", errors="coerce", utc=False)
    known = scenes.assign(
        day=[str(one)[:10] if len(str(one)) > 4 else "" for one in scenes["date"]]
    )
    assert len(days) == COUNT
    expected = {*known.query(query).index}
    (words,) = found(url, [TREES], neighbours=100, **params)
    assert {*ids(words)} == expected
    assert words["total"] == len(expected)
    file = (photos / scenes.index[3]).read_bytes()
    (photo,) = found(url, [file], "image", neighbours=100, **params)
    assert {*ids(photo)} == expected
    assert photo["category"] == found(url, [file], "image", neighbours=1)[0]["category"]


@pytest.mark.parametrize("params", [{}, {"with_text": "at night"}, {"in_categories": ["flood"]}])
def test_pages_fit_together(params: Record, url: str) -> None:
    pages = []
    for skip in range(0, COUNT + 7, 7):
        (page,) = found(url, [TREES], neighbours=7, skip=skip, **params)
        pages += ids(page)
    (whole,) = found(url, [TREES], neighbours=100, **params)
    assert pages == ids(whole)
    assert len({*pages}) == len(pages) == whole["total"]


def test_a_neighbour_has_a_thumbnail(url: str, photos: Path) -> None:
    (record,) = found(url, [(photos / "000" / "000000.jpg").read_bytes()], "image", neighbours=2)
    for one in record["neighbours"]:
        answer = HTTP.get(f"{url}/{one['photo']}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert "private" in answer.headers["cache-control"]
        assert "public" not in answer.headers["cache-control"]
        small = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), float)
        drawn = Image.open(photos / one["id"]).convert("RGB").resize(small.shape[1::-1])
        assert small.shape == (72, 96, 3)
        assert np.abs(small - np.asarray(drawn, float)).mean() < 12
    path = record["neighbours"][0]["photo"]
    for other in (
        path.replace("index=", "index=0"),
        f"collection/photo?number={COUNT}",
        "collection/photo?number=<b>",
        "collection/photo",
    ):
        refused = HTTP.get(f"{url}/{other}")
        assert refused.status_code == 404
        assert {"error_code", "message", "request_id"} <= {*refused.json()}
        assert "<b>" not in refused.text


def test_the_collection_says_what_can_be_asked_for(url: str, scenes: pd.DataFrame) -> None:
    about = HTTP.get(f"{url}/collection").json()
    assert about == {
        "photos": COUNT,
        "categories": sorted(set(scenes["type"])),
        "places": sorted(set(scenes["place"])),
        "first_day": "2026-01-01",
        "last_day": "2026-03-29",
    }
    paths = HTTP.get(f"{url}/openapi.json").json()["paths"]
    assert {"/collection", "/collection/photo"} <= {*paths}


REFUSED = [
    ({"in_categories": ["flood", "earthquake"]}, ["in_categories", "'earthquake'", "pothole"]),
    ({"in_places": ["Parc"]}, ["in_places", "'Parc'", "bridge", "more"]),
    ({"since": "yesterday"}, ["since", "not a date"]),
    ({"until": "2026-02-30"}, ["until", "not a date"]),
    ({"since": "2026-02-02", "until": "2026-02-01"}, ["until", "before"]),
    ({"skip": -1}, ["skip"]),
]


@pytest.mark.parametrize(("params", "said"), REFUSED)
def test_a_filter_that_the_collection_has_not_is_refused(
    params: Record, said: list[str], url: str
) -> None:
    message = refusal(post(url, [TREES], "search_text", **params))
    assert all(one in message for one in said), message


def test_words_that_say_nothing_are_refused_by_their_row(url: str) -> None:
    assert "Row 1, column 'search_text'" in refusal(post(url, [TREES, "  "], "search_text"))
    rows = found(url, [TREES, ""], neighbours=1, on_error="report")
    assert rows[0]["error"] is None
    assert "search_text" in rows[1]["error"]


def test_rows_of_all_kinds_go_together(url: str, photos: Path) -> None:
    file = base64.b64encode((photos / "000" / "000001.jpg").read_bytes()).decode()
    data = [[None, TREES], [file, None]]
    request = {"columns": ["image", "search_text"], "data": data}
    params = {"neighbours": 2, "num_captions": 1, "mode": "greedy"}
    answer = send(url, {"dataframe_split": request, "params": params})
    words, photo = answer.json()["predictions"]
    assert "captions" not in words
    assert photo["captions"][0]["text"]
    assert len(words["neighbours"]) == len(photo["neighbours"]) == 2


def test_a_model_without_a_collection_says_so(clip_url: str) -> None:
    assert "no collection" in refusal(post(clip_url, [TREES], "search_text"))
    for name, value in (("neighbours", 3), ("with_text", TREES), ("in_places", ["park"])):
        message = refusal(post(clip_url, [b"no photo"], "image", **{name: value}))
        assert name in message
        assert "collection" in message
    (record,) = found(clip_url, [TREES], embedding="clip")  # words have an embedding all the same
    assert len(record["embedding"]) == 128
    assert HTTP.get(f"{clip_url}/collection").status_code == 404
    assert HTTP.get(f"{clip_url}/collection/photo?number=0").status_code == 404


def test_commands_find_what_the_server_finds(
    url: str, dated: Path, scene_index: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = photos / "000" / "000002.jpg"
    queries: list[tuple[list[str], Record]] = [
        (["--words", TREES], {"rows": [TREES], "column": "search_text"}),
        (["--words", TREES, "--image", str(name)],
         {"rows": [name.read_bytes()], "column": "image", "with_text": TREES}),
    ]  # fmt: skip
    filters = ["--category", "flood", "--category", "pothole", "--since", "2026-01-20"]
    asked: Record = {"in_categories": ["flood", "pothole"], "since": "2026-01-20"}
    for arguments, request in queries:
        (record,) = found(url, neighbours=6, skip=2, **asked, **request)
        for searched in ([str(dated)], [str(scene_index), "--model", str(dated)]):
            capsys.readouterr()
            explore.main(
                ["find", *searched, *arguments, *filters, "-k", "6", "--skip", "2", "--json"]
            )
            answer = json.loads(capsys.readouterr().out)
            assert [one["id"] for one in answer] == ids(record)
            assert [one["score"] for one in answer] == pytest.approx(
                [one["similarity"] for one in record["neighbours"]], abs=2e-3
            )
    sheet = scene_index.parent / "found.png"
    explore.main(["find", str(scene_index), "--words", TREES, "--by", "captions", "-k", "2",
                  "-o", str(sheet)])  # fmt: skip
    assert Image.open(sheet).size == (2 * 160, 176)
    for wrong, said in (
        (["--words", TREES, "--place", "moon"], "--place: 'moon' not found; available: "),
        (["--words", TREES, "--since", "soon"], "--since: is not a date"),
        ([], "Give --words, --image, or both"),
    ):
        with pytest.raises(ZooError, match=said):
            explore.main(["find", str(dated), *wrong])
    with pytest.raises(ZooError, match="an index, which has no model; give the embeddings"):
        explore.main(["find", str(scene_index), "--words", TREES])
