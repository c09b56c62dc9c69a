"""What a window leaves out is decoded again, and nothing that was there is lost by that."""

from collections.abc import Sequence

import numpy as np

from whisper_asr.recovery import recovered
from zoo.data.audio import SAMPLE_RATE
from zoo.speech.transcript import Segment
from zoo.speech.windows import Window

SECOND = SAMPLE_RATE


def hear(first: list[Segment], again: dict[int, list[Segment]]) -> list[Segment]:
    """Recover a window of three spans; `again` has what is heard in a part, by its start."""
    spans = [(0, 6 * SECOND), (6 * SECOND, 18 * SECOND), (18 * SECOND, 28 * SECOND)]
    window = Window(np.zeros(28 * SECOND, np.float32), spans)

    def alone(parts: Sequence[Window]) -> list[list[Segment]]:
        return [again.get(round(part.spans[0][0] / SECOND), []) for part in parts]

    (found,) = recovered([window], lambda _: [first], alone)
    return found


THANKS = Segment(0.0, 6.0, "谢谢大家")  # too little for six seconds
LONG = Segment(6.0, 18.0, "各部门先汇报一下上半年的销售问题和下半年的计划好吗")
REST = Segment(18.2, 27.8, "首先说一下刚才经理说完的这个销售问题")


def test_what_was_left_out_is_added() -> None:
    assert hear([THANKS, LONG], {18: [REST]}) == [THANKS, LONG, REST]


def test_too_little_text_gives_way_to_more_only() -> None:
    more = Segment(0.2, 5.8, "谢谢大家今天到这里来开会")
    assert hear([THANKS, LONG, REST], {0: [more]}) == [more, LONG, REST]
    less = Segment(0.2, 5.8, "谢谢")
    assert hear([THANKS, LONG, REST], {0: [less]}) == [THANKS, LONG, REST]
