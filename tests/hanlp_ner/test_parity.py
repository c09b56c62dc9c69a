"""A grid of checkpoints in HanLP's format: HanLP loads each, and our engine gives its answers.

Together the rows have each value of each setting that HanLP reads, and most pairs of them.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from hanlp_ner.build import FOLDER
from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.network.component import load
from hanlp_ner.options import Options
from tests.hanlp_ner.checkpoints import COMMON, TYPES, random_component
from tests.hanlp_ner.helpers import bare
from tests.hanlp_ner.multitask_checkpoints import random_multitask
from tests.hanlp_ner.test_engine import AWKWARD, entities

NASTY = [text for text in AWKWARD if text == text.strip() and "\ufeff" not in text]
NASTY += ["LI™ 한국어 ‥ …", "e\u0301中", "繁體“中”文", "Hello world, iPhone 13 Pro在北京发售"]
WORDS = [
    "北京",
    "上海大学",
    "张三",
    "我爱",
    "爱",
    "一二三",
    "三李",
    "用户",
    "體",
    "Ａ",
    "iPhone 13",
]
TYPE_BY_WORD = {word: f"OWN-{number % 3}" for number, word in enumerate(WORDS)}
TABLE = {"繁": "简", "體": "大", "Ａ": "a", "１": "1", "“": '"', "\ue000": "京", "㎏": "大"}


def texts(count: int = 80) -> list[str]:
    """Texts of words that dictionaries have, of other characters, and of spaces between them."""
    source = random.Random(5)
    parts = [*WORDS * 3, *COMMON, *"  ,.09abXY，。é😀繁１“\ue000"]
    some = ("".join(source.choices(parts, k=source.randint(1, 25))).strip() for _ in range(count))
    return [*NASTY, *(text for text in some if text)]


def dictionaries(kind: str) -> tuple[Any, Any]:
    """A whitelist and a blacklist, as words, as tuples of tokens, or as HanLP's own tries."""
    from hanlp_trie.dictionary import TrieDict, TupleTrieDict

    black = [*COMMON[::3], "北京", "京 上"]
    if kind == "words":
        return TYPE_BY_WORD, set(black)
    if kind == "tuples":
        return {tuple(word): type_ for word, type_ in TYPE_BY_WORD.items()}, {*map(tuple, black)}
    trie = {"trie": TrieDict, "tuple trie": TupleTrieDict}[kind]
    return trie(TYPE_BY_WORD), trie(black)


def settings(kind: str, merged: list[str] | None, **others: Any) -> dict[str, Any]:
    white, black = dictionaries(kind)
    return {"dict_whitelist": white, "dict_blacklist": black, "merge_types": merged, **others}


def normalize(kind: str, table: Any, field: str = "token") -> Any:
    """One of HanLP's transforms, its table in a file or in the configuration."""
    from hanlp.common import transform

    return getattr(transform, kind)(table, field)


def single(name: str, folder: Path) -> dict[str, Any]:
    """The arguments of a row of the grid, for `random_component`."""
    from hanlp.layers.transformers.relative_transformer import RelativeTransformerEncoder

    table = folder / "table.json"
    table.write_text(json.dumps(TABLE, ensure_ascii=False), encoding="utf-8")
    cut: dict[str, Any] = {"max_seq_len": 5, "char_level": True, "delimiter": "，"}
    rows: dict[str, dict[str, Any]] = {
        "BIO, a file of characters, words": {
            "scheme": "BI",
            "settings": settings(
                "words", list(TYPES), transform=normalize("NormalizeCharacter", str(table)), **cut
            ),
        },
        "BMES, CRF, tokens, tuples": {
            "scheme": "BMES",
            "kind": "electra",
            "crf": True,
            "settings": settings(
                "tuples",
                ["DATE"],
                transform=normalize("NormalizeToken", TABLE, "character"),
                token_key="character",
                delimiter_in_entity=" ",
                hard_constraint=True,
                sent_delimiter="。",
            ),
        },
        "BIOES, RoFormer, tags, tries": {
            "kind": "roformer",
            "types": ("WORK-OF-ART",),
            "settings": settings(
                "trie",
                None,
                dict_tags={("我", "爱"): ("B-X", "O"), "大": "S-WORK-OF-ART"},
                colour="red",
                **cut,
            ),
        },
        "BIO, CRF, a second encoder, tuple tries": {
            "scheme": "BI",
            "types": ("PER", "LOC"),
            "crf": True,
            "settings": settings(
                "tuple trie",
                ["PER", "OWN-1"],
                secondary_encoder=RelativeTransformerEncoder(32, k_as_x=True),
                average_subwords=True,
                transformer_layers=1,
                delimiter_in_entity=" ",
                transform=normalize("NormalizeCharacter", {"體": "大", "Ａ": ""}),
            ),
        },
    }
    return rows[name]


