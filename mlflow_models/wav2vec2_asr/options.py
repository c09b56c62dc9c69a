"""What a request may ask of the recognizer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to transcribe. The defaults of `model.py` are these, or those of a packed language model.

    Args:
        vad: find the speech first, and transcribe that; otherwise all of it, chunk after chunk.
        denoise: reduce steady noise, where a recording is noisy.
        language_model: weigh what is heard by how likely it is written.
        beam_size: hypotheses that the search keeps; 1 is greedy.
        word_timestamps: a time for every word.
        chunk_length_s: seconds that the network hears at once, at most.
        stride_length_s: seconds at both ends of a chunk that only give it context, where the speech
            isn't found first.
        language: of the checkpoint.
        batch_size: windows that are decoded together; on a CPU one after the other is as fast.
    """

    vad: bool = True
    denoise: bool = False
    language_model: bool = False
    beam_size: int = 1
    word_timestamps: bool = False
    chunk_length_s: float = 20.0
    stride_length_s: float = 3.0
    language: str | None = "th"
    batch_size: int = 1
