"""The recordings that whisper_quality tests on: people, joined, in noise, by telephone; and none.

All of them are made from the folder that THERESA_SHARED names, the same samples each time.
"""

import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import whisper_quality_noises as noises
from benchmarks.whisper_quality_recordings import QualityRecording, Stretch, clip, joined, timed
from language_id.training.conditions import telephone
from zoo.data.audio import decode
from zoo.training.augment import add_noise, noise

FEW = 2  # recordings of a set, where a run only has to work
EVERY = 5  # the clip in so many that is also heard in noise and by telephone
PAUSES_SECONDS = (0.6, 5.0, 25.0)
ORDER_PAUSES_SECONDS = (0.6, 1.0, 2.0, 5.0, 10.0, 25.0)
DENSE_SECONDS, SPARSE_SECONDS = (0.5, 1.5), (1.0, 25.0)  # pauses of long recordings
RATIOS_DB = (0, 5, 10, 20)
SENTENCES = "read sentences"
MEETING = (
    "好首先说一下刚才这个经理说完的这个销售问题咱再说一下咱们的商场问题"
    "首先咱们商场上半年业这个先各部门儿汇报一下就是业绩"
)
# The clips of `speech/clips`: their transcripts, as their corpora have them.
CLIPS = {
    "zh_aishell_BAC009S0764W0121.wav": "甚至出现交易几乎停滞的情况",
    "zh_aishell_BAC009S0724W0121.wav": "广州市房地产中介协会分析",
    "zh_wenetspeech_meeting.wav": MEETING,
}
JFK = (
    "And so my fellow Americans ask not what your country can do for you "
    "ask what you can do for your country"
)
# Of `speech/calls/en-us_zh-cn.flac`, as faster-whisper hears it: it comes without a transcript, but
# each question is put in both languages.
TURNS = (
    ("What's the weather like today?", 0.0, 1.6),
    ("今天天气怎么样", 2.6, 4.6),
    ("How do I go to that bus stop?", 6.0, 8.1),
    ("请问那个车站怎么走", 9.5, 11.9),
    ("Can you tell me where is the library?", 13.3, 16.1),
    ("请问图书馆在哪里", 16.7, 18.9),
)
PROMPT, HOTWORD = "以下是普通话的句子。", "广州市房地产中介协会"  # while nobody speaks
# Places, organisations and people of AISHELL's transcripts: one list for every clip.
NAMES = (
    "万科", "万达", "中原集团", "中国银河证券", "左小蕾", "浑水公司", "凤凰网", "住建部",
    "杨澄宇", "六本木", "三井不动产", "三星电子", "平泽市", "首尔", "奔驰", "雷诺日产",
    "佐野研二郎", "列日剧场", "国际奥委会", "太田市", "清水市长", "周杰伦", "昆凌",
    "南沙区东涌镇", "荣昌", "武隆", "武侯祠", "仙桃市龙华山派出所", "寮步", "丽江", "厦门",
    "搜狐娱乐", "吴幼文", "张伟",
)  # fmt: skip
PARTS = ("佐野", "三星", "东涌镇", "中原地产", "龙华山派出所")  # said without the rest


@dataclass(frozen=True)
class QualitySet:
    """Recordings that are heard with the same options.

    Attributes:
        name: As the page has it.
        make: Makes the recordings.
        options: What differs from the defaults: `language`, `multilingual`, `beam_size`, `vad`,
            `initial_prompt`, `hotwords`.
        kind: `speech`, `joined`, `names` or `silence`: what is counted.
        stored: The set that these recordings are part of, with the same options.
    """

    name: str
    make: Callable[[], list[QualityRecording]]
    options: dict[str, Any] = field(default_factory=dict)
    kind: str = "speech"
    stored: str = ""