SINGLE = [
    "BIO, a file of characters, words",
    "BMES, CRF, tokens, tuples",
    "BIOES, RoFormer, tags, tries",
    "BIO, CRF, a second encoder, tuple tries",
]


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_task_checkpoint_gives_hanlps_entities(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that HanLP doesn't know is named, and changes nothing."""
    import hanlp

    row = single(name, tmp_path)
    directory, served = tmp_path / "checkpoint", tmp_path / "served"
    random_component(directory, **row)
    served.mkdir()
    convert(directory, served)
    assert ("colour" in capsys.readouterr().out) == ("colour" in row["settings"])
    assert "colour" not in (served / "config.json").read_text(encoding="utf-8")
    reference = hanlp.load(str(directory), verbose=False, devices=-1)
    expected = [
        bare(text, [(start, end, type_) for _, type_, start, end in found])
        for text, found in zip(texts(), reference([list(text) for text in texts()]), strict=True)
    ]
    assert sum(type_.startswith("OWN") for found in expected for *_, type_ in found) > 20
    assert entities(Engine(served), texts()) == expected


def multi(name: str, folder: Path) -> dict[str, Any]:
    """The arguments of a row of the grid, for `random_multitask`."""
    table = folder / "table.json"
    table.write_text(json.dumps({**TABLE, "⁂": "***"}, ensure_ascii=False), encoding="utf-8")
    character = normalize("NormalizeCharacter", str(table))
    rows: dict[str, dict[str, Any]] = {
        "no transform, words": {
            "only": ("tok/fine", "pos/ctb", "ner/msra"),
            "settings": {
                "encoder": {"max_sequence_length": 120},
                "tok/fine": {"transform": None, "dict_combine": {"北京", "上海大学", "我爱"}},
                "pos/ctb": {"dict_tags": {"爱": "OWN", ("一", "二三"): ("A", "B")}, "crf": True},
                "ner/msra": settings("words", ["PERSON"], delimiter_in_entity=" ", crf=True),
            },
        },
        "two transforms, tokens": {
            "only": ("tok/fine", "tok/coarse", "pos/ctb", "ner/pku", "ner/msra"),
            "relative": True,
            "settings": {
                "": {"transform": normalize("NormalizeCharacter", {"简": "中", "大": "日"})},
                "tok/fine": {
                    "transform": character,
                    "dict_combine": {("北", "京"), "上海"},
                    "output_spans": True,
                },
                "tok/coarse": {"transform": character, "tagging_scheme": "BI"},
                "ner/msra": settings(
                    "tuple trie", ["OWN-0", "DATE"], dict_tags={"京": "S-OWN", "爱": "B-DATE"}
                ),
                "ner/pku": settings("trie", ["nr", "ns", "nt"]),
            },
        },
    }
    return rows[name]


@pytest.mark.parametrize("name", ["no transform, words", "two transforms, tokens"])
def test_a_multi_task_checkpoint_gives_hanlps_answers(name: str, tmp_path: Path) -> None:
    import hanlp

    row = multi(name, tmp_path)
    directory, served = tmp_path / "checkpoint", tmp_path / "served"
    random_multitask(directory, **row)
    served.mkdir()
    convert(directory, served)
    engine, reference = Engine(served), hanlp.load(str(directory), verbose=False, devices=-1)
    some = texts(30)
    for task in row["only"]:
        expected = json.loads(json.dumps(reference(some, tasks=task)[task], ensure_ascii=False))
        answers = engine(some, Options(tasks=(task,)))
        found = [one.tasks[0][task] for one in answers if isinstance(one, Found) and one.tasks]
        assert found == expected, task
    recognizer = json.loads((served / "config.json").read_text())["recognizer"]
    after = reference[recognizer].dependencies
    reference[after].config.output_spans = True
    document = reference(some, tasks=recognizer)
    assert entities(engine, some) == [
        [(words[start][1], words[end - 1][2], type_) for _, type_, start, end in found]
        for words, found in zip(document[after], document[recognizer], strict=True)
    ]


def test_what_hanlp_saves_of_the_demo_is_the_demo(tmp_path: Path) -> None:
    """HanLP leaves out RoFormer's positions, which aren't trained but computed."""
    demo = load(FOLDER / "demo")
    demo.config.transformer = str(FOLDER / "demo" / "transformer")
    demo.save(str(tmp_path))
    saved = load(tmp_path).model.state_dict()
    assert len(torch.load(tmp_path / "model.pt", weights_only=True)) < len(saved)
    for name, weight in demo.model.state_dict().items():
        assert torch.equal(saved[name], weight), name


def test_a_frozen_encoder_comes_with_its_transformer(tmp_path: Path) -> None:
    """HanLP saves none of its weights, and reads them where the transformer is."""
    import hanlp

    directory, served = tmp_path / "checkpoint", tmp_path / "served"
    random_multitask(directory, only=("tok/fine", "ner/msra", "dep"))
    component = load(directory)
    component.model.encoder.transformer.save_pretrained(directory / "transformer")
    component.model.encoder.transformer.requires_grad_(False)
    component.config.encoder.trainable = False
    component.save(str(directory))
    served.mkdir()
    convert(directory, served)
    some, tasks = ["张三在北京上海大学。", "我爱中国"], ("ner/msra", "dep")
    document = hanlp.load(str(directory), verbose=False, devices=-1)(some, tasks=list(tasks))
    for row, answer in enumerate(Engine(served)(some, Options(tasks=tasks))):
        assert isinstance(answer, Found)
        assert answer.tasks
        for task in tasks:
            expected = json.loads(json.dumps(document.to_dict()[task][row]))
            assert json.loads(json.dumps(answer.tasks[0][task])) == expected
