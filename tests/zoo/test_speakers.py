"""Who says what: real voices through a real network, and what becomes of segments and names."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.speakers import scores
from benchmarks.speakers import voices as voices_in
from benchmarks.speakers_sets import SpeakerMaterial
from whisper_asr import enroll
from zoo.building import speakers
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.errors import BadParameter, CheckpointError, ZooError
from zoo.speech.attribution import attributed
from zoo.speech.embedding import SpeakerNetwork
from zoo.speech.options import SpeechOptions
from zoo.speech.speakers import Speakers
from zoo.speech.transcript import Segment, Transcript, Word
from zoo.speech.turns import Turn, cut, turns
from zoo.speech.voices import Gallery, enrolled

PEOPLE = "abxz"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> SpeakerNetwork:
    """Resemblyzer's, as the package index has it."""
    try:
        checkpoint = speakers.find("resemblyzer")
    except CheckpointError as error:
        pytest.skip(f"The package index doesn't have Resemblyzer: {error}")
    folder = tmp_path_factory.mktemp("network")
    speakers.convert(checkpoint, folder)
    return SpeakerNetwork(folder)


@pytest.fixture(scope="module")
def clips(shared: Path) -> dict[str, list[np.ndarray]]:
    """Three clips of each of four people."""
    folder = shared / "data" / "speech" / "speakers"
    return {
        name: [decode(path) for path in sorted(folder.glob(f"{name}_*.wav"))] for name in PEOPLE
    }


@pytest.mark.parametrize(("number", "in_turns"), [(4, True), (4, False), (None, False)])
def test_four_people_are_told_apart(
    network: SpeakerNetwork,
    clips: dict[str, list[np.ndarray]],
    number: int | None,
    in_turns: bool,
) -> None:
    order = [(name, place) for place in range(3) for name in PEOPLE]
    order = order if in_turns else sorted(order)
    sounds = [clips[name][place] for name, place in order]
    ends = np.cumsum([len(sound) for sound in sounds]) / SAMPLE_RATE
    spans = voices_in(network, np.concatenate(sounds))
    found, voices = turns(spans, number, 1, 20, network.apart)
    assert len(voices) == 4
    places = [
        PEOPLE.index(order[int(np.searchsorted(ends, (one.start + one.end) / 2))][0])
        for one in found
    ]
    assert [one.speaker for one in found] == places  # in the order of their first clips
    for turn, following in itertools.pairwise(found):
        assert turn.start < turn.end <= following.start


def test_scores_and_a_call(network: SpeakerNetwork, shared: Path) -> None:
    """Twelve clips of four people; two on the telephone, the last of whose words are thanks."""
    material = SpeakerMaterial(shared)
    (joined,) = material.joined()[:1]
    found = scores([joined], [voices_in(network, joined.sound)], network.apart)
    assert found["right_number"] == 1
    assert found["right_turns"] == found["turns"] == 12
    spans = voices_in(network, material.call().sound)
    said, _ = turns(spans, None, 1, 20, network.apart)
    assert [one.speaker for one in said] == [0, 1] * 5 + [0]


def test_one_voice_is_one_speaker_and_a_number_is_kept_to(
    network: SpeakerNetwork, clips: dict[str, list[np.ndarray]]
) -> None:
    spans = voices_in(network, np.concatenate(clips["a"]))
    assert len(turns(spans, None, 1, 20, network.apart)[1]) == 1
    assert len(turns(spans, None, 2, 20, network.apart)[1]) == 2
    transcript = Transcript("zh", 9.0, [Segment(0.3, 2.0, "你好")])
    told = Speakers(network).tell(transcript, spans, SpeechOptions(speakers="50"))
    assert told.speakers is not None
    assert len(told.speakers) < 50
    assert told.warnings == ["fewer_speakers"]
    told = Speakers(network).tell(
        Transcript("zh", 9.0, []),
        spans,
        SpeechOptions(speakers="auto", min_speakers=50, max_speakers=50),
    )
    assert told.warnings == ["fewer_speakers"]


def test_where_nobody_speaks_nobody_is_found(network: SpeakerNetwork) -> None:
    told = Speakers(network).tell(Transcript("zh", 9.0, []), [], SpeechOptions(speakers="3"))
    record = told.record()
    assert (record["speakers"], record["turns"], record["warnings"]) == ([], [], [])


def test_a_span_is_cut_into_windows_that_overlap() -> None:
    for length in (1, 99, 100, 101, 149, 150, 151, 1_000):
        windows = cut((7, 7 + length), 100)
        assert windows[0][0] == 7
        assert windows[-1][1] == 7 + length
        assert all(end - start == min(length, 100) for start, end in windows)
        for (start, _), (following, _) in itertools.pairwise(windows):
            assert 0 < following - start <= 50


TURNS = [Turn(0.0, 2.0, 0), Turn(2.4, 5.0, 1), Turn(5.2, 8.0, 0)]


def test_a_segment_is_cut_between_words_at_the_pause_near_a_change() -> None:
    words = [Word("今天", 0.1, 1.0, 1.0), Word("好", 1.0, 1.8, 1.0), Word("是的", 2.5, 3.0, 1.0)]
    one = Segment(0.1, 3.0, " 今天好，是的。", words, {"confidence": 0.5})
    first, second = attributed([one], TURNS)
    assert (first[0].text, first[1], second[0].text, second[1]) == (" 今天好，", 0, "是的。", 1)
    assert (first[0].end, second[0].start) == (1.8, 2.5)
    assert second[0].words == words[2:]
    assert second[0].scores == one.scores


