"""Error rates of transcripts in Chinese, under a stated normaliser."""

from whisper_asr.training.normalizer import Normalizer, tokens
from zoo.training.error_rates import ErrorCounts, count_errors
from zoo.training.results import TranscriptionResult, Utterance


def characters(normalizer: Normalizer, text: str) -> str:
    """Give the characters that CER counts: white space is left out."""
    return "".join(normalizer(text).split())


def character_errors(reference: str, hypothesis: str, normalizer: Normalizer) -> ErrorCounts:
    """Counts wrong characters (CER), white space left out."""
    return count_errors(characters(normalizer, reference), characters(normalizer, hypothesis))


def mixed_errors(reference: str, hypothesis: str, normalizer: Normalizer) -> ErrorCounts:
    """Counts wrong Chinese characters and wrong words of other scripts (MER, the mixed error rate
    of WenetSpeech and of code-switching benchmarks)."""
    pair = (tokens(normalizer(text)) for text in (reference, hypothesis))
    return count_errors(*pair)


def scored(utterances: list[Utterance], normalizer: Normalizer) -> TranscriptionResult:
    """Counts the mistakes of utterances: CER and MER."""
    pairs = [(utterance.reference, utterance.hypothesis) for utterance in utterances]
    characters = [character_errors(*pair, normalizer) for pair in pairs]
    mixed = [mixed_errors(*pair, normalizer) for pair in pairs]
    return TranscriptionResult(utterances, {"CER": characters, "MER": mixed})
