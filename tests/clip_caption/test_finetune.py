"""Training of the mapper, GPT-2 and a small CLIP: it learns, resumes, and writes what is read."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image

from clip_caption import finetune, prepare
from clip_caption.building import checkpoint
from clip_caption.building.clip import open_clip_model
from clip_caption.building.convert import convert
from clip_caption.building.network import CaptionModel, MlpMapper
from clip_caption.captioner import Captioner
from clip_caption.training.examples import CaptionExamples, Losses, collate, tokens_of
from clip_caption.training.features import cached, embed
from clip_caption.training.pairs import COLUMNS
from clip_caption.training.trainer import TrainedCaptioner, write_captions
from clip_caption.training.words import Words
from demos.clip_caption import contrast, scenes
from tests.zoo.odd_inputs import refusal
from tests.zoo.pictures import encoded, scene
from tests.zoo.training import assert_left_alone, losses, resumed
from zoo.data.images import decode
from zoo.errors import ZooError
from zoo.training.stored import open_data

SHAPE = "--gpt-width 32 --gpt-layers 1 --gpt-heads 2 --vocabulary 300 --prefix-length 4".split()


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes, prepared: 18 to train on, 6 to test with."""
    folder = tmp_path_factory.mktemp("scenes")
    scenes.main(["-o", str(folder / "drawn"), "--count", "24", "--seed", "8", "--width", "64"])
    options = ["--test-share", "0.25", "--keep", "place", "comment"]
    prepare.main([str(folder / "drawn" / "manifest.csv"), "-o", str(folder / "data"), *options])
    return folder / "data"


@pytest.fixture(scope="session")
def contrasting(data: Path) -> list[str]:
    """Arguments of a CLIP's training of seconds, but for its output."""
    size = "--image-size 32 --width 8 --features 16 --text-width 32 --text-layers 1 --batch-size 8"
    steps = "--max-steps 4 --eval-every 2 --warmup-steps 2 --also comment --probe type place"
    parts = ["--train", str(data / "train"), "--dev", str(data / "test")]
    return [*parts, *size.split(), *steps.split()]


