"""A model's parameters for a live stream, from the settings of the realtime protocol."""

from typing import Any, Protocol

from zoo.errors import BadParameter
from zoo.serving.declaration import Options, read
from zoo.speech.realtime_events import BadEvent, Transcription

# Sampled text, or that of a wide search, doesn't agree with itself from one window to the next.
STEADY: dict[str, Any] = {"temperature": (0.0,), "beam_size": 1}
# A window's speakers aren't those of the next one, and the text needs its words' times.
ALONE: dict[str, Any] = {"speakers": "off", "voices": "", "channels": "mix",
                          "word_timestamps": True}  # fmt: skip
# The protocol's names of a model's parameters.
PARAMETERS = {"language": "language", "initial_prompt": "prompt", "hotwords": "keywords"}


class Hears(Protocol):
    """What a session needs of a `SpeechEngine`."""

    @property
    def options(self) -> type[Options]: ...
    @property
    def languages(self) -> tuple[str, ...]: ...
    def check(self, options: Any) -> None: ...


def live_options(engine: Hears, model: str, asked: Transcription, place: str) -> Options:
    """Give the model's parameters for a live stream.

    Args:
        engine: The model.
        model: Its name.
        asked: What the client asks for.
        place: Of the settings that they come from, for an error's `param`.

    Raises:
        BadEvent: The model doesn't have them.
    """
    known = engine.options.model_fields
    if asked.model not in (None, model):
        shown = str(asked.model)[:40].encode(errors="replace").decode()
        message = f"Model '{shown}' not found; available: {model}."
        raise BadEvent(message, "model_not_found", f"{place}.model")
    named = {
        "initial_prompt": asked.prompt,
        "hotwords": " ".join(asked.keywords) if asked.keywords else None,
        "language": asked.language,
    }
    given = {**STEADY, **ALONE, **named}
    if asked.language and "language" not in known:
        code = asked.language.lower().replace("_", "-").split("-")[0]
        if code not in engine.languages:
            available = ", ".join(engine.languages)
            message = f"Language '{code[:20]}' not found; available: {available}."
            raise BadEvent(message, parameter=f"{place}.language")
    try:
        used = {name: one for name, one in given.items() if name in known and one is not None}
        found = read(engine.options, {**(asked.params or {}), **used})
        engine.check(found)
    except BadParameter as error:
        name = f"{place}.{PARAMETERS.get(error.name, error.name)}"
        raise BadEvent(f"'{name}': {error.reason}.", parameter=name) from None
    return found
