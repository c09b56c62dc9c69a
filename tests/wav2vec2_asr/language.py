"""Thai text, log-probabilities that sound like it, and a language model worked out by hand."""

import itertools
import math
from pathlib import Path

import numpy as np

from wav2vec2_asr.training.kneser_ney import Counter, estimate

SENTENCES = """
กรรมการเดินตรวจถนนธรรมดาทุกสายตามกรรมวิธี
วันนี้อากาศดีมากเราไปเดินเล่นที่สวนกันเถอะ
พรุ่งนี้ฝนจะตกหนักในภาคใต้
เขาทำงานที่ธนาคารมาสิบปีแล้ว
แม่ไปตลาดซื้อผักและปลาทุกเช้า
ขอข้าวผัดกุ้งหนึ่งจานกับน้ำเปล่าหนึ่งขวด
รถไฟจะออกจากสถานีตอนเจ็ดโมงเช้า
ช่วยบอกทางไปโรงพยาบาลหน่อยได้ไหมครับ
น้องสาวของฉันเรียนอยู่ที่มหาวิทยาลัยเชียงใหม่
คุณพ่อชอบอ่านหนังสือพิมพ์ตอนเช้า
ร้านนี้ขายกาแฟอร่อยที่สุดในเมือง
เด็กเด็กกำลังเล่นฟุตบอลอยู่ในสนาม
กรุณาเปิดหน้าต่างให้หน่อยค่ะ
เมื่อวานนี้ผมไปหาหมอเพราะปวดหัว
ภาษาไทยมีเสียงวรรณยุกต์ห้าเสียง
ประเทศไทยมีเจ็ดสิบเจ็ดจังหวัด
ราคาทั้งหมดสองร้อยห้าสิบบาท
โทรศัพท์ของฉันแบตเตอรี่หมดแล้ว
เราจะประชุมกันวันศุกร์ตอนบ่ายสองโมง
นักเรียนทุกคนต้องส่งการบ้านพรุ่งนี้
ทะเลที่ภูเก็ตสวยและน้ำใสมาก
ขอบคุณมากสำหรับความช่วยเหลือ
สวัสดีครับ ผมชื่อสมชาย
ยินดีที่ได้รู้จักค่ะ
วันเสาร์นี้ว่างไหม ไปดูหนังกัน
หนังสือเล่มนี้สนุกมากอ่านจบในคืนเดียว
ตำรวจจับคนร้ายได้ที่หน้าธนาคาร
ฤดูร้อนปีนี้ร้อนกว่าปีที่แล้ว
อย่าลืมปิดไฟก่อนออกจากบ้าน
เขาพูดภาษาอังกฤษและภาษาจีนได้ดี
หมาของเพื่อนบ้านเห่าทั้งคืน
ผลไม้ที่ฉันชอบที่สุดคือมะม่วง
เครื่องบินลงจอดที่สนามบินสุวรรณภูมิ
ต้มยำกุ้งร้านนี้เผ็ดมาก
ศาสตราจารย์สอนประวัติศาสตร์ศิลปะ
พยาบาลฉีดวัคซีนให้เด็กนักเรียน
บริษัทนี้ผลิตรถยนต์ไฟฟ้า
เศรษฐกิจของประเทศกำลังดีขึ้น
ข่าวเช้านี้บอกว่าน้ำท่วมที่ภาคเหนือ
เขานั่งรอรถเมล์อยู่ที่ป้ายหน้าโรงเรียน
ห้องสมุดปิดวันอาทิตย์และวันหยุดราชการ
""".split("\n")[1:-1]

TEXT = [sentence.replace(" ", "|") for sentence in SENTENCES]  # as models read it

# Letters of one sound: the ear can't tell them apart, the spelling of the word can.
HOMOPHONES = ["สศษซ", "นณ", "ใไ", "ทธฑฒ", "พภผ", "ลฬ", "ยญ", "ดฎ", "ตฏ", "คขฆ", "ถฐ", "ชฌฉ", "รล"]
UNKNOWN, BLANK = "[UNK]", "[PAD]"


def labels_of(texts: list[str]) -> list[str]:
    """The labels of a checkpoint for some texts, as published ones have them."""
    characters = set("".join([*texts, *HOMOPHONES]).replace(" ", "|"))
    return [*sorted(characters), UNKNOWN, BLANK]


def sound_of(text: str, labels: list[str], seed: int, wrong: float = 0.3) -> np.ndarray:
    """Log-probabilities (frames, labels), as a model gives them that hears but can't spell.

    Args:
        text: what is said.
        labels: by index, the blank last.
        seed: of the noise.
        wrong: the share of letters of which another one of the same sound seems likelier.
    """
    chance, rows = np.random.default_rng(seed), []
    blank = len(labels) - 1
    for character in text.replace(" ", "|"):
        likely = {labels.index(character): 6.0}
        groups = [group for group in HOMOPHONES if character in group]
        if groups and chance.random() < wrong:
            others = [labels.index(one) for one in groups[0] if one != character]
            likely |= {int(chance.choice(others)): 6.8}
        for _ in range(int(chance.integers(1, 3))):
            rows.append(chance.normal(0, 0.5, len(labels)))
            rows[-1][list(likely)] += list(likely.values())
        for _ in range(int(chance.integers(1, 4))):
            rows.append(chance.normal(0, 0.5, len(labels)))
            rows[-1][blank] += 14
    logits = np.array(rows)
    return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)


def collapsed(path: np.ndarray, labels: list[str]) -> str:
    """The text of a path."""
    kept = [labels[label] for label, _ in itertools.groupby(path.tolist())]
    return "".join(kept).replace(BLANK, "").replace("|", " ")


class Arpa:
    """An ARPA file as a dictionary, looked up by the definition of back-off."""

    def __init__(self, path: Path) -> None:
        self.grams: dict[tuple[str, ...], tuple[float, float]] = {}
        for line in path.read_text(encoding="utf-8").split("\n"):
            if fields := line.split("\t")[1:]:
                backoff = float(fields[1]) if len(fields) > 1 else 0.0
                self.grams[tuple(fields[0].split(" "))] = (float(line.split("\t")[0]), backoff)
        self.order = max(map(len, self.grams))
        self.vocabulary = [name for (name,) in (gram for gram in self.grams if len(gram) == 1)]

    def log10(self, word: str, context: tuple[str, ...]) -> float:
        """The logarithm of a character's probability after others."""
        context = context[max(len(context) - self.order + 1, 0) :]
        if (*context, word) in self.grams:
            return self.grams[(*context, word)][0]
        if not context:
            return self.grams[("<unk>",)][0]
        return self.grams.get(context, (0.0, 0.0))[1] + self.log10(word, context[1:])

    def sentence(self, text: str) -> float:
        """The natural logarithm of a sentence's probability, its end included."""
        words = ("<s>", *text, "</s>")
        known = [one if (one,) in self.grams else "<unk>" for one in words]
        logs = (self.log10(known[n], tuple(known[:n])) for n in range(1, len(known)))
        return sum(logs) * math.log(10)


def built(texts: list[str], order: int, path: Path) -> Arpa:
    """A model of sentences, written and read again."""
    counter = Counter(order)
    counter.count(texts)
    estimate(counter).write(path)
    return Arpa(path)