@pytest.fixture(scope="session")
def clip(contrasting: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP, in open_clip's local directory."""
    output = tmp_path_factory.mktemp("contrast")
    contrast.main([*contrasting, "--output", str(output)])
    return output / "clip"


@pytest.fixture(scope="session")
def tiny(data: Path, clip: Path) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    steps = "--max-steps 8 --batch-size 4 --accumulate 2 --save-every 2 --eval-every 6"
    rates = "--warmup-steps 2 --lr 2e-3 --samples 3"
    parts = ["--train", str(data / "train"), "--dev", str(data / "test"), "--clip", str(clip)]
    return [*parts, "--from-scratch", *SHAPE, *steps.split(), *rates.split()]


@pytest.fixture(scope="session")
def whole(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    output = tmp_path_factory.mktemp("whole") / "run"
    finetune.main([*tiny, "--output", str(output), "--tracking-uri", ""])
    return output


def other_start(tiny: list[str], output: Path, *start: str) -> list[str]:
    """The arguments of `tiny`, but from something else, and only two steps."""
    data = tiny[: tiny.index("--clip")]
    steps = "--max-steps 2 --batch-size 4 --eval-every 2 --warmup-steps 0 --lr 1e-2".split()
    return [*data, *steps, *start, "--output", str(output), "--tracking-uri", ""]


@pytest.mark.thorough
def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], whole: Path, tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, files = resumed(finetune, tiny, whole, tmp_path / "killed", registry)
    assert len(losses(whole)) == 8
    assert run.data.params["gpt_width"] == "32"
    assert {"loss", "eval_loss", "learning_rate"} <= set(run.data.metrics)
    assert files == {"predictions.tsv", "steps.csv"}
    samples = (tmp_path / "killed" / "predictions.tsv").read_text(encoding="utf-8").splitlines()
    assert len(samples) == 1 + 3


def test_a_finished_run_is_left_alone(
    tiny: list[str], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_left_alone(finetune, tiny, whole, capsys)


def test_a_run_does_not_go_on_with_other_data(tiny: list[str], whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    train = tiny[tiny.index("--train") + 1]
    assert len(set(about["contents"].values())) == 3  # of both data sets and of the CLIP
    about["contents"][train] = "of the data as they were"
    path.write_text(json.dumps(about), encoding="utf-8")
    said = refusal(finetune.main, [*tiny, "--output", tmp_path / "run", "--tracking-uri", ""])
    assert f"'{train}' has changed" in said


def test_the_checkpoint_is_a_directory_that_is_read_again(whole: Path, clip: Path) -> None:
    last = whole / "last"
    assert {path.relative_to(last).as_posix() for path in last.rglob("*") if path.is_file()} == {
        "clip/open_clip_config.json",
        "clip/open_clip_model.safetensors",
        "config.json",
        "merges.txt",
        "model.safetensors",
        "vocab.json",
    }
    vocabulary = json.loads((last / "vocab.json").read_text(encoding="utf-8"))
    assert vocabulary["."] == 13
    assert len(vocabulary) == 300
    model = checkpoint.open_model(last)
    assert model.gpt.config.n_head == 2
    assert model.gpt.config.n_layer == 1
    assert not model.normalize
    weights = "open_clip_model.safetensors"
    assert (last / "clip" / weights).read_bytes() == (clip / weights).read_bytes()
    assert checkpoint.clip_of(last, None, 16).width == 16


def test_what_is_learnt_is_written_down(whole: Path) -> None:
    """Pictures whose features are unlike each other are learnt by heart."""
    words = Words.read(whole / "last")
    features = np.eye(4, 8, dtype=np.float32) * 3
    texts = ["A flood.", "Two potholes near a school.", "น้ำท่วม.", "A fallen tree"]
    examples = CaptionExamples(features, [[text] for text in texts], words, 40)
    torch.manual_seed(1)
    from transformers import GPT2Config

    config = GPT2Config(n_embd=32, n_layer=1, n_head=2, n_positions=60, vocab_size=len(words))
    model = CaptionModel(MlpMapper(8, 32, 4), config)
    trained = TrainedCaptioner(model, mapper_only=False)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-2, weight_decay=0.0)
    batch = collate([examples[i] for i in range(4)])
    for _ in range(60):
        optimizer.zero_grad()
        trained(**batch)["loss"].backward()
        optimizer.step()
    found = write_captions(model.eval(), torch.from_numpy(features), words, 40)
    assert found == [*texts[:3], "A fallen tree."]


@pytest.mark.parametrize(
    ("caption", "kept"),
    [
        ("A flood.", "A flood"),
        ("  A flood\n near a temple...  ", "A flood near a temple"),
        ("A tree (fallen).", "A tree (fallen)"),
        ("Why?", "Why?"),
        ("น้ำท่วม", "น้ำท่วม"),
    ],
)
def test_a_caption_ends_with_the_stop_token(caption: str, kept: str) -> None:
    words = Words.read(None)
    tokens = tokens_of(caption, words, 67)
    assert tokens[-1] == 13
    assert tokens.count(13) == 1
    assert words.decode(tokens) == kept + "."
    assert tokens_of(100 * "flood ", words, 9)[-1] == 13
    assert len(tokens_of(100 * "flood ", words, 9)) == 9


def test_padding_counts_for_nothing(whole: Path) -> None:
    model = TrainedCaptioner(checkpoint.open_model(whole / "last"), mapper_only=False).eval()
    words = Words.read(whole / "last")
    features = np.random.default_rng(1).normal(size=(2, 16)).astype(np.float32)
    captions = [["A flood."], ["Two potholes in the road near a school on a sunny day."]]
    examples = CaptionExamples(features, captions, words, 67)
    short, long = examples[0], examples[1]
    alone = [model(**collate([one]))["loss"].item() for one in (short, long)]
    batch = collate([short, long])
    sizes = [len(short["tokens"]), len(long["tokens"])]
    assert sizes[0] < sizes[1]
    mean = (alone[0] * sizes[0] + alone[1] * sizes[1]) / sum(sizes)
    together = model(**batch)["loss"]
    assert together.item() == pytest.approx(mean, abs=1e-5)
    batch["tokens"][0, sizes[0] :] = 99  # the filling
    assert model(**batch)["loss"].item() == pytest.approx(mean, abs=1e-5)
    batch["labels"][0, sizes[0] - 1] = 99  # the end isn't filling
    assert model(**batch)["loss"].item() != pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize("mapper", ["mlp", "linear", "transformer"])
def test_the_mapper_alone_may_be_trained(
    mapper: str, tiny: list[str], whole: Path, clip: Path, tmp_path: Path
) -> None:
    """From a GPT-2 as Transformers writes it."""
    from safetensors.torch import load_file
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(2)
    config = GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=90, vocab_size=300)
    gpt2 = GPT2LMHeadModel(config)
    gpt2.save_pretrained(tmp_path / "gpt2")
    Words.read(whole / "last").save(tmp_path / "gpt2")
    shape = f"--mapper {mapper} --mapper-layers 1 --mapper-heads 2 --prefix-length 6".split()
    start = ["--gpt2", str(tmp_path / "gpt2"), "--clip", str(clip), "--freeze-gpt2", *shape]
    finetune.main(other_start(tiny, tmp_path / "run", *start))
    weights = load_file(tmp_path / "run" / "last" / "model.safetensors")
    for name, one in gpt2.state_dict().items():
        if name != "lm_head.weight":
            assert weights[f"gpt.{name}"].equal(one), name
    model = checkpoint.open_model(tmp_path / "run" / "last")
    assert model.normalize == (mapper == "transformer")
    assert model.gpt.config.n_head == 4
    assert model.prefixes(torch.zeros(3, 16)).shape == (3, 6, 32)
    moved = [name for name, one in weights.items() if name.startswith("clip_project") and one.any()]
    assert moved


def test_a_checkpoint_is_trained_further(tiny: list[str], whole: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    start = ["--model", str(whole / "last"), "--export-dtype", "float16", "--patience", "1"]
    finetune.main(other_start(tiny, tmp_path / "run", *start))
    before = load_file(whole / "last" / "model.safetensors")
    after = load_file(tmp_path / "run" / "last" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(str(weight.dtype) == "torch.float16" for weight in after.values())
    assert not all(after[name].float().allclose(before[name], atol=1e-3) for name in after)
    for name in ("vocab.json", "clip/open_clip_model.safetensors"):
        assert (tmp_path / "run" / "last" / name).read_bytes() == (
            whole / "last" / name
        ).read_bytes()


def test_training_and_evaluation_give_the_same_loss_and_captions(
    whole: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from clip_caption import evaluate

    options = ["--mode", "greedy", "--words", "plain", "--no-meteor", "--tracking-uri", "",
               "--loss", "--json"]  # fmt: skip
    evaluate.main([str(whole / "best"), str(data / "test"), *options, "--output", str(tmp_path)])
    (state,) = [json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
                for path in sorted(whole.glob("checkpoint-*"))[-1:]]  # fmt: skip
    losses = [logs["eval_loss"] for logs in state["log_history"] if "eval_loss" in logs]
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["loss"] == pytest.approx(min(losses), abs=1e-4)
    with (tmp_path / "captions1.csv").open(encoding="utf-8", newline="") as file:
        said = {tuple(r["references"].split("|")): r["prediction"] for r in csv.DictReader(file)}
    with (whole / "predictions.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 3
    for row in rows:
        (served,) = [text for refs, text in said.items() if refs[0] == row["reference"]]
        assert row["hypothesis"].strip() == served


def test_what_is_not_learnt_of_captions_is_counted_and_refused_above_a_share(
    tmp_path: Path,
) -> None:
    words = Words.read(None)
    data = Dataset.from_dict({"name": ["a.jpg", "b.jpg"]})
    captions = [["A flood.", "..."], ["A tree " * 40, "A road."]]
    found = Losses.count(data, captions, words, 20)
    assert (found.captions, found.empty, found.cut, found.unsaid) == (4, 1, 1, 0)
    found.check("train", 0.5)
    with pytest.raises(
        ZooError, match=r"'train': of 4 captions 1 are longer .*'a.jpg'.*--max-lost"
    ):
        found.check("train", 0.4)
    # a vocabulary that lacks two of the 256 bytes: it leaves what it can't say out
    vocabulary = json.loads((checkpoint.DEMO / "vocab.json").read_text(encoding="utf-8"))
    left = {token: n for token, n in vocabulary.items() if token not in ("z", "Z")}
    (tmp_path / "vocab.json").write_text(json.dumps(left), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    lacking = Words.read(tmp_path)
    found = Losses.count(data, [["A zoo, zzz."], ["น้ำท่วม"]], lacking, 67)
    assert (found.unsaid, dict(found.characters), found.first) == (1, {"z": 4}, "a.jpg")


def test_features_are_computed_once(data: Path, clip: Path, tmp_path: Path) -> None:
    pairs, tower = open_data(data / "test", COLUMNS), open_clip_model(str(clip), 16)
    first = cached(tower, pairs, tmp_path / "test")
    assert np.allclose(first, embed(tower, pairs, 2), atol=1e-5)  # batches don't matter
    (shard,) = tmp_path.rglob("*.arrow")
    written = shard.stat().st_mtime_ns
    assert np.array_equal(cached(tower, pairs, tmp_path / "test"), first)
    assert shard.stat().st_mtime_ns == written
    corrected = pairs.map(lambda _: {"captions": ["Other words."]})
    assert np.array_equal(cached(tower, corrected, tmp_path / "test"), first)
    assert shard.stat().st_mtime_ns == written
    other = open_data(data / "train", COLUMNS).select(range(len(pairs)))
    other._fingerprint = pairs._fingerprint  # as of a data set that was prepared again
    replaced = cached(tower, other, tmp_path / "test")
    assert not np.allclose(replaced, first, atol=1e-3)
    assert replaced == pytest.approx(embed(tower, other, 8), abs=1e-5)
    with torch.no_grad():
        tower.model.visual.conv1.weight += 0.1
    assert not np.allclose(cached(tower, pairs, tmp_path / "test"), first, atol=1e-3)


def test_photos_are_learnt_from_as_they_are_seen_when_served(
    clip: Path, whole: Path, tmp_path: Path
) -> None:
    """A phone's are turned by their EXIF, are HEIC, and are large."""
    photo, exif = scene(1280, 960), Image.Exif()
    exif[0x0112] = 6
    turned = photo.transpose(Image.Transpose.ROTATE_90)
    files = [encoded(turned, exif=exif), encoded(photo, "HEIF"), encoded(photo, "PNG")]
    data = Dataset.from_dict({"image": files, "name": ["turned", "HEIC", "PNG"]})
    found = embed(open_clip_model(str(clip), 16), data, 2)
    convert(whole / "last", tmp_path / "model")
    captioner = Captioner(tmp_path / "model")
    side = captioner.pixels_of.size
    served = captioner.embed([captioner.pixels(decode(file, side)) for file in files])
    assert found == pytest.approx(served, abs=1e-4)
    damaged = Dataset.from_dict({"image": [files[0][:2000]], "name": ["half"]})
    with pytest.raises(ZooError, match="The image 'half' is cut off or damaged"):
        embed(open_clip_model(str(clip), 16), damaged, 2)


def test_a_stopped_contrast_goes_on(contrasting: list[str], tmp_path: Path) -> None:
    whole = contrast.Trainer(
        contrast.parser().parse_args([*contrasting, "--output", str(tmp_path / "whole")])
    )
    expected = [whole.train_step() for _ in range(4)]
    args = contrast.parser().parse_args([*contrasting, "--output", str(tmp_path / "stopped")])
    stopped = contrast.Trainer(args)
    found = [stopped.train_step() for _ in range(2)]
    stopped.save()
    resumed_run = contrast.Trainer(args)
    assert resumed_run.step == 2
    found += [resumed_run.train_step() for _ in range(2)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_equal_captions_are_each_others_pairs() -> None:
    images = 10 * torch.nn.functional.normalize(torch.eye(3)[[0, 0, 1]], dim=1)
    words = torch.eye(3)[[0, 0, 1]]
    same, different = torch.tensor([[1], [1], [2]]), torch.tensor([[1], [3], [2]])
    assert contrast.loss_of(images, words, same) == pytest.approx(
        contrast.loss_of(images, words, different).item(), abs=1e-4
    )
    swapped = words[[2, 1, 0]]
    assert contrast.loss_of(images, swapped, same) > 1


def test_what_cannot_be_trained_is_refused(
    tiny: list[str], clip: Path, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    run = tmp_path / "run"
    scratch = ["--from-scratch", *SHAPE, "--clip", str(clip)]
    for start, said in (
        ([*scratch, "--longest", "125"], "don't fit into GPT-2's 128 positions"),
        ([*scratch, "--vocabulary", "200"], "can't hold the 256 bytes"),
        ([*scratch, "--gpt-width", "30", "--gpt-heads", "4"], "multiple of --gpt-heads"),
        (["--from-scratch", "--clip", "ViT-B-99"], "knows no architecture 'ViT-B-99'"),
        (["--from-scratch", "--clip", str(tmp_path / "empty")], "is no CLIP"),
        (["--gpt2", str(tmp_path / "empty"), "--clip", str(clip)], "holds no GPT-2"),
        (["--gpt2", "someone/gpt2", "--clip", str(clip)], "'someone/gpt2' not found"),
        (["--model", str(tmp_path / "empty")], "not a checkpoint of ClipCap"),
        (["--model", str(whole / "last"), "--clip", "RN50x4-quickgelu"], "CLIP"),
    ):
        with pytest.raises(ZooError, match=said):
            finetune.main(other_start(tiny, run, *start))
    arguments = other_start(tiny, run, *scratch)
    arguments[arguments.index("--train") + 1] = str(tmp_path / "empty")
    with pytest.raises(ZooError, match="is not a data set"):
        finetune.main(arguments)
