"""What `--gpu` builds and runs: float16, and large batches of few lengths."""

import json
import shutil
from pathlib import Path

import pytest

from hanlp_ner.build import FOLDER
from hanlp_ner.building.convert import CLASSIFIER, convert
from hanlp_ner.engine import GPU_PADDED_TOKENS, Engine
from hanlp_ner.network.tagger import GPU_STEP_TOKENS, Padding
from hanlp_ner.options import Options
from hanlp_ner.training.corpora import read_corpus
from tests.hanlp_ner.test_engine import entities, same, texts
from tests.zoo.cuda_kernels import without_kernel
from tests.zoo.halves import rounding_session
from zoo.building.float16 import to_float16
from zoo.errors import CheckpointError

SAMPLE = json.loads((FOLDER / "sample.json").read_text(encoding="utf-8"))["dataframe_split"]
SENTENCES = [
    *(text for (text,) in SAMPLE["data"]),
    "新华社北京三月五日电，李鹏总理今天在人民大会堂会见了日本外相。",
    "上海浦东发展银行和中国人民银行的代表在广州签署了协议。",
    "张伟一九九八年从清华大学毕业以后，到美国的微软公司工作了三年。",
    "他说，泰国、马来西亚和印度尼西亚的货币今年下跌了很多。" * 15,
    "足球赛今晚在大连举行。",
]


def stand_in(directory: Path, rounding: bool = False) -> Engine:
    """The engine as on a GPU, with the CPU in its place.

    Args:
        directory: What was converted.
        rounding: Whether each result is rounded to float16.
    """
    engine = Engine(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    engine._network.pad = Padding(config, GPU_STEP_TOKENS)
    engine._runner._budget = GPU_PADDED_TOKENS
    if rounding:
        single = config["kind"] == "single"
        graph = directory / ("model.onnx" if single else "encoder.onnx")
        setattr(engine._network, "_session" if single else "_encoder", rounding_session(graph))
    return engine


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The demo in float32 and in float16; it is read once, for that takes long."""
    full = tmp_path_factory.mktemp("full")
    convert(FOLDER / "demo", full)
    half = shutil.copytree(full, tmp_path_factory.mktemp("half") / "engine")
    to_float16(half / "model.onnx", [CLASSIFIER])
    sizes = [(directory / "model.onnx").stat().st_size for directory in (half, full)]
    assert sizes[0] < 0.6 * sizes[1]
    assert without_kernel(half / "model.onnx") == set()
    return full, half


@pytest.fixture(scope="module")
def demo(directories: tuple[Path, Path]) -> tuple[Engine, list[Engine]]:
    """The demo in float32, and in float16: on the CPU, and as on a GPU."""
    full, half = directories
    return Engine(full), [Engine(half), stand_in(half, rounding=True)]


def test_float16_finds_the_same_entities(demo: tuple[Engine, list[Engine]]) -> None:
    full, halves = demo
    expected = entities(full, SENTENCES)
    assert sum(map(len, expected)) > 20
    for half in halves:
        assert entities(half, SENTENCES) == expected


def test_float16_finds_the_same_entities_in_the_news(
    demo: tuple[Engine, list[Engine]], shared: Path
) -> None:
    corpus = read_corpus(f"peoples_daily={shared / 'data/ner/peoples_daily/dev.conll'}")
    some = [text for text, _ in corpus.examples[:300]]
    full, halves = demo
    expected = entities(full, some)
    for half in halves:
        found = entities(half, some)
        same = sum(len({*row} & {*other}) for row, other in zip(found, expected, strict=True))
        assert same / max(sum(map(len, found)), sum(map(len, expected))) > 0.998


def test_batches_of_few_lengths_change_no_answer(directories: tuple[Path, Path]) -> None:
    full, _ = directories
    some = [*SENTENCES, *texts(), "中" * 509, "中" * 510, "中" * 511]
    assert same(stand_in(full)(some), Engine(full)(some))


def test_a_multi_task_model_finds_nearly_the_same_in_float16(
    multitask: Path, tmp_path: Path
) -> None:
    """Its weights are random, so some tags are close to each other."""
    for name, precision in (("full", "fp32"), ("half", "fp16")):
        (tmp_path / name).mkdir()
        convert(multitask, tmp_path / name, precision, others=False, gpu=True)
    for graph in (tmp_path / "half").glob("*.onnx"):
        assert without_kernel(graph) == set()
    options = Options(tasks=("tok/fine", "pos/ctb", "ner/pku"))
    some = [text for text in texts() if text.strip()]
    full = Engine(tmp_path / "full")
    expected = full(some, options)
    assert same(stand_in(tmp_path / "full")(some, options), expected)
    for half in (Engine(tmp_path / "half"), stand_in(tmp_path / "half", rounding=True)):
        pairs = zip(entities(half, some, options), entities(full, some, options), strict=True)
        equal = [one == other for one, other in pairs]
        assert sum(equal) / len(equal) > 0.9


def test_parsers_that_need_torch_are_refused(multitask: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="--no-torch") as refused:
        convert(multitask, tmp_path, "fp16", gpu=True)
    assert "dep" in str(refused.value)
    assert not [*tmp_path.glob("*.onnx")]
