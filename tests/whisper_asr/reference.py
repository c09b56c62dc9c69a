"""openai-whisper itself behind the engine's interface: what whisper_asr is held to."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from whisper_asr.building.checkpoint import OPENAI, hugging_face, layout, write_openai
from whisper_asr.decoded import segment
from whisper_asr.engine import FULL_SAMPLES, WhisperEngine
from whisper_asr.options import Options
from whisper_asr.recovery import recovered
from zoo.data.audio import SAMPLE_RATE
from zoo.speech.transcript import Segment
from zoo.speech.windows import Window


def for_openai(checkpoint: Path, output: Path) -> Path:
    """Write a checkpoint as openai-whisper loads it; returns the directory."""
    output.mkdir(exist_ok=True)
    if layout(checkpoint) == OPENAI:
        shutil.copy(checkpoint, output / "model.pt")
    else:
        write_openai(hugging_face(checkpoint), output / "model.pt")
    return output


class Reference(WhisperEngine):
    """Transcribes with openai-whisper, one window at a time.

    Args:
        directory: What `for_openai` wrote.
    """

    def __init__(self, directory: Path) -> None:
        import torch
        import whisper
        from whisper.tokenizer import LANGUAGES, get_tokenizer

        super().__init__(threads=1)
        self._lock = threading.Lock()  # the model keeps a request's state in itself
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = whisper.load_model(str(directory / "model.pt"), device)
        count = self.model.num_languages
        self.tailor(tuple(LANGUAGES)[:count])
        self._tokenizer = get_tokenizer(multilingual=True, num_languages=count)

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(f" {text.strip()}"))

    def detect_language(self, sound: np.ndarray, options: Options) -> tuple[str, float]:  # noqa: ARG002
        from whisper import detect_language, log_mel_spectrogram, pad_or_trim

        mel = log_mel_spectrogram(pad_or_trim(sound[:FULL_SAMPLES]), self.model.dims.n_mels)
        with self._lock:
            _, chances = detect_language(self.model, mel.to(self.model.device))
        return max(chances.items(), key=lambda one: one[1])

    def decode(self, windows: list[Window], language: str, options: Options) -> list[list[Segment]]:
        def plain(some: Sequence[Window]) -> list[list[Segment]]:
            found = []
            for window in some:
                seconds = len(window.sound) / SAMPLE_RATE  # what is written after it is left out
                heard = self._transcribe(window.sound, language, options, False)
                found.append([window.place(one) for one in heard if one.start < seconds - 0.01])
            return found

        return recovered(windows, plain, plain)

    def decode_sound(self, sound: np.ndarray, language: str, options: Options) -> Iterator[Segment]:
        return self._transcribe(sound, language, options, prompted=True)

    def _transcribe(
        self, sound: np.ndarray, language: str, options: Options, prompted: bool
    ) -> Iterator[Segment]:
        with self._lock:
            answer = self.model.transcribe(
                sound,
                language=language,
                task=options.task,
                beam_size=options.beam_size if options.beam_size > 1 else None,
                best_of=5,
                temperature=options.temperature,
                condition_on_previous_text=prompted,
                carry_initial_prompt=not prompted,
                initial_prompt=options.initial_prompt or None,
                without_timestamps=not options.timestamps,
                word_timestamps=options.word_timestamps,
                fp16=self.model.device.type == "cuda",
            )
        for one in answer["segments"]:
            scored = SimpleNamespace(**one)
            yield segment(one["start"], one["end"], one["text"], scored, one.get("words"))
