"""A page on which a person listens to a prepared data set."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from datasets import load_from_disk

from tests.wav2vec2_asr.corpora import manifest, run
from tests.zoo.corpora import tone
from tests.zoo.sounds import RATE
from wav2vec2_asr.training import listen
from zoo.errors import ZooError


class Page(HTMLParser):
    """What is on a page: transcripts, sources of sound and pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.sources: dict[str, list[str]] = {"audio": [], "img": []}
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        if tag in self.sources:
            self.sources[tag].append(dict(attrs)["src"] or "")

    def handle_data(self, data: str) -> None:
        if self._within == "p" and data.strip():
            self.texts.append(data)


def test_a_page_lets_a_person_listen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(manifest(tmp_path / "corpus", 20), tmp_path / "data")
    page, train = tmp_path / "page.html", tmp_path / "data" / "train"
    listen.main([str(train), "-o", str(page), "--number", "5"])
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)|https?://", text)  # nothing from elsewhere
    shown = Page(text)
    data = {sample["name"]: sample for sample in load_from_disk(str(train))}
    names = re.findall(r"<small>(\d+\.wav) ", text)
    assert len(set(names)) == len(shown.texts) == 5
    for name, words, sound, picture in zip(
        names, shown.texts, shown.sources["audio"], shown.sources["img"], strict=True
    ):
        assert words == data[name]["text"]
        wave, rate = soundfile.read(
            io.BytesIO(base64.b64decode(sound.removeprefix("data:audio/flac;base64,"))),
            dtype="int16",
        )
        assert rate == RATE
        assert wave.tolist() == data[name]["audio"]
        assert base64.b64decode(picture.split(",")[1]).startswith(b"\x89PNG")
    listen.main([str(train), "-o", str(page), "--number", "5", "--seed", "2"])
    assert re.findall(r"<small>(\d+\.wav) ", page.read_text(encoding="utf-8")) != names
    assert "page.html: 5 samples" in capsys.readouterr().out
    with pytest.raises(ZooError, match="is not a data set"):
        listen.main([str(tmp_path), "-o", str(page)])


def test_transcripts_cannot_break_the_page(tmp_path: Path) -> None:
    text = '<script>alert(1)</script> & "ก" {x}'
    table = manifest(tmp_path / "corpus", 1, [text])
    run(table, tmp_path / "data", "--test-share", "0", "--without", "symbols", "numbers", "tags")
    listen.main([str(tmp_path / "data"), "-o", str(tmp_path / "page.html")])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "".join(Page(page).texts) == text


def test_the_spectrogram_shows_the_pitch() -> None:
    wave = (tone(1.0, 1_000.0) * 32767).astype(np.int16)
    decibel = listen.spectrogram(wave)
    assert decibel.shape[0] == 257
    assert decibel.max() == pytest.approx(0, abs=0.1)
    assert decibel.min() >= -80
    loudest = decibel.mean(axis=1).argmax() * RATE / 512
    assert loudest == pytest.approx(1_000, abs=RATE / 512)
    for length in (0, 1, 100):  # shorter than a frame
        assert np.isfinite(listen.spectrogram(np.zeros(length, np.int16))).all()
