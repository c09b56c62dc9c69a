"""Collections that are embedded by any ONNX image encoder, by the commands of explore.py."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from clip_caption import explore
from clip_caption.exploring.store import Embeddings
from clip_caption.pixels import Pixels
from clip_caption.searching.index import Index
from zoo.data.images import decode
from zoo.errors import CheckpointError, ZooError

SIDE, COUNT = 8, 12
SETTINGS = {"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bicubic"}
NCHW: list[int | str] = ["photos", 3, SIDE, SIDE]
NHWC: list[int | str] = ["photos", SIDE, SIDE, 3]


def write_encoder(
    path: Path, shape: Sequence[int | str], kind: str = "mean", axes: int = 2
) -> Path:
    """Write a graph that gives photos' mean colours; `kind` and `axes` make one of another form."""
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)
    over = [2, 3] if shape[1] == 3 and len(shape) == 4 else [1, 2]
    nodes = [
        helper.make_node("Constant", [], ["over"], value_ints=over),
        helper.make_node("ReduceMean", ["pixels", "over"], ["mean"], keepdims=int(axes == 4)),
        helper.make_node("Log", ["mean"], ["log"]),  # of black: minus infinity
        helper.make_node("Identity", ["mean"], ["mean_again"]),
    ]
    named = {"mean": ["mean"], "log": ["log"], "both": ["mean", "mean_again"]}[kind]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in named]
    graph = helper.make_graph(nodes, "encoder", [given], outputs)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(made, path)
    return path


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of noisy photos, half of them red and half of them blue."""
    folder = tmp_path_factory.mktemp("colours")
    fixed = np.random.default_rng(3)
    lines = ["file,type"]
    for number in range(COUNT):
        kind = "red" if number % 2 else "blue"
        dots = fixed.integers(0, 120, (9, 12, 3), np.uint8)
        dots[..., 0 if kind == "red" else 2] += 130
        Image.fromarray(dots).resize((48, 36)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{kind}")
    (folder / "photos.csv").write_text("\n".join(lines))
    return folder / "photos.csv"


def embed(photos: Path, output: Path, encoder: Path, *options: str) -> Embeddings:
    """Embed photos with an encoder."""
    explore.main(["embed", str(photos), "-o", str(output), "--encoder", str(encoder), *options])
    return Embeddings(output)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_encoder(tmp_path_factory.mktemp("encoder") / "mean.onnx", NCHW)
    path.with_suffix(".json").write_text(json.dumps(SETTINGS))
    return path


@pytest.fixture(scope="module")
def collection(colours: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("collection") / "embeddings"
    embed(colours, output, encoder)
    return output


def test_embeddings_are_what_the_graph_says(colours: Path, collection: Path) -> None:
    prepared = Pixels(SETTINGS | {"size": SIDE, "resize_mode": "shortest"})
    found = Embeddings(collection)
    for name, vector in zip(found.ids, found.vectors(), strict=True):
        pixels = prepared(decode((colours.parent / name).read_bytes()))
        assert vector == pytest.approx(pixels.mean((1, 2)), abs=1e-5)


@pytest.mark.parametrize("shape", [NHWC, [1, 3, SIDE, SIDE]], ids=["channels last", "one photo"])
def test_other_shapes_give_the_same(
    shape: list[int | str], colours: Path, collection: Path, tmp_path: Path
) -> None:
    graph = write_encoder(tmp_path / "other.onnx", shape)
    graph.with_suffix(".json").write_text(json.dumps(SETTINGS))
    found = embed(colours, tmp_path / "out", graph)
    assert found.vectors() == pytest.approx(Embeddings(collection).vectors(), abs=1e-5)


def test_what_needs_no_words_works(
    colours: Path, collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explore.main(["classify", str(collection), "-k", "3", "--near", "0", "--json"])
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1
    photo = colours.parent / "5.png"
    explore.main(["find", str(collection), "--image", str(photo), "-k", "6", "--json"])
    found = [one["id"] for one in json.loads(capsys.readouterr().out)]
    assert found[0] == "5.png"
    assert {int(name.removesuffix(".png")) % 2 for name in found} == {1}
    options = ["--category", "type", "--near", "0"]
    explore.main(["index", str(collection), "-o", str(tmp_path / "index"), *options])
    vectors = Embeddings(collection).vectors()
    index = Index.read(tmp_path / "index")
    assert [one.category for one in index.classify(vectors[:2], 1)] == ["blue", "red"]
    with pytest.raises(CheckpointError):  # as build.py --index asks it
        index.check(lambda texts: np.ones((len(texts), vectors.shape[1]), np.float32))


@pytest.mark.parametrize("command", ["find {} --words red", "match {} --text type -o {}.csv"])
def test_words_are_refused(command: str, collection: Path) -> None:
    with pytest.raises(ZooError, match="reads no words"):
        explore.main(command.format(collection, collection).split())


def test_an_encoder_is_told_by_what_it_holds(
    colours: Path, encoder: Path, collection: Path, tmp_path: Path
) -> None:
    """The same graph at another place is the same; what prepares photos otherwise is another."""
    for name in ("same.onnx", "other.onnx"):
        shutil.copy(encoder, tmp_path / name)
    (tmp_path / "same.json").write_text(json.dumps(SETTINGS))
    embed(colours, tmp_path / "same", tmp_path / "same.onnx")
    embed(colours, tmp_path / "kept", collection)
    for known in ("same", "kept"):
        explore.main(["classify", str(collection), "--test", str(tmp_path / known), "--near", "0"])
    embed(colours, tmp_path / "other", tmp_path / "other.onnx")  # without a .json
    with pytest.raises(ZooError, match="different encoders"):
        explore.main(["classify", str(collection), "--test", str(tmp_path / "other")])
    (tmp_path / "same.json").unlink()
    with pytest.raises(ZooError, match=r"'.*same.onnx' has changed"):
        embed(colours, tmp_path / "same", tmp_path / "same.onnx")


@pytest.mark.parametrize("options", [["--captions", "beam"], ["--embedding", "prefix"]])
def test_an_encoder_writes_no_captions(
    options: list[str], colours: Path, encoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ZooError, match=options[0]):
        embed(colours, tmp_path / "new", encoder, *options)
    assert not (tmp_path / "new").exists()


def test_kinds_of_embeddings_are_not_mixed(colours: Path, collection: Path, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="give it as --encoder"):
        explore.main(["embed", str(colours), "-o", str(tmp_path), "--checkpoint", str(collection)])


@pytest.mark.parametrize(
    ("shape", "form", "settings", "said"),
    [
        (["n", "c", "h", "w"], {}, {}, r"'n', 'c', 'h', 'w'"),
        (["n", 3, 8, 9], {}, {}, r"'n', 3, 8, 9"),
        ([4, 3, 8, 8], {}, {}, r"4, 3, 8, 8"),
        (["n", 3, 64], {}, {}, r"'n', 3, 64"),
        (["n", 3, "h", "w"], {}, {}, r"of any size; say which in '.*wrong.json'"),
        (["n", 3, 4, 4], {}, {}, "4 pixels"),
        (NCHW, {}, {"size": 9}, r"8 pixels; '.*wrong.json' says 9"),
        (NCHW, {}, {"sizes": 9}, "'sizes' is not known; available: size, mean"),
        (NCHW, {}, {"mean": [1, 2]}, "'mean'"),
        (NCHW, {}, {"std": [1, 0, 1]}, "'std.1'"),
        (NCHW, {"axes": 4}, {}, r"mean \(2, 3, 1, 1\)"),
        (NCHW, {"kind": "both"}, {}, r"mean \(2, 3\), mean_again \(2, 3\)"),
        (NCHW, {"kind": "log"}, {}, "aren't finite"),
    ],
)
def test_other_graphs_are_refused(
    shape: list[int | str], form: dict[str, object], settings: dict[str, object], said: str,
    colours: Path, tmp_path: Path,
) -> None:  # fmt: skip
    graph = write_encoder(tmp_path / "wrong.onnx", shape, **form)  # type: ignore[arg-type]
    graph.with_suffix(".json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=said):
        embed(colours, tmp_path / "new", graph)
    graph.with_suffix(".json").unlink()
    graph.write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"'.*wrong.onnx' is not a graph"):
        embed(colours, tmp_path / "new", graph)
    with pytest.raises(CheckpointError, match=r"'.*nowhere.onnx' not found"):
        embed(colours, tmp_path / "new", tmp_path / "nowhere.onnx")
    assert not any((tmp_path / "new").glob("_model*"))


def test_real_weights_know_what_photographs_show(shared: Path, tmp_path: Path) -> None:
    import torch
    from open_clip import IMAGENET_CLASSNAMES

    from benchmarks import efficientnet
    from clip_caption.exploring.encoders import ImageEncoder, convert

    shown = {"000000000285": "brown bear", "000000002149": "Granny Smith apple",
             "000000002473": "ski", "000000008762": "traffic light", "000000249025": "vase",
             "000000519208": "Asian elephant"}  # fmt: skip
    try:
        network = efficientnet.trained()
    except CheckpointError as error:
        pytest.skip(f"The package index doesn't have EfficientNet-Lite0: {error}")
    prepared = Pixels(efficientnet.PIXELS)
    pixels = [prepared(decode((shared / f"data/photos/coco/{name}.jpg").read_bytes()))
              for name in shown]  # fmt: skip
    with torch.no_grad():
        best = network.classes(torch.tensor(np.stack(pixels))).argmax(1).tolist()
        features = network(torch.tensor(np.stack(pixels)))
    assert [IMAGENET_CLASSNAMES[one] for one in best] == [*shown.values()]
    efficientnet.write(network, tmp_path / "lite0.onnx")
    (tmp_path / "kept").mkdir()
    convert(tmp_path / "lite0.onnx", tmp_path / "kept")
    found = ImageEncoder(tmp_path / "kept").embed(pixels)
    assert found == pytest.approx(features.numpy(), abs=1e-3)
