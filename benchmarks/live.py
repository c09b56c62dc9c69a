"""Live speech over the WebSocket: how far the text lags behind, what it costs, how well it hears.

Recordings are played in real time to a server of the saved model, by one client and by several at
once; each client begins elsewhere in the recording. The lag of a word is the time from its end, as
the transcript of the whole recording has it, until it was shown, and until it was stable.
"""

import base64
import json
import os
import statistics
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from benchmarks.harness import NotHere, children_seconds, machine, saved
from benchmarks.plots import Panel, exact
from benchmarks.whisper_quality_runs import folder
from benchmarks.whisper_quality_scores import spelt
from test_models.sound import as_int16, wav
from transcripts.words import words_of
from zoo.building.local_server import serve
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.training.error_rates import ErrorCounts, count_errors, total

TITLE = "Live speech: the text's lag and its cost"
STREAMS = (1, 4, 8)
CLIPS = 10  # of AISHELL, one after the other
FIRST_CLIP, CLIP_STEP = 5, 9
PAUSE_SECONDS = 0.7  # between two sentences
PORTION_SECONDS = 0.1  # as a sound card gives them
NEAR_SECONDS = 0.1  # that a word's time may differ by, from one transcript to the other
PATIENCE_SECONDS = 120.0  # for the rest of the text
CORES = 2
GREEDY: dict[str, dict[str, Any]] = {
    "whisper_asr": {"beam_size": 1, "temperature": [0.0], "language": "zh"},
    "wav2vec2_asr": {"beam_size": 1},
}
EVENTS = "conversation.item.input_audio_transcription"


@dataclass
class Played:
    """What one client was told, and when.

    Attributes:
        seen: For each text, in seconds since the client began: when it came, and up to where in
            the sound words were stable, and shown.
        texts: Of completed items.
    """

    seen: list[tuple[float, float, float]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    deltas: dict[str, str] = field(default_factory=dict)

    def take(self, event: dict[str, Any], now: float) -> None:
        """Keep what an event tells."""
        kind = event["type"]
        if kind == f"{EVENTS}.delta":
            self.deltas[event["item_id"]] = self.deltas.get(event["item_id"], "") + event["delta"]
            self.seen.append((now, event["stable_end"], event["tail_end"]))
        elif kind == f"{EVENTS}.completed":
            told = self.deltas.pop(event["item_id"], "")
            assert told == event["transcript"], "a stable text has changed"
            self.texts.append(event["transcript"])
        elif kind == "error":
            raise RuntimeError(event["error"]["message"])

    def lags(self, ends: Iterable[float]) -> tuple[list[float], list[float]]:
        """Give each word's seconds until it was shown, and until it was stable."""
        shown, stable = [], []
        for end in ends:
            last = self.seen[-1][0]
            reached = end - NEAR_SECONDS
            shown.append(next((at for at, _, place in self.seen if place >= reached), last) - end)
            stable.append(next((at for at, place, _ in self.seen if place >= reached), last) - end)
        return shown, stable


def play(url: str, sound: np.ndarray, asked: dict[str, Any]) -> Played:
    """Play a recording, int16 (samples,), in real time; `asked` are settings of the protocol."""
    address = url.replace("http", "ws", 1) + "/v1/realtime?intent=transcription"
    played = Played()
    with connect(address, proxy=None, max_size=None) as socket:
        source = {
            "format": {"type": "audio/pcm", "rate": SAMPLE_RATE},
            "transcription": asked,
            "turn_detection": {"type": "server_vad"},
        }
        say(socket, "session.update", session={"type": "transcription", "audio": {"input": source}})
        while json.loads(socket.recv(PATIENCE_SECONDS))["type"] != "session.updated":
            pass
        began, size = time.monotonic(), round(PORTION_SECONDS * SAMPLE_RATE)
        for place in range(0, len(sound), size):
            portion = sound[place : place + size]
            due = began + (place + len(portion)) / SAMPLE_RATE  # nobody has it before it is spoken
            while (left := due - time.monotonic()) > 0:
                hear(socket, played, began, left)
            audio = base64.b64encode(portion.astype("<i2").tobytes()).decode()
            say(socket, "input_audio_buffer.append", audio=audio)
        say(socket, "session.close")
        while hear(socket, played, began, PATIENCE_SECONDS):
            pass
    return played


def say(socket: Connection, kind: str, **fields: Any) -> None:
    """Send an event."""
    socket.send(json.dumps({"type": kind, **fields}))


def hear(socket: Connection, played: Played, began: float, seconds: float) -> bool:
    """Take the next event, if one comes in time; False after the last one."""
    try:
        event = json.loads(socket.recv(seconds))
    except TimeoutError:
        return True
    except ConnectionClosed:
        return False
    played.take(event, time.monotonic() - began)
    return bool(event["type"] != "session.closed")


def sounds(name: str, quick: bool) -> tuple[np.ndarray, str]:
    """Give a model's recording, float32 (samples,), and what is said in it."""
    if name == "whisper_asr":
        home = folder() / "data" / "speech" / "aishell"
        lines = (home / "transcripts.tsv").read_text(encoding="utf-8").splitlines()[1:]
        rows = [line.split("\t") for line in lines][FIRST_CLIP::CLIP_STEP]
        clips = [(home / path, text) for path, text in rows[: 2 if quick else CLIPS]]
    else:
        paths = sorted((ROOT / "mlflow_models" / name / "samples").glob("*.flac"))
        clips = [(path, path.with_suffix(".txt").read_text(encoding="utf-8")) for path in paths]
        clips *= 1 if quick else 4
    pause = np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), np.float32)
    pieces = [piece for path, _ in clips for piece in (decode(path), pause)]
    return np.concatenate(pieces), "".join(text for _, text in clips)


