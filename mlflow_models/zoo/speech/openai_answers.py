"""Transcripts in the shapes of OpenAI's speech API, whole or as server-sent events."""

import json
import math
import string
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from transcripts.answers import Segment, Transcript
from transcripts.formats import as_srt, as_text, as_vtt
from transcripts.words import space
from zoo.speech.openai_errors import error_object
from zoo.speech.openai_form import DIARIZED, VERBOSE, Task, Wanted

LANGUAGES = {"zh": "chinese", "th": "thai", "en": "english", "ja": "japanese", "ko": "korean",
             "yue": "cantonese", "vi": "vietnamese", "id": "indonesian"}  # fmt: skip
TEXTS: dict[str, Callable[[Transcript], str]] = {"text": as_text, "srt": as_srt, "vtt": as_vtt}
LEAST_PROBABILITY = 1e-9  # below, a logarithm says no more
END = "[DONE]"  # the last event's data


def answer(transcript: Transcript, wanted: Wanted) -> Response:
    """Write a transcript in the shape that was asked for."""
    if wanted.shape in TEXTS:
        return PlainTextResponse(TEXTS[wanted.shape](transcript))
    if wanted.shape == DIARIZED:
        return JSONResponse(diarized(transcript))
    if wanted.shape == VERBOSE:
        return JSONResponse(verbose(transcript, wanted.task, wanted.granularities))
    return JSONResponse({"text": transcript.text, "usage": usage(transcript)})


def usage(transcript: Transcript) -> dict[str, Any]:
    """Tell what was heard, by its duration, as of OpenAI's own Whisper."""
    return {"type": "duration", "seconds": transcript.duration}


def verbose(transcript: Transcript, task: Task, granularities: Sequence[str]) -> dict[str, Any]:
    """Write a transcript in the form of `verbose_json`."""
    spoken = transcript.language or ""
    language = "english" if task == "translate" else LANGUAGES.get(spoken, spoken)
    found: dict[str, Any] = {
        "task": task,
        "language": language,
        "duration": transcript.duration,
        "text": transcript.text,
        "usage": usage(transcript),
    }
    if "word" in granularities:
        found["words"] = [
            {"word": word.text, "start": word.start, "end": word.end}
            for segment in transcript.segments
            for word in segment.words or []
        ]
    if "segment" in granularities:
        found["segments"] = [_segment(segment) for segment in transcript.segments]
    return found


def _segment(segment: Segment) -> dict[str, Any]:
    """Write a segment with all the fields that OpenAI's have; a CTC model has a confidence."""
    extra = segment.model_extra or {}
    sure = 1.0 if segment.confidence is None else max(segment.confidence, LEAST_PROBABILITY)
    encoded = segment.text.encode()
    ratio = len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0
    return {
        "id": segment.id,
        "seek": round(segment.start * 100),  # frames of 10 ms
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": extra.get("temperature", 0.0),
        "avg_logprob": math.log(sure) if segment.avg_logprob is None else segment.avg_logprob,
        "compression_ratio": extra.get("compression_ratio", ratio),
        "no_speech_prob": extra.get("no_speech_prob", 0.0),
    }


def diarized(transcript: Transcript) -> dict[str, Any]:
    """Write a transcript in the form of `diarized_json`: who isn't known is A, B, C ..."""
    letters = _letters()
    labels = {one.speaker: one.name or next(letters) for one in transcript.speakers or ()}
    return {
        "task": "transcribe",
        "duration": transcript.duration,
        "text": transcript.text,
        "segments": [
            {
                "type": "transcript.text.segment",
                "id": f"seg_{one.id}",
                "start": one.start,
                "end": one.end,
                "text": one.text,
                "speaker": labels.get(one.speaker or "", one.speaker or ""),
            }
            for one in transcript.segments
        ],
        "usage": usage(transcript),
    }


def _letters() -> Iterator[str]:
    """Yield A to Z, then AA, AB ..."""
    yield from string.ascii_uppercase
    for first in _letters():
        yield from (first + last for last in string.ascii_uppercase)


def flowing(
    steps: Iterable[tuple[str, Any]], wanted: Wanted
) -> Generator[tuple[str, Any], None, None]:
    """Turn what an engine tells, as `SoundEngine.stream`, into the API's events.

    Yields:
        An event's type and its object; a `progress`, which isn't sent, as it comes.
    """
    last = ""
    for name, data in steps:
        if name == "segment" and wanted.shape != DIARIZED and data["text"]:
            delta = (space(last, data["text"]) if last else "") + data["text"]
            last = data["text"]
            yield _typed("transcript.text.delta", delta=delta)
        elif name == "done":
            transcript = Transcript.model_validate(data)
            if wanted.shape == DIARIZED:
                yield from ((one["type"], one) for one in diarized(transcript)["segments"])
            yield _typed("transcript.text.done", text=transcript.text, usage=usage(transcript))
        else:
            yield "progress", None
    yield "end", END


def _typed(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"type": kind, **fields}


def event(name: str, data: Any) -> bytes:
    """Write an event: a line of data. A `progress` has none; an `error` is as the server has it."""
    if name == "progress":
        return b""
    if name == "error":
        data = {"error": error_object(data)}
    text = data if name == "end" else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()
