"""The pyfunc that MLflow serves: recordings in, transcripts out. The work is done in `engine`."""

import json
import math
from pathlib import Path
from typing import Any

from mlflow.models import set_model

from whisper_asr.options import SCRIPTS, TASKS, Options
from whisper_asr.transcriber import Transcriber
from zoo.errors import BadParameter
from zoo.serving.params import choice, count
from zoo.speech.recognizer import RecognizerModel

MAX_BEAMS, MAX_BATCH = 20, 16
MAX_PROMPT_CHARACTERS = (
    8_000  # 223 tokens of up to 33 bytes are shorter; more would take long to count
)
PUNCTUATION = {"keep": True, "strip": False}


class WhisperModel(RecognizerModel):
    """Column `audio`, any file that FFmpeg reads; parameters as `options.Options` has them."""

    engine: Transcriber

    def load_context(self, context: Any) -> None:
        directory = Path(context.artifacts["whisper"])
        about = json.loads((directory / "engine.json").read_text(encoding="utf-8"))
        if about["engine"] == "openai":
            from whisper_asr.reference import Reference as Engine
        else:
            from whisper_asr.engine import Recognizer as Engine  # type: ignore[assignment]
        self.engine = Engine(directory)

    def read_params(self, params: dict[str, Any]) -> Options:
        language = str(params.get("language", "zh")).lower()
        if language != "auto" and language not in self.engine.languages:
            raise BadParameter("language", "is neither 'auto' nor a language code that Whisper has")
        prompts = self._read_prompts(params)
        return Options(
            language=None if language == "auto" else language,
            task=choice(params, "task", TASKS),
            beam_size=count(params, "beam_size", 5, MAX_BEAMS),
            temperatures=temperatures(params.get("temperature", Options.temperatures)),
            vad=bool(params.get("vad", True)),
            denoise=bool(params.get("denoise", False)),
            word_timestamps=bool(params.get("word_timestamps", False)),
            script=choice(params, "script", SCRIPTS),
            punctuation=PUNCTUATION[choice(params, "punctuation", tuple(PUNCTUATION))],
            batch_size=count(params, "batch_size", 8, MAX_BATCH),
            initial_prompt=prompts["initial_prompt"],
            hotwords=prompts["hotwords"],
        )

    def _read_prompts(self, params: dict[str, Any]) -> dict[str, str]:
        """What goes before a window's text; both together must leave room for that."""
        most, taken, prompts = self.engine.max_prompt, 0, {}
        for name in ("initial_prompt", "hotwords"):
            text = prompts[name] = str(params.get(name, "")).strip()
            if len(text) > MAX_PROMPT_CHARACTERS:
                raise BadParameter(name, f"has more than {MAX_PROMPT_CHARACTERS:,} characters")
            if "<|" in text:
                raise BadParameter(name, "has a special token ('<|') in it")
            if name == "hotwords" and text and not self.engine.takes_hotwords:
                raise BadParameter(name, "isn't known to openai-whisper; use 'initial_prompt'")
            taken += self.engine.count_tokens(text) if text else 0
            if taken > most:
                raise BadParameter(name, f"has too much: prompt and hotwords have {most} tokens")
        return prompts


def temperatures(values: Any) -> tuple[float, ...]:
    """The temperatures to try, in this order."""
    given = tuple(float(value) for value in values[:11])  # an eleventh is one too many
    if not 1 <= len(given) <= 10 or not all(0 <= one <= 2 and math.isfinite(one) for one in given):
        raise BadParameter("temperature", "is not a list of one to ten numbers between 0 and 2")
    return given


set_model(WhisperModel())
