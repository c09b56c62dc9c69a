"""What wav2vec2_asr declares: its parameters, and what it answers."""

from pydantic import Field, model_validator

from zoo.errors import BadParameter
from zoo.serving.declaration import Declaration
from zoo.speech import options as speech
from zoo.speech.options import AUDIO, SpeechOptions


class Options(SpeechOptions):
    """How to transcribe. A packed language model changes two of the defaults."""

    language_model: bool = Field(
        False, description="Use the packed language model, which knows how likely a text is."
    )
    beam_size: int = Field(
        1, ge=1, le=500, description="How many hypotheses the search keeps; 1 is greedy."
    )
    chunk_length_s: float = Field(
        20.0, ge=2, le=60, description="The most seconds that the network hears at once."
    )
    stride_length_s: float = Field(
        3.0,
        ge=0,
        le=60,
        description="Without `vad`: seconds at both ends of a chunk that are only context.",
    )

    @model_validator(mode="after")
    def _fit(self) -> "Options":
        if 2 * self.stride_length_s >= self.chunk_length_s:
            raise BadParameter("stride_length_s", "is half of 'chunk_length_s' or more")
        return self


class Segment(speech.Segment):
    """A segment, and how sure the model is of it."""

    confidence: float = Field(description="The mean probability of its characters.")


class Record(speech.Record):
    """A recording's transcript."""

    segments: list[Segment]


DECLARATION = Declaration(
    name="wav2vec2_asr",
    task="automatic-speech-recognition",
    summary="Turns Thai speech into text.",
    languages=("th",),
    columns=(AUDIO,),
    options=Options,
    record=Record,
    fork_safe=False,
)
