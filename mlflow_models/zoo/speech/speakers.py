"""What an engine asks of its packed speaker network: who says what in a transcript."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo.errors import BadParameter
from zoo.speech.attribution import attributed
from zoo.speech.embedding import GRAPH, SpeakerNetwork
from zoo.speech.options import FEWER_SPEAKERS, OFF, SpeechOptions
from zoo.speech.transcript import Speaker, SpokenTurn, Transcript
from zoo.speech.turns import Heard, hear, turns
from zoo.speech.voices import Gallery
from zoo.speech.windows import Window

SPEAKERS, VOICES = "speakers", "voices.json"  # in the directory that the builder packs


class Speakers:
    """Tells who says what; one object serves any number of threads.

    Args:
        network: Embeds voices; None where the model has no network for that.
        gallery: The voices whose names are known.
    """

    def __init__(
        self, network: SpeakerNetwork | None = None, gallery: Gallery | None = None
    ) -> None:
        self._network, self._gallery = network, gallery or Gallery()

    @classmethod
    def open(cls, directory: Path, threads: int) -> "Speakers":
        """Open what the builder packed for an engine; it may have no speaker network.

        Args:
            directory: The engine's.
            threads: Inside one run of the network.
        """
        place = directory / SPEAKERS
        if not (place / GRAPH).is_file():
            return cls()
        network = SpeakerNetwork(place, threads)
        if not (place / VOICES).is_file():
            return cls(network)
        text = (place / VOICES).read_text(encoding="utf-8")
        return cls(network, Gallery.parse(text, network))

    def check(self, options: SpeechOptions) -> None:
        """Raise `BadParameter` where this model can't tell speakers as the options ask for."""
        if options.speakers == OFF:
            for name in ("voices", "return_voices"):
                if getattr(options, name):
                    raise BadParameter(name, "needs 'speakers' to be 'auto' or a number")
            return
        if self._network is None:
            raise BadParameter(
                "speakers",
                "this model can't tell speakers apart; build.py --speakers packs what it needs",
            )
        if not options.vad:
            raise BadParameter("speakers", "needs 'vad' to be true")
        self._voices(options)

    def hear(self, windows: Sequence[Window], options: SpeechOptions) -> list[list[Heard]]:
        """Embed the voices in windows; without `speakers`, nothing is heard."""
        if self._network is None or options.speakers == OFF:
            return [[] for _ in windows]
        return hear(self._network, windows)

    def tell(
        self, transcript: Transcript, heard: Sequence[Heard], options: SpeechOptions
    ) -> Transcript:
        """Add to a transcript who says what; its segments are cut where the speaker changes.

        Args:
            transcript: Of a whole recording.
            heard: Its spans of speech, in order.
            options: The request's.
        """
        if self._network is None or options.speakers == OFF:
            return transcript
        asked = options.number_of_speakers
        found, voices = turns(
            heard,
            asked,
            options.min_speakers,
            options.max_speakers,
            self._network.apart,
        )
        names = self._voices(options).names(voices, self._network.accepts)
        if found:
            transcript.segments = [
                one.spoken_by(_label(number))
                for one, number in attributed(transcript.segments, found)
            ]
        if not options.word_timestamps:  # a model may have them only to cut its segments well
            transcript.segments = [replace(one, words=None) for one in transcript.segments]
        if 0 < len(voices) < (asked or options.min_speakers):
            transcript.warnings = [*transcript.warnings, FEWER_SPEAKERS]
        transcript.turns = [SpokenTurn(one.start, one.end, _label(one.speaker)) for one in found]
        transcript.speakers = [
            Speaker(
                _label(number),
                sum(one.end - one.start for one in found if one.speaker == number),
                *names.get(number, (None, None)),
            )
            for number in range(len(voices))
        ]
        if options.return_voices:
            own = {_label(number): voice for number, voice in enumerate(voices)}
            transcript.voices = Gallery(self._network.identity, own)
        return transcript

    def _voices(self, options: SpeechOptions) -> Gallery:
        """Give the packed voices and the request's."""
        if not options.voices or self._network is None:
            return self._gallery
        try:
            return self._gallery.joined(Gallery.parse(options.voices, self._network))
        except ValueError as error:
            raise BadParameter("voices", str(error)) from None


def _label(number: int) -> str:
    """Give a speaker's label: S1 is who speaks first."""
    return f"S{number + 1}"