def test_without_words_it_is_cut_after_a_mark_or_is_its_main_speakers() -> None:
    marked = Segment(0.0, 5.0, "你好吗？我很好，谢谢你。")
    plain = Segment(1.8, 5.0, "ไม่มีช่องว่าง")
    found = [(part.text, number) for part, number in attributed([marked, plain], TURNS)]
    assert found == [("你好吗？", 0), ("我很好，谢谢你。", 1), ("ไม่มีช่องว่าง", 1)]


def test_a_segment_between_turns_goes_to_the_nearest_speaker() -> None:
    far = [Turn(0.0, 1.0, 0), Turn(8.0, 9.0, 1)]
    segments = [
        Segment(1.2, 7.5, "好。是吗？"),
        Segment(6.0, 7.9, "是的。"),
        Segment(20.0, 21.0, "喂"),
    ]
    assert [(part.text, number) for part, number in attributed(segments, far)] == [
        ("好。是吗？", 0), ("是的。", 1), ("喂", 1)]  # fmt: skip


@given(
    st.lists(st.sampled_from(["好", "你好", "yes", "3.14", "。"]), min_size=1, max_size=9),
    st.sampled_from(["", " "]),
    st.lists(st.floats(0.05, 0.9), min_size=4, max_size=4),
    st.booleans(),
)
def test_no_text_is_lost_or_doubled(
    texts: list[str], between: str, lengths: list[float], worded: bool
) -> None:
    ends = np.cumsum(lengths)
    changing = [Turn(float(end) - 0.05, float(end), number % 2) for number, end in enumerate(ends)]
    times = np.linspace(0, float(ends[-1]), len(texts) + 1)
    words = [Word(text, a, b, 1.0) for text, a, b in zip(texts, times, times[1:], strict=False)]
    one = Segment(0.0, float(ends[-1]), between.join(texts), words if worded else None)
    parts = [part for part, _ in attributed([one], changing)]
    assert "".join(part.text for part in parts) == one.text
    assert [word for part in parts for word in part.words or []] == (words if worded else [])
    assert all(part.start <= part.end for part in parts)


def test_enrolled_voices_have_names_and_others_none(
    network: SpeakerNetwork, clips: dict[str, list[np.ndarray]], shared: Path
) -> None:
    """The threshold is the network's: benchmarks/speaker_names.py has its trials."""
    known = Gallery(network.identity, {
        name: enrolled(network, sounds[:2])[0] for name, sounds in clips.items() if name != "z"
    })  # fmt: skip
    voices = [enrolled(network, [sounds[2]], 0.0)[0] for sounds in clips.values()]
    named = {number: name for number, (name, _) in known.names(voices, network.accepts).items()}
    assert all(PEOPLE[number] == name for number, name in named.items())
    assert len(named) >= 2
    files = sorted((shared / "data" / "speech" / "aishell").glob("*.flac"))[:24]
    for file in files:
        stranger, _ = enrolled(network, [decode(file)], 0.0)
        assert known.names([stranger], network.accepts) == {}


def test_a_gallery_is_written_and_read(
    network: SpeakerNetwork, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder, output = shared / "data" / "speech", tmp_path / "voices.json"

    def run(name: str, *files: Path) -> str:
        asked = ["enroll.py", name, *map(str, files), "-o", str(output)]
        monkeypatch.setattr(sys, "argv", asked)
        enroll.main()
        return capsys.readouterr().out

    run("王", folder / "speakers" / "a_1.wav", folder / "speakers" / "a_2.wav")
    assert "a_3.wav" in run("Bo", folder / "speakers" / "x_1.wav", folder / "speakers" / "a_3.wav")
    assert "王" in run("Wang", folder / "speakers" / "a_1.wav")
    gallery = Gallery.parse(output.read_text("utf-8"), network)
    assert list(gallery.voices) == ["王", "Bo", "Wang"]
    with pytest.raises(ZooError, match="No"):
        run("No", folder / "calls" / "whatstheweatherlike-mulaw.wav")
    with pytest.raises(ZooError, match=r"nix\.wav"):
        run("No", tmp_path / "nix.wav")
    (tmp_path / "voices.json").write_text('{"network": "other", "voices": {}}')
    with pytest.raises(ZooError, match=r"voices\.json"):
        run("No", folder / "speakers" / "a_1.wav")


BAD_GALLERIES = [
    "no JSON", "[]", "[" * 50_000, '{"network": "other", "voices": {}}',
    '{"network": "NETWORK", "voices": {"": [1]}}', '{"network": "NETWORK", "voices": {"A": [1]}}',
    '{"network": "NETWORK", "voices": {"A": "text"}}',
    json.dumps({"network": "NETWORK", "voices": {"A": [0.0] * 256}}),
    '{"network": "NETWORK", "voices": {"A": [1], "A": [1]}}',
    f'{{"network": "NETWORK", "voices": {{"A": [1{"0" * 400}]}}}}',
    '{"network": "NETWORK", "voices": {"A\\u0000": [1]}}',
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_GALLERIES)
def test_what_is_no_gallery_is_refused(network: SpeakerNetwork, text: str) -> None:
    options = SpeechOptions(speakers="auto", voices=text.replace("NETWORK", network.identity))
    with pytest.raises(BadParameter) as refusal:
        Speakers(network).check(options)
    assert refusal.value.name == "voices"
    assert len(str(refusal.value)) < 300


def test_what_cant_be_told_is_refused(network: SpeakerNetwork) -> None:
    with pytest.raises(BadParameter, match=r"build\.py --speakers"):
        Speakers().check(SpeechOptions(speakers="auto"))
    with pytest.raises(BadParameter, match="vad"):
        Speakers(network).check(SpeechOptions(speakers="2", vad=False))
    with pytest.raises(BadParameter, match="speakers"):
        Speakers(network).check(SpeechOptions(voices="{}"))
