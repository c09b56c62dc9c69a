"""What the tests of the served clip_caption share: its samples, and how it is asked."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx2

from tests.zoo.helpers import HTTP
from zoo.building.packaging import ROOT

FOLDER = ROOT / "mlflow_models" / "clip_caption"
FILES = {path.stem: path.read_bytes() for path in sorted((FOLDER / "samples").glob("*.jpg"))}
SAMPLE: dict[str, Any] = json.loads((FOLDER / "sample.json").read_text(encoding="utf-8"))
FLOOD = FILES["flood"]
Record = dict[str, Any]


def post(url: str, rows: list[Any], column: str = "image", **params: Any) -> httpx2.Response:
    """Sends photos, or whatever else shall be in the column."""
    data = [[base64.b64encode(one).decode() if isinstance(one, bytes) else one] for one in rows]
    return send(url, {"dataframe_split": {"columns": [column], "data": data}, "params": params})


def send(url: str, request: Any) -> httpx2.Response:
    """Sends a request."""
    body = json.dumps(request)  # which may have half a surrogate pair, unlike httpx2's
    headers = {"Content-Type": "application/json"}
    return HTTP.post(f"{url}/invocations", content=body, headers=headers, timeout=120)


def caption(url: str, files: list[bytes], **params: Any) -> list[Record]:
    """Answers, which are good ones."""
    response = post(url, files, **params)
    assert response.status_code == 200, response.text
    records: list[Record] = response.json()["predictions"]
    assert len(records) == len(files)
    for record in records:
        check(record, params)
    return records


def texts(records: list[Record]) -> list[str]:
    """The best caption of each."""
    return [record["captions"][0]["text"] for record in records]


def check(record: Record, params: dict[str, Any]) -> None:
    """What holds for every answer."""
    wanted = ["captions"] if params.get("num_captions", 1) else []
    wanted += ["embedding"] if params.get("embedding", "none") != "none" else []
    wanted += ["match"] if params.get("match_text") else []
    assert list(record) == [*wanted, "usual"]
    captions = record.get("captions", [])
    assert len(captions) <= params.get("num_captions", 1)
    scores = [one["score"] for one in captions]
    assert scores == sorted(scores, reverse=True)
    for one in captions:
        assert list(one) == ["text", "score"]
        assert one["text"] == one["text"].strip()
        assert one["score"] <= 0
    assert -1.001 <= record.get("match", 0) <= 1.001


def refusal(response: httpx2.Response) -> str:
    """What is said of a bad request."""
    assert response.status_code == 400, response.text
    message: str = response.json()["message"]
    return message


def is_zoos(response: httpx2.Response) -> bool:
    """Whether the zoo's own server answered; MLflow's adds to our sentence."""
    return "request_id" in response.json()


def saved(path: Path, content: bytes) -> Path:
    """Writes a file."""
    path.write_bytes(content)
    return path
