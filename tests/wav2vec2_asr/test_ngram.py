"""Language models of characters: by hand, against KenLM's lmplz, of any text, and scored."""

import gzip
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wav2vec2_asr.checkpoints import vocabulary
from tests.wav2vec2_asr.language import SENTENCES, TEXT, Arpa, built
from wav2vec2_asr import ngram
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training import kneser_ney
from wav2vec2_asr.training.kneser_ney import Counter, estimate
from wav2vec2_asr.training.texts import CharacterNormalizer, read_texts
from zoo.errors import ZooError

DEVELOPMENT = "data/text/th_common_voice_dev.tsv"


def contexts(model: Arpa) -> Iterator[tuple[str, ...]]:
    """Everything that a character can follow, and something that it never did."""
    yield from ((), ("<unk>",), ("ค", "ค", "ค"))
    yield from (gram for gram in model.grams if len(gram) < model.order and gram[-1] != "</s>")


def test_three_sentences_by_hand(tmp_path: Path) -> None:
    model = built(["กข", "กขกก", "ขค"], 2, tmp_path / "model.arpa")
    # Unigrams: how many characters each follows: ก 3, ข 2, ค 1, </s> 3, of 9. So n1 = 1, n2 = 1,
    # n3 = 2, n4 = 0, Y = 1/3, D1 = 1/3, D2 = 0, D3 = 3. What is left goes to 5 symbols evenly.
    rest = (1 / 3 + 0 + 2 * 3) / 9 / 5
    unigrams = {"ก": rest, "ข": 2 / 9 + rest, "ค": 2 / 27 + rest, "</s>": rest, "<unk>": rest}
    for name, probability in unigrams.items():
        assert 10 ** model.grams[(name,)][0] == pytest.approx(probability, rel=1e-5)
    # Bigrams: seven once, two twice, none three times: no discounts from the text, so 0.5, 1, 1.5.
    # ก is followed by ข twice, ก once, </s> once.
    assert 10 ** model.grams[("ก",)][1] == pytest.approx((2 * 0.5 + 1) / 4, rel=1e-5)
    expected = (2 - 1) / 4 + 0.5 * unigrams["ข"]
    assert 10 ** model.grams[("ก", "ข")][0] == pytest.approx(expected, rel=1e-5)
    expected = (2 - 1) / 3 + (0.5 + 1) / 3 * unigrams["ก"]
    assert 10 ** model.grams[("<s>", "ก")][0] == pytest.approx(expected, rel=1e-5)
    # Once or twice, <s> is never predicted.
    assert model.grams[("<s>",)][0] == 0
    assert not any("<s>" in gram[1:] or "</s>" in gram[:-1] for gram in model.grams)


def test_the_figures_that_lmplz_printed(tmp_path: Path) -> None:
    """`lmplz -o 3 --discount_fallback` of KenLM 0.3.0 on these sentences."""
    counter = Counter(3)
    counter.count(TEXT)
    found = estimate(counter)
    assert found.fallback == [1]
    assert found.discounts[1] == pytest.approx((0.652597, 0.975361, 2.16095), rel=1e-5)
    assert found.discounts[2] == pytest.approx((0.777358, 1.1897, 1.93824), rel=1e-5)
    model = built(TEXT, 3, tmp_path / "model.arpa")
    assert [sum(len(gram) == n for gram in model.grams) for n in (1, 2, 3)] == [57, 613, 1002]
    for name, log, backoff in (
        ("<unk>", -2.643554, 0), ("<s>", 0, -0.25758237), ("</s>", -1.5597574, 0),
        ("ก", -1.5111629, -0.23325813), ("|", -2.4085436, -0.18535468),
        ("น </s>", -1.2538378, 0), ("<s> เ", -0.7973822, -0.13779148),
        ("เ ร ี", -0.4414277, 0), ("<s> เ ข", -0.8377748, 0),
    ):  # fmt: skip
        assert model.grams[tuple(name.split(" "))] == pytest.approx((log, backoff), abs=1e-5)


