"""The scores of a Whisper checkpoint: CER and MER under a stated normaliser."""

from whisper_asr.training.error_rates import character_errors, mixed_errors
from whisper_asr.training.normalizer import Normalizer
from zoo.training import results
from zoo.training.results import Utterance


class WhisperResult(results.TranscriptionResult):
    """The scores of one model on a test set."""

    @classmethod
    def of(cls, utterances: list[Utterance], normalizer: Normalizer) -> "WhisperResult":
        """Scores utterances."""
        pairs = [(u.reference, u.hypothesis) for u in utterances]
        characters = [character_errors(*pair, normalizer) for pair in pairs]
        mixed = [mixed_errors(*pair, normalizer) for pair in pairs]
        return cls(utterances, {"CER": characters, "MER": mixed})

    @property
    def cer(self) -> float:
        """Character error rate, percent."""
        return self.rate("CER")

    @property
    def mer(self) -> float:
        """Mixed error rate, percent."""
        return self.rate("MER")
