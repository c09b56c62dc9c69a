"""prepare.py on TIMIT, as the LDC has it on CDs and as the hub has it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from datasets import Audio, Dataset, DatasetDict, load_from_disk

from tests.wav2vec2_asr.corpora import rows, run
from tests.zoo.corpora import tone
from tests.zoo.sounds import RATE
from zoo.errors import ZooError


def sphere(path: Path, wave: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, RATE, format="NIST", subtype="PCM_16")
    return path


SENTENCES = {
    "SA1": "0 46797 She had your dark suit in greasy wash water all year.\n",
    "SI648": "0 31334 A sailboat may have a bone in her teeth one minute, and lie still.\n",
    "SX37": "0 24372 Critical equipment needs proper maintenance; don't you agree?\r\n",
}
LEARNT = [
    "she had your dark suit in greasy wash water all year",
    "a sailboat may have a bone in her teeth one minute and lie still",
    "critical equipment needs proper maintenance don't you agree",
]


def ldc(directory: Path, lower: bool = False) -> Path:
    """TIMIT as it came on a CD: NIST SPHERE files called .WAV, transcripts with sample numbers."""
    for part, speaker in (("TRAIN", "FCJF0"), ("TEST", "MDAB0")):
        home = directory / "data" / part / "DR1" / speaker
        for index, (name, text) in enumerate(SENTENCES.items()):
            if part == "TEST" and name == "SX37":
                continue
            sphere(home / f"{name}.WAV", tone(5.0, 150 + 10 * index))
            (home / f"{name}.TXT").write_bytes(text.encode())
            (home / f"{name}.PHN").write_text("0 46797 h#\n")
            (home / f"{name}.WAV.wav").write_bytes(b"what some copies have, without transcript")
    (directory / "README.DOC").write_text("TIMIT")
    if lower:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rename(path.with_name(path.name.lower()))
    return directory


def test_timit_is_read_as_the_ldc_has_it(tmp_path: Path) -> None:
    for lower in (False, True):
        home = ldc(tmp_path / f"timit{lower}", lower)
        out = tmp_path / f"out{lower}"
        options = ["--language", "en", "--test-share", "0", "--keep", "speaker", "sentence"]
        run(home, out, *options)
        assert sorted(rows(out)) == sorted(LEARNT)
        assert {speaker.upper() for speaker in rows(out, "speaker")} == {"FCJF0"}
        (first,) = [row for row in load_from_disk(str(out)) if row["text"] == LEARNT[0]]
        samples = np.asarray(first["audio"], np.int16)
        assert np.abs(samples / 32768 - tone(5.0, 150)).max() < 1e-4
        run(home, tmp_path / f"test{lower}", *options, "--split", "test")
        assert len(rows(tmp_path / f"test{lower}")) == 2


def saved(table: Dataset, directory: Path) -> Path:
    DatasetDict({"train": table, "test": table.select([0])}).save_to_disk(directory)
    return directory


def parquet(table: Dataset, directory: Path) -> Path:
    (directory / "data").mkdir(parents=True)
    table.to_parquet(directory / "data" / "train-00000-of-00001.parquet")
    table.select([0]).to_parquet(directory / "data" / "test-00000-of-00001.parquet")
    return directory


@pytest.mark.parametrize("copy", [saved, parquet])
def test_timit_is_read_as_the_hub_has_it(
    copy: Callable[[Dataset, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    home = ldc(tmp_path / "timit") / "data" / "TRAIN" / "DR1" / "FCJF0"
    paths = [home / f"{name}.WAV" for name in SENTENCES]
    texts = [text.split(maxsplit=2)[2].strip() for text in SENTENCES.values()]
    sounds = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = Dataset.from_dict(
        {"file": [str(path) for path in paths], "audio": sounds, "text": texts}
        | {"speaker_id": ["CJF0"] * 3}
    ).cast_column("audio", Audio(decode=False))
    corpus = copy(table, tmp_path / "timit_asr")
    options = ["--language", "en", "--test-share", "0", "--keep", "speaker_id"]
    run(corpus, tmp_path / "out", *options)
    assert sorted(rows(tmp_path / "out")) == sorted(LEARNT)
    assert rows(tmp_path / "out", "speaker_id") == ["CJF0"] * 3
    run(corpus, tmp_path / "test", *options, "--split", "test")
    assert rows(tmp_path / "test") == LEARNT[:1]
    with pytest.raises(ZooError, match=r"can't be loaded: .*check the name, the split"):
        run(corpus, tmp_path / "none", "--split", "validation")


def test_a_column_that_timit_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"Column 'age' not found .*available: speaker, dialect"):
        run(ldc(tmp_path / "timit"), tmp_path / "out", "--keep", "age")
    assert not (tmp_path / "out").exists()