@pytest.mark.skipif(not shutil.which("lmplz"), reason="KenLM's lmplz isn't on the PATH")
@pytest.mark.parametrize("order", range(2, 7))
def test_lmplz_and_the_own_estimator_write_the_same(order: int, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("\n".join(SENTENCES), encoding="utf-8")
    models = []
    for estimator in ("lmplz", "own"):
        path = tmp_path / f"{estimator}.arpa"
        options = f"-o {path} --order {order} --estimator {estimator}".split()
        ngram.main(["build", str(tmp_path / "text"), *options])
        models.append(Arpa(path).grams)
    assert models[0].keys() == models[1].keys()
    for gram, values in models[0].items():
        assert values == pytest.approx(models[1][gram], abs=2e-5)


@pytest.mark.parametrize(
    ("texts", "order"),
    [(TEXT, 5), (TEXT, 1), (["ก"], 5), (["ก"] * 50, 3), (["กข", "กขกก", "ขค"], 6), (["กก|กก"], 2)],
)
def test_after_any_context_the_probabilities_sum_to_one(
    texts: list[str], order: int, tmp_path: Path
) -> None:
    model = built(texts, order, tmp_path / "model.arpa")
    predicted = [name for name in model.vocabulary if name != "<s>"]
    assert {"<unk>", "</s>"} < set(predicted)
    for context in contexts(model):
        total = math.fsum(10 ** model.log10(name, context) for name in predicted)
        assert total == pytest.approx(1, abs=1e-4)
        assert all(model.log10(name, context) <= 1e-9 for name in predicted)


def test_how_text_comes_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = built(TEXT, 4, tmp_path / "whole.arpa").grams
    monkeypatch.setattr(kneser_ney, "BATCH", 7)  # merged every 56 n-grams, too
    assert built(TEXT[::-1], 4, tmp_path / "parts.arpa").grams == whole


def test_text_that_no_model_can_be_made_of(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="no sentence"):
        estimate(Counter(5))
    han = "".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    with pytest.raises(ZooError, match="more than 4,093 different characters, too many for order"):
        Counter(5).count([han])
    Counter(4).count([han])
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n!!! ??? \n", encoding="utf-8")
    with pytest.raises(ZooError, match="no sentence"):
        ngram.main(["build", str(empty), "-o", str(tmp_path / "model.arpa")])
    assert {path.name for path in tmp_path.iterdir()} == {"empty.txt"}


def test_text_is_spelt_as_transcripts_are(tmp_path: Path) -> None:
    spelling = CharacterNormalizer("th")
    assert spelling("ราคา 50 บาท!") == "ราคา|ห้าสิบบาท"
    assert spelling("ดีมาก ๆ  ครับ") == "ดีมากมาก|ครับ"
    assert CharacterNormalizer("en")("Don't  STOP.") == "don't|stop"
    assert CharacterNormalizer("")("ก|ข\u200b\x02 ๑") == "ก|ข|๑"
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary("กขค้ABC")), encoding="utf-8")
    labels = CharacterNormalizer("", Labels.read(tmp_path))
    assert labels("ข้า  abc ϖ คำ") == "ข้|ABC|ค"
    assert labels.dropped == {"า": 1, "ϖ": 1, "ำ": 1}


