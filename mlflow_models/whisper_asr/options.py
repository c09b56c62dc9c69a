"""What a request may ask of the recognizer."""

from dataclasses import dataclass

TASKS = ("transcribe", "translate")
SCRIPTS = ("simplified", "traditional", "as_is")
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # openai-whisper's


@dataclass(frozen=True)
class Options:
    """How to transcribe. The defaults of `model.py` are these.

    Args:
        language: A code such as `zh`; None: the one that the first window is heard to be in.
        task: `transcribe`, or `translate` into English.
        beam_size: Of the search at temperature 0; 1 is greedy.
        temperatures: What is tried in turn, until a window's text is neither repetitive nor
            unlikely (Radford et al. 2022, section 4.5).
        initial_prompt: Text that the recording is told to follow.
        hotwords: Words to expect, in every window.
        vad: Find the speech first, and transcribe that in batches; otherwise openai-whisper's
            algorithm, window after window, each one prompted by the text before it.
        denoise: Reduce steady noise first (spectral gating).
        timestamps: Segments with times of their own; otherwise one per window.
        word_timestamps: A time for every word, from the cross-attention.
        script: `simplified`, `traditional` or `as_is`.
        punctuation: Keep it.
        batch_size: Windows that are decoded together.
    """

    language: str | None = "zh"
    task: str = "transcribe"
    beam_size: int = 5
    temperatures: tuple[float, ...] = TEMPERATURES
    initial_prompt: str = ""
    hotwords: str = ""
    vad: bool = True
    denoise: bool = False
    timestamps: bool = True
    word_timestamps: bool = False
    script: str = "simplified"
    punctuation: bool = True
    batch_size: int = 8