class Material:
    """The folder of real recordings.

    Args:
        folder: What THERESA_SHARED names.
        few: Take a few short recordings of each set only.
    """

    def __init__(self, folder: Path, few: bool = False) -> None:
        self._speech, self.few = folder / "data" / "speech", few
        self._known: dict[str, QualityRecording] = {}

    @cached_property
    def sentences(self) -> list[QualityRecording]:
        """380 read sentences of AISHELL."""
        return self._table("aishell")

    @cached_property
    def words(self) -> list[QualityRecording]:
        """400 words of about a second."""
        return self._table("words")

    @cached_property
    def clips(self) -> list[QualityRecording]:
        """Two read sentences of two people, and a meeting's spontaneous speech."""
        return [clip(self._speech / "clips" / name, text) for name, text in CLIPS.items()]

    @cached_property
    def some(self) -> list[QualityRecording]:
        """Every fifth sentence."""
        return self.sentences[::EVERY]

    def english(self) -> list[QualityRecording]:
        """A sentence of a speech of 1961."""
        return [clip(self._speech / "clips" / "en_jfk.mp3", JFK)]

    def turns(self) -> list[QualityRecording]:
        """Three questions, each in English and then in Mandarin."""
        sound = decode(self._speech / "calls" / "en-us_zh-cn.flac")
        return [QualityRecording("turns", sound, tuple(Stretch(*one) for one in TURNS))]

    def joins(self, pause: float) -> list[QualityRecording]:
        """Pairs and triples of sentences, none in two recordings of any pause."""
        rng = np.random.default_rng(2)
        order = iter(rng.permutation(len(self.sentences)).tolist())
        found = []
        for one in PAUSES_SECONDS:
            sizes = [2, 3] * (1 if self.few else 12)
            groups = [
                [self._timed(self.sentences[next(order)]) for _ in range(size)] for size in sizes
            ]
            if one == pause:
                found = [joined(str(n), group, (one, one), rng) for n, group in enumerate(groups)]
        return found

    def orders(self) -> list[QualityRecording]:
        """The three clips, two or three of them in each order, with pauses of each length."""
        rng = np.random.default_rng(3)
        orders = [o for size in (2, 3) for o in itertools.permutations(range(3), size)]
        return [
            joined(
                f"{order} {pause:g} s",
                [self._timed(self.clips[n]) for n in order],
                (pause, pause),
                rng,
            )
            for pause, order in itertools.product(
                ORDER_PAUSES_SECONDS, orders[:1] if self.few else orders
            )
        ][: FEW if self.few else None]

    def draws(
        self, minutes: float, pauses: tuple[float, float], count: int = 1
    ) -> list[QualityRecording]:
        """Long recordings of the three clips, drawn at random."""
        minutes = 0.5 if self.few else minutes
        return [
            joined(f"draw {seed}", self._endless(rng), pauses, rng, 60 * minutes)
            for seed in range(count)
            for rng in [np.random.default_rng(10 + seed)]
        ]

    def reading(self, minutes: float, pauses: tuple[float, float]) -> list[QualityRecording]:
        """A long recording of sentences, none twice."""
        rng = np.random.default_rng(20)
        order = (self._timed(self.sentences[n]) for n in rng.permutation(len(self.sentences)))
        return [joined("", order, pauses, rng, 60 * (0.5 if self.few else minutes))]

    def noisy(self, kind: str, ratio: float) -> list[QualityRecording]:
        """Every fifth sentence in white noise, or in what six others read meanwhile."""
        found = []
        for number, one in enumerate(self.some):
            rng = np.random.default_rng(1000 + number)
            if kind == "white":
                added = noise("white", len(one.sound), rng)
            else:
                others = [other.sound for other in self.sentences if other.name != one.name]
                added = noises.babble(others, len(one.sound), rng)
            found.append(replace(one, sound=add_noise(one.sound, added, ratio)))
        return found

    def by_telephone(self) -> list[QualityRecording]:
        """Every fifth sentence, by telephone."""
        return [replace(one, sound=telephone(one.sound)) for one in self.some]

    def named(self) -> list[QualityRecording]:
        """The sentences that have names."""
        return [one for one in self.sentences if names_in(one.text)]

    def nameless(self) -> list[QualityRecording]:
        """Every fifth of the sentences that have none."""
        return [one for one in self.sentences if not names_in(one.text)][::EVERY]

    def _table(self, folder: str) -> list[QualityRecording]:
        with (self._speech / folder / "transcripts.tsv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        rows = rows[: 6 * EVERY if self.few else None]
        return [
            clip(self._speech / folder / row["path"], row["sentence"].strip("\ufeff"))
            for row in rows
        ]

    def _endless(self, rng: np.random.Generator) -> Iterator[QualityRecording]:
        while True:
            yield self._timed(self.clips[int(rng.integers(len(self.clips)))])

    def _timed(self, one: QualityRecording) -> QualityRecording:
        """A clip with the times of its speech, which are looked for once."""
        if one.name not in self._known:
            self._known[one.name] = timed(one)
        return self._known[one.name]


def quality_sets(material: Material) -> list[QualitySet]:
    """What is tested, those first whose results are awaited most."""
    dense, sparse = DENSE_SECONDS, SPARSE_SECONDS
    hot = {"hotwords": " ".join(NAMES)}
    found = [
        QualitySet(SENTENCES, lambda: material.sentences),
        QualitySet("ten dense minutes of three clips, three draws",
                   lambda: material.draws(10, dense, 3), kind="joined"),
        QualitySet("three clips in every order, pauses of 0.6 to 25 s", material.orders,
                   kind="joined"),
        QualitySet("ten dense minutes of sentences", lambda: material.reading(10, dense),
                   kind="joined"),
        QualitySet("words of a second", lambda: material.words),
        *(QualitySet(f"two or three sentences, pauses of {pause:g} s",
                     partial(material.joins, pause), kind="joined")
          for pause in PAUSES_SECONDS),
        QualitySet("by telephone", material.by_telephone),
        QualitySet("English", material.english, {"language": "en"}),
        QualitySet("English and Mandarin in turns", material.turns, kind="joined"),
        QualitySet("English and Mandarin in turns, language of each stretch", material.turns,
                   {"language": "auto", "multilingual": True}, kind="joined"),
        QualitySet("sentences with names", material.named, {}, "names", SENTENCES),
        QualitySet("sentences with names, hotwords", material.named, hot, "names"),
        QualitySet("sentences without names", material.nameless, {}, "names", SENTENCES),
        QualitySet("sentences without names, hotwords", material.nameless, hot, "names"),
        *(QualitySet(f"{kind} noise, {ratio} dB",
                     partial(material.noisy, kind, ratio))
          for ratio in RATIOS_DB for kind in ("white", "babble")),
    ]  # fmt: skip
    found += [
        QualitySet(f"no speech: {' '.join(map(str, options.values()))}", silences, options,
                   "silence")
        for options in _silent_options()
    ]  # fmt: skip
    found += [
        QualitySet("45 minutes of three clips, pauses of 1 to 25 s",
                   lambda: material.draws(45, sparse), kind="joined"),
        QualitySet("45 minutes of sentences, pauses of 1 to 25 s",
                   lambda: material.reading(45, sparse), kind="joined"),
    ]  # fmt: skip
    if material.few:
        return [replace(one, make=partial(_few, one.make)) for one in found]
    return found


def _silent_options() -> Iterator[dict[str, Any]]:
    """Ways to hear noise: with speech looked for or not, beams, a prompt, hotwords."""
    for vad, beams, prompt, words in itertools.product((True, False), (1, 5), (0, 1), (0, 1)):
        options: dict[str, Any] = {"vad": vad, "beam_size": beams}
        options |= {"initial_prompt": PROMPT} if prompt else {}
        options |= {"hotwords": HOTWORD} if words else {}
        yield options


def _few(make: Callable[[], list[QualityRecording]]) -> list[QualityRecording]:
    return make()[:FEW]


def silences() -> list[QualityRecording]:
    """The recordings that nobody speaks in."""
    return [QualityRecording(name, sound, ()) for name, sound in noises.wordless().items()]


def names_in(text: str) -> list[str]:
    """The names that a transcript has, the longer where one is part of another."""
    found: list[str] = []
    for name in sorted((*NAMES, *PARTS), key=len, reverse=True):
        if name in text and not any(name in longer for longer in found):
            found.append(name)
    return found
