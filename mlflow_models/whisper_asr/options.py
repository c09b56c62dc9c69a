"""What whisper_asr declares: its parameters, and what it answers."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from zoo.serving.declaration import Declaration
from zoo.speech import options as speech
from zoo.speech.options import AUDIO, SpeechOptions

MAX_PROMPT_CHARACTERS = 8_000  # 223 tokens of up to 33 bytes are shorter
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # openai-whisper's
WHISPER_CODES = {"cmn": "zh", "zho": "zh", "chinese": "zh", "mandarin": "zh", "cantonese": "yue"}
Temperature = Annotated[float, Field(ge=0, le=2)]


class Options(SpeechOptions):
    """How to transcribe."""

    language: str = Field(
        "zh",
        description="A code such as `zh` or `zh-CN`; `auto` detects it in the first speech.",
    )
    task: Literal["transcribe", "translate"] = Field(
        "transcribe", description="`translate` answers in English."
    )
    beam_size: int = Field(
        5,
        ge=1,
        le=20,
        description="Hypotheses that the search at temperature 0 keeps; 1 is greedy.",
    )
    temperature: tuple[Temperature, ...] = Field(
        TEMPERATURES,
        min_length=1,
        max_length=10,
        description="Tried in turn, until the text is neither repetitive nor unlikely "
        "(Radford et al. 2022, section 4.5).",
    )
    initial_prompt: str = Field(
        "",
        max_length=MAX_PROMPT_CHARACTERS,
        description="Text that the model reads first; it follows this style and spelling.",
    )
    hotwords: str = Field(
        "", max_length=MAX_PROMPT_CHARACTERS, description="Words to expect, in every window."
    )
    timestamps: bool = Field(
        True, description="Give segments their own times; else each window is one segment."
    )
    script: Literal["simplified", "traditional", "as_is"] = Field(
        "simplified", description="How Chinese is written."
    )
    numerals: Literal["digits", "words", "as_is"] = Field(
        "as_is", description="How Chinese numbers are written: 2015年, 二零一五年, or either."
    )
    punctuation: Literal["keep", "strip"] = Field(
        "keep", description="Whether punctuation stays in the text."
    )
    multilingual: bool = Field(
        False, description="With `language` `auto`: detect the language of every window of speech."
    )
    window: Literal["auto", "full"] = Field(
        "auto",
        description="`auto`: windows as long as the speech needs; `full`: 30 s each, the "
        "reference's arithmetic, which takes more time.",
    )
    batch_size: int = Field(8, ge=1, le=64, description="How many windows are decoded together.")

    @field_validator("language", mode="before")
    @classmethod
    def _primary(cls, value: object) -> object:
        return primary_language(value) if isinstance(value, str) else value

    @field_validator("temperature", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        """Take one temperature as well as a list, as every Whisper API does."""
        return tuple(value) if isinstance(value, list | tuple) else (value,)

    @field_validator("initial_prompt", "hotwords")
    @classmethod
    def _plain(cls, text: str) -> str:
        if "<|" in text:
            raise ValueError("has a special token ('<|') in it")
        return text.strip()


def primary_language(tag: str) -> str:
    """Take Whisper's code out of a language tag: `zh` of zh-CN, zh_TW, zh-Hans-CN and cmn-Hant.

    Args:
        tag: BCP 47's form, with hyphens or underscores, in any case.
    """
    parts = tag.strip().lower().replace("_", "-").split("-")
    code = next((part for part in parts if part == "yue"), parts[0])  # zh-yue is Cantonese
    return WHISPER_CODES.get(code, code)


class Segment(speech.Segment):
    """A segment, with Whisper's own scores."""

    avg_logprob: float = Field(description="The mean log-probability of its tokens.")
    no_speech_prob: float = Field(description="How likely nobody speaks.")
    compression_ratio: float = Field(description="Over 2.4 the text repeats itself.")
    language: str | None = Field(None, description="With `multilingual`.")
    language_probability: float | None = Field(None, description="With `multilingual`.")


class Record(speech.Record):
    """A recording's transcript."""

    language_probability: float | None = Field(
        description="How likely it is that language; null where nothing was detected, or "
        "each segment has its own."
    )
    segments: list[Segment]


DECLARATION = Declaration(
    name="whisper_asr",
    task="automatic-speech-recognition",
    summary="Turns speech into text: Chinese above all, and the other languages of Whisper.",
    languages=("zh", "en", "yue"),
    columns=(AUDIO,),
    options=Options,
    record=Record,
    fork_safe=False,
)
