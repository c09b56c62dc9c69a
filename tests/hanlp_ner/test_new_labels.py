"""New labels for a recognizer that is trained: it learns them, and keeps or forgets its own."""

import json
from pathlib import Path

import pytest

import hanlp_ner
from demos.hanlp_ner import doccano
from hanlp_ner import finetune
from hanlp_ner.network.component import load
from hanlp_ner.training.corpora import Corpus
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.relabel import fill_in
from tests.hanlp_ner.checkpoints import random_component
from tests.hanlp_ner.helpers import changed, epochs, write

FOLDER = Path(hanlp_ner.__file__).parent


@pytest.mark.parametrize("forget", [False, True])
@pytest.mark.parametrize("start", ["demo", "electra"])
def test_a_checkpoint_learns_new_labels(
    tiny: list[str], tmp_path: Path, start: str, forget: bool
) -> None:
    name = start if start == "demo" else str(random_component(tmp_path / "start", start))
    job = {
        "text": "编剧王芳在北京",
        "label": {"job": {"编剧": [[0, 1]]}, "name": {"王芳": [[2, 3]]}},
    }
    rows = [{**job, "text": f"{job['text']}住了{number}年"} for number in range(20)]
    corpus = write(tmp_path / "cluener.json", *map(json.dumps, rows))
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    doccano.main([str(corpus), "--labels", "job", "--sentences", "10", "-o", str(train),
                  "--others", str(dev)])  # fmt: skip
    arguments = changed(tiny, ["--checkpoint", name], train=train, dev=dev, finish=train)
    text = write(tmp_path / "text.txt", "王小丽在北京工作。", "", "2011年")
    arguments += ["--forget"] if forget else ["--remember", str(text)]
    arguments += ["--lr", "0", "--output", str(tmp_path / "run")]
    finetune.main(arguments)

    old, new = load(FOLDER / "demo" if start == "demo" else Path(name)), load(tmp_path / "run/best")
    own = {f"{place}-JOB" for place in "BIES"} | {"O"}
    before, after = (list(one.vocabs.tag.idx_to_token) for one in (old, new))
    assert set(after) == (own if forget else own | set(before))
    for tag in set(before) & set(after):  # what was known stays, to the bit
        was, now = before.index(tag), after.index(tag)
        assert old.model.classifier.weight[was].equal(new.model.classifier.weight[now])
    if start == "demo" and not forget:
        scores = [one.model.crf.transitions for one in (old, new)]
        ends = [(tags.index("B-PERSON"), tags.index("E-PERSON")) for tags in (before, after)]
        assert scores[0][ends[0]] == scores[1][ends[1]] > scores[1].mean()
        new_ends = after.index("B-JOB"), after.index("E-JOB")
        assert scores[1][new_ends] > scores[1].mean()  # it's no surprise to the CRF
    assert ("dev_kept_f1" in epochs(tmp_path / "run")[0]) != forget
    counted = json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8"))
    assert set(counted) == {"JOB", "micro"}


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (["--from-scratch", "--forget"], "--forget needs --checkpoint"),
        (["--from-scratch", "--remember", "{text}"], "--remember needs --checkpoint"),
        (["--checkpoint", "demo", "--forget", "--remember", "{text}"], "be given with --forget"),
        (["--checkpoint", "demo", "--remember", "{text}"], r"text\.txt' has nothing to remember"),
    ],
)
def test_what_cannot_be_kept_or_forgotten_is_refused(
    tiny: list[str], tmp_path: Path, start: list[str], said: str
) -> None:
    text = write(tmp_path / "text.txt", "王小丽在北京工作。")
    arguments = changed(tiny, [word.format(text=text) for word in start])
    with pytest.raises(DataError, match=said):
        finetune.main([*arguments, "--output", str(tmp_path / "run")])


def test_what_nobody_annotated_is_filled_in() -> None:
    component = load(FOLDER / "demo")
    text = "2011年王小丽在北京"
    corpus = Corpus(["a.jsonl"], [(text, [(5, 6, "SURNAME")])])
    ((_, entities),) = fill_in(corpus, component, {"PERSON", "LOCATION"}).examples
    assert entities == [(5, 6, "SURNAME"), (9, 11, "LOCATION")]  # the PERSON gives way; no DATE
    assert corpus.entities == 1