def whole(url: str, sound: np.ndarray, params: dict[str, Any]) -> dict[str, Any]:
    """Give the transcript of a recording that is sent whole."""
    audio = base64.b64encode(wav(sound)).decode()
    body = {"dataframe_split": {"columns": ["audio"], "data": [[audio]]}, "params": params}
    answer = httpx2.post(f"{url}/invocations", json=body, timeout=PATIENCE_SECONDS, trust_env=False)
    answer.raise_for_status()
    record: dict[str, Any] = answer.json()["predictions"][0]
    return record


def at(values: Sequence[float], percent: float) -> float:
    """Give a percentile."""
    return float(np.percentile(values, percent))


def run(
    url: str, name: str, sound: np.ndarray, said: str, streams: int, window: str
) -> dict[str, Any]:
    """Play to so many streams at once, with that `window` of Whisper's ("" for other models)."""
    asked = {"language": "zh", "params": {"window": window}} if window else {}
    params = {**GREEDY[name], "word_timestamps": True}
    begins = [round(len(sound) * number / streams) for number in range(streams)]
    own = [np.roll(sound, -begin) for begin in begins]
    records = [whole(url, one, params) for one in own]
    before, began = children_seconds(), time.monotonic()
    with ThreadPoolExecutor(streams) as pool:
        played = list(pool.map(lambda one: play(url, one, asked), own))
    cpu, wall = children_seconds() - before, time.monotonic() - began
    shown: list[float] = []
    stable: list[float] = []
    errors: list[ErrorCounts] = []
    for one, record in zip(played, records, strict=True):
        ends = [word.end for word in words_of(record)]
        for lags, found in zip((shown, stable), one.lags(ends), strict=True):
            lags += found
        errors.append(count_errors(spelt(record["text"]), spelt("".join(one.texts))))
    seconds = len(sound) / SAMPLE_RATE
    row = {
        "model": f"{name}, windows of 30 s" if window == "full" else name,
        "streams": streams,
        "seconds": seconds,
        "shown": [at(shown, 50), at(shown, 95)],
        "stable": [at(stable, 50), at(stable, 95)],
        "late": wall - seconds,
        "cpu": cpu / (seconds * streams),
        "against_whole": total(errors).rate,
    }
    # The first stream begins where the text does: only its text can be laid beside what is said.
    row["cer_live"] = count_errors(spelt(said), spelt("".join(played[0].texts))).rate
    row["cer_whole"] = count_errors(spelt(said), spelt(records[0]["text"])).rate
    return row


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Run everything: about eight minutes."""
    rows = []
    for name in GREEDY:
        sound, said = sounds(name, quick)
        environment = {"OMP_NUM_THREADS": "1", "THERESA_LIVE_STREAMS": "16"}
        with serve(saved(name), environment) as url:
            whole(url, as_int16(sound)[: 5 * SAMPLE_RATE], GREEDY[name])  # it warms up
            usual = "auto" if name == "whisper_asr" else ""
            cases = [(streams, usual) for streams in (STREAMS[:1] if quick else STREAMS)]
            cases += [(1, "full"), (4, "full")] if usual and not quick else []
            rows += [run(url, name, as_int16(sound), said, *case) for case in cases]
    if (os.cpu_count() or 0) < CORES:
        raise NotHere(f"the figures are of {CORES} cores")
    return {"machine": machine(("ctranslate2", "onnxruntime")), "rows": rows}


def chart(result: dict[str, Any]) -> list[Panel]:
    """The 95th percentiles as bars."""
    groups = {
        f"{row['model']}, {row['streams']}": {
            name: exact(row[name][1]) for name in ("shown", "stable")
        }
        for row in result["rows"]
    }
    return [Panel("seconds that 95 % of the words are behind, at most", groups)]


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "Sentences of AISHELL to the saved Whisper (real base), and the Thai samples to the Thai "
        "demo, played in real time over the WebSocket to one server. Lags in seconds: median / "
        "95th percentile. CPU: seconds of the server per second of sound. The error rate is of "
        "characters, for the live text and for the same recording sent whole.",
        "",
        "| model | streams | shown | stable | CPU | streams per core | CER live | CER whole |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        shown, stable = (f"{one:.2f} / {other:.2f}" for one, other in (row["shown"], row["stable"]))
        lines.append(
            f"| {row['model']} | {row['streams']} | {shown} | {stable} | {row['cpu']:.3f} | "
            f"{1 / row['cpu']:.1f} | {row['cer_live']:.1f} % | {row['cer_whole']:.1f} % |"
        )
    worst = statistics.fmean(row["against_whole"] for row in result["rows"])
    return "\n".join([*lines, "", f"Live against whole: {worst:.1f} % of the characters differ."])