def test_text_of_every_kind_is_read(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "a.txt", tmp_path / "b.txt.gz"
    plain.write_text("\ufeffกข\r\nค\n", encoding="utf-8")
    zipped.write_bytes(gzip.compress("งจ\nฉ".encode()))
    table, quoted = tmp_path / "c.tsv", tmp_path / "d.csv"
    table.write_text('path\tsentence\na.mp3\tเขาว่า "ดี\nb.mp3\tมา\n', encoding="utf-8")
    quoted.write_text('sentence,path\n"หนึ่ง, สอง\nสาม",c.mp3\n', encoding="utf-8")
    lines = [line.strip() for line in read_texts([plain, zipped])]
    assert lines == ["กข", "ค", "งจ", "ฉ"]
    assert list(read_texts([table, quoted], "sentence")) == ['เขาว่า "ดี', "มา", "หนึ่ง, สอง\nสาม"]


def test_transcripts_of_a_data_set_are_read(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict({"text": SENTENCES, "audio": [[0, 1]] * len(SENTENCES)}).save_to_disk(
        tmp_path / "train"
    )
    assert list(read_texts([tmp_path / "train"])) == SENTENCES
    with pytest.raises(ZooError, match="Column 'sentence' not found"):
        list(read_texts([tmp_path / "train"], "sentence"))
    with pytest.raises(ZooError, match=r"has parts; give one of them: .*train"):
        list(read_texts([tmp_path]))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", "ไทย\n".encode() + b"\xe0\xb8\n", "is not UTF-8 (line 2)"),
        ("a.tsv", b"path\ttext\n", "Column 'sentence' not found"),
        ("a.csv", b"", "Column 'sentence' not found"),
        ("a.txt.gz", gzip.compress(b"abc" * 1000, mtime=0)[:-9], "can't be read"),
        ("a.txt.gz", b"no gzip", "can't be read"),
        ("missing.txt", None, "not found"),
    ],
)
def test_text_that_cannot_be_read_is_named(
    name: str, content: bytes | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ZooError) as refused:
        list(read_texts([path], "sentence"))
    assert str(path) in str(refused.value)
    assert reason in str(refused.value)


def test_a_model_without_context_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    built(TEXT, 1, path)
    with pytest.raises(ZooError, match="has order 1; KenLM reads 2 to 6"):
        ngram.score(path, TEXT)
    with pytest.raises(SystemExit):
        ngram.main(["build", str(path), "-o", str(path), "--order", "1"])


def test_a_built_model_foresees_its_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, model = tmp_path / "text.txt", tmp_path / "model.arpa"
    text.write_text("\n".join(SENTENCES), encoding="utf-8")
    ngram.main(["build", str(text), "-o", str(model), "--order", "4", "--estimator", "own"])
    assert f"order 4 (own), from {len(SENTENCES)} sentences" in capsys.readouterr().out
    known = ngram.score(model, TEXT)
    reference = Arpa(model)
    symbols = sum(map(len, TEXT)) + len(TEXT)
    mean = sum(map(reference.sentence, TEXT)) / symbols
    assert known["perplexity"] == pytest.approx(math.exp(-mean), rel=1e-4)
    assert known["unknown"] == 0
    unseen = ngram.score(model, ["เขาไปตลาดกับแม่", "qกq"])
    assert unseen["unknown"] == 2
    assert known["perplexity"] < unseen["perplexity_known"] < unseen["perplexity"]
    ngram.main(["score", str(model), str(text)])
    printed = capsys.readouterr().out
    assert f"perplexity {known['perplexity']:.3f} per character" in printed
    for bad in (text, tmp_path / "missing.arpa"):
        with pytest.raises(ZooError, match="is no ARPA file"):
            ngram.score(bad, TEXT)
    with pytest.raises(ZooError, match="no sentence"):
        ngram.score(model, [])


def test_longer_ngrams_foresee_unseen_thai_better(shared: Path, tmp_path: Path) -> None:
    texts = [
        text
        for raw in read_texts([shared / DEVELOPMENT], "sentence")
        if (text := CharacterNormalizer("")(raw))  # clean enough for this
    ]
    learnt, unseen = [t for n, t in enumerate(texts) if n % 10], texts[::10]
    found = []
    for order in (2, 3, 5):
        built(learnt, order, tmp_path / "model.arpa")
        found.append(ngram.score(tmp_path / "model.arpa", unseen)["perplexity"])
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.7 * found[0]
