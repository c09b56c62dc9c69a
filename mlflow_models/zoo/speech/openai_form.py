"""What a client of OpenAI's speech API asks for, read from its form."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from zoo.errors import NotFound
from zoo.serving.declaration import read
from zoo.serving.forms import Form
from zoo.speech.openai_errors import BadField
from zoo.speech.openai_voices import MAX_KNOWN, MAX_REFERENCE_BYTES, NAMES, REFERENCES, known_voices
from zoo.speech.options import AUTO, SpeechOptions

Task = Literal["transcribe", "translate"]
DIARIZED, VERBOSE = "diarized_json", "verbose_json"
SHAPES: dict[Task, tuple[str, ...]] = {
    "transcribe": ("json", "text", "srt", VERBOSE, "vtt", DIARIZED),
    "translate": ("json", "text", "srt", VERBOSE, "vtt"),
}
FLOWING = ("json", "text", DIARIZED)  # the shapes whose parts can be sent as they are found
GRANULARITIES = ("segment", "word")
CHUNKING, VAD = "chunking_strategy", "server_vad"
OWN_CHUNKING = tuple(
    f"{CHUNKING}[{one}]"
    for one in ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")
)
LISTS = ("timestamp_granularities", "include", "keywords", "languages", NAMES, REFERENCES)
COMMON = ("model", "prompt", "response_format", "temperature")
FIELDS: dict[Task, frozenset[str]] = {
    "transcribe": frozenset(
        [
            *COMMON,
            "language",
            "stream",
            CHUNKING,
            *OWN_CHUNKING,
            *LISTS,
            *(f"{one}[]" for one in LISTS),
        ]
    ),
    "translate": frozenset(COMMON),
}
MAX_FIELDS = 200  # keywords are a field each
FRAME_BYTES = 100_000 + MAX_KNOWN * MAX_REFERENCE_BYTES  # of all the fields beside the file


@dataclass(frozen=True)
class Wanted:
    """A request.

    Attributes:
        audio: The recording, or the path of its file.
        task: What becomes of the speech.
        shape: The `response_format`.
        params: The model's parameters; not yet the known voices.
        granularities: Of what `verbose_json` has times.
        known: Recordings of voices that the client knows, by name.
        flows: Whether the answer's parts are sent as they are found.
    """

    audio: bytes | Path
    task: Task
    shape: str
    params: Mapping[str, Any]
    granularities: tuple[str, ...]
    known: Mapping[str, bytes] = field(default_factory=dict)
    flows: bool = False


class FormReader:
    """Reads the forms of requests to one model.

    Args:
        name: The model's name.
        options: Its parameters, as its checkpoint has them.
        languages: Codes of the languages that it knows.
        aliases: Other names that it answers to.
    """

    def __init__(
        self,
        name: str,
        options: type[SpeechOptions],
        languages: Sequence[str],
        aliases: Sequence[str],
    ) -> None:
        self._options, self._languages = options, languages
        self.names = (name, *aliases)

    def __call__(self, form: Form, model: str | None, task: Task) -> Wanted:
        """Read a form.

        Args:
            form: The form.
            model: The model's name in the address, where a gateway has put it; it goes before the
                form's.
            task: What the path asks for.

        Raises:
            NotFound: This server doesn't have the model.
            BadField: A field is unknown, or can't be honoured.
            BadParameter: The model refuses a value.
        """
        self.check_name(_one(form, "model") if model is None else model)
        audio = _file(form)
        unknown = sorted(set(form.fields) - FIELDS[task])
        if unknown:
            shown = unknown[0][:40].encode(errors="replace").decode()
            raise BadField(shown, f"Field '{shown}' not found; available: {_listed(task)}.")
        shape = _one(form, "response_format") or "json"
        if shape not in SHAPES[task]:
            available = ", ".join(SHAPES[task])
            raise BadField("response_format", f"Unknown 'response_format'; available: {available}.")
        granularities, flows = _granularities(form, shape), _flows(form, shape)
        if "logprobs" in _several(form, "include"):
            raise BadField("include", "'include': the server gives no 'logprobs'; verbose_json has "
                           "the avg_logprob of each segment.")  # fmt: skip
        known = known_voices(_several(form, NAMES), _several(form, REFERENCES))
        if known and shape != DIARIZED:
            raise BadField(NAMES, f"'{NAMES}' needs the response_format {DIARIZED}.")
        params = self._params(form, task)
        if shape in ("srt", "vtt") or "word" in granularities:
            params["word_timestamps"] = True
        if shape == DIARIZED:
            params["speakers"] = AUTO
        read(self._options, params)
        return Wanted(audio, task, shape, params, granularities, known, flows)

    def check_name(self, name: str | None) -> None:
        """Raise `NotFound` where this server has no model of that name."""
        if not name:
            raise BadField("model", "The field 'model' is missing.")
        if name not in self.names:
            shown = name[:40].encode(errors="replace").decode()
            raise NotFound(f"Model '{shown}' not found; available: {', '.join(self.names)}.")

    def _params(self, form: Form, task: Task) -> dict[str, Any]:
        """Read the model's parameters; what the model doesn't have is left out."""
        asked: dict[str, Any] = {
            "language": self._language(form, task),
            "initial_prompt": _one(form, "prompt"),
            "hotwords": " ".join(_several(form, "keywords")),
            "temperature": _temperature(form),
            "vad_threshold": _threshold(form),
            "task": task,
        }
        known = self._options.model_fields
        given = {name: one for name, one in asked.items() if name in known}
        return {name: one for name, one in given.items() if one not in (None, "")}

    def _language(self, form: Form, task: Task) -> str | None:
        """Read the language: one, or several of which it may be one."""
        if task == "translate":
            return AUTO
        code = _one(form, "language")
        if code is None and (several := _several(form, "languages")):
            code = several[0] if len(several) == 1 else AUTO
        if code and "language" not in self._options.model_fields:  # it knows one
            primary = code.lower().replace("_", "-").split("-")[0]
            if primary not in (AUTO, *self._languages):
                shown = primary[:20].encode(errors="replace").decode()
                available = ", ".join(self._languages)
                raise BadField("language", f"Language '{shown}' not found; available: {available}.")
        return code


def _file(form: Form) -> bytes | Path:
    if form.file is None or form.file_field != "file":
        raise BadField("file", "The field 'file' is missing, or isn't a file.")
    if form.file == b"":
        raise BadField("file", "The file is empty.")
    return form.file


def _one(form: Form, name: str) -> str | None:
    """Give a field's value; None where it is missing or empty."""
    given = form.fields.get(name, [])
    if len(given) > 1:
        raise BadField(name, f"The field '{name}' occurs twice.")
    return given[0] if given and given[0] else None


def _several(form: Form, name: str) -> list[str]:
    """List a field's items; clients write its name with brackets, or without."""
    return [one for field in (f"{name}[]", name) for one in form.fields.get(field, [])]


def _listed(task: Task) -> str:
    return ", ".join(["file", *sorted(one for one in FIELDS[task] if "[" not in one)])


def _granularities(form: Form, shape: str) -> tuple[str, ...]:
    """Read what `verbose_json` has times of."""
    name = "timestamp_granularities"
    given = _several(form, name)
    if any(one not in GRANULARITIES for one in given):
        raise BadField(name, f"'{name}' has an item that is neither segment nor word.")
    if given and shape != VERBOSE:
        raise BadField(name, f"'{name}' needs the response_format {VERBOSE}.")
    return tuple(given) or ("segment",)


def _flows(form: Form, shape: str) -> bool:
    """Tell whether the answer's parts are sent as they are found."""
    given = (_one(form, "stream") or "false").lower()
    if given not in ("true", "false", "1", "0"):
        raise BadField("stream", "'stream' is neither true nor false.")
    if given in ("false", "0"):
        return False
    if shape not in FLOWING:
        raise BadField("stream", f"'stream' needs the response_format {', '.join(FLOWING)}.")
    return True


def _temperature(form: Form) -> float | None:
    """Read the temperature; at 0, OpenAI's default, the server raises it by itself, as we do."""
    given = _one(form, "temperature")
    try:
        value = float(given or 0)
    except ValueError:
        raise BadField("temperature", "'temperature' is not a number.") from None
    if not 0 <= value <= 1:  # nor is NaN
        raise BadField("temperature", "'temperature' isn't between 0 and 1.")
    return value or None


def _threshold(form: Form) -> float | None:
    """Read how probable speech must be from the `chunking_strategy`; we always cut by speech.

    The strategy is `auto`, or an object of the type `server_vad`, as JSON or by fields. Its padding
    and its silence are the model's own.
    """
    own = {one[len(CHUNKING) + 1 : -1]: _one(form, one) for one in OWN_CHUNKING}
    strategy: Any = {name: value for name, value in own.items() if value is not None}
    given = _one(form, CHUNKING)
    if given and given != AUTO:
        try:
            strategy |= json.loads(given)
        except (ValueError, TypeError, RecursionError):
            strategy = {"type": given}
    if not strategy:
        return None
    if strategy.get("type") != VAD:
        raise BadField(CHUNKING, f"'{CHUNKING}' is neither {AUTO} nor of the type {VAD}.")
    try:
        value = float(strategy.get("threshold", math.nan))
    except (TypeError, ValueError):
        raise BadField(CHUNKING, f"The threshold of '{CHUNKING}' is not a number.") from None
    return None if math.isnan(value) else value
