"""How speech is to be heard: the page's options, and the model's parameters that they become."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from test_models.labels import add, label
from test_models.services import Family

LANGUAGES = [
    ("中文", "zh"), ("English", "en"), ("ไทย", "th"), ("日本語", "ja"), ("한국어", "ko"),
    ("粵語", "yue"), ("Tiếng Việt", "vi"), ("Bahasa Indonesia", "id"), ("Deutsch", "de"),
    ("Français", "fr"), ("Español", "es"), ("Русский", "ru"),
    ("auto · 自动检测 · ตรวจหาอัตโนมัติ", "auto"),
]  # fmt: skip
SCRIPTS = [("简体", "simplified"), ("繁體", "traditional"), ("简 / 繁", "as_is")]
BEAMS = [("—", ""), *((str(one), one) for one in (1, 2, 3, 5, 8, 12))]
add(
    {
        "asr-words": ("Times of words", "逐词时间", "เวลาของแต่ละคำ"),
        "asr-vad": ("Find speech first", "先检测语音", "ตรวจหาเสียงพูดก่อน"),
        "asr-denoise": ("Reduce noise", "降噪", "ลดเสียงรบกวน"),
        "asr-language": ("Language (Whisper)", "语言（Whisper）", "ภาษา (Whisper)"),
        "asr-script": ("Chinese script (Whisper)", "汉字（Whisper）", "อักษรจีน (Whisper)"),
        "asr-script-info": (
            "Simplified, traditional, or as it is heard",
            "简体、繁体，或保持原样",
            "ตัวย่อ ตัวเต็ม หรือตามที่ได้ยิน",
        ),
        "asr-beam": ("Beam size", "束宽", "ขนาดบีม"),
        "asr-beam-info": ("—: the model's own", "—：模型默认值", "—: ใช้ค่าของโมเดล"),
        "asr-prompt": ("Prompt (Whisper)", "提示词（Whisper）", "ข้อความนำ (Whisper)"),
        "asr-prompt-info": (
            "Names to spell, or a style",
            "需要写对的名称，或文风",
            "ชื่อที่ต้องสะกดให้ถูก หรือรูปแบบการเขียน",
        ),
    }
)
NAMES = ("word_timestamps", "vad", "denoise", "language", "script", "beam_size", "initial_prompt")
DEFAULTS = (True, True, False, "zh", "simplified", "", "")
WHISPER = ("language", "script", "initial_prompt")  # what only its family takes


def build(families: set[Family]) -> list[gr.Checkbox | gr.Dropdown | gr.Textbox]:
    """Puts the options into the current `gr.Blocks`, in the order of `NAMES`."""
    whisper = "whisper" in families
    with gr.Row():
        words = gr.Checkbox(True, label=label("asr-words"), min_width=140)
        vad = gr.Checkbox(True, label=label("asr-vad"), min_width=140)
        denoise = gr.Checkbox(False, label=label("asr-denoise"), min_width=140)
    with gr.Row():
        language = gr.Dropdown(LANGUAGES, value="zh", label=label("asr-language"),
                               visible=whisper, min_width=210)  # fmt: skip
        script = gr.Dropdown(SCRIPTS, value="simplified", label=label("asr-script"),
                             info=label("asr-script-info"), visible=whisper,
                             min_width=210)  # fmt: skip
        beam = gr.Dropdown(BEAMS, value="", label=label("asr-beam"), info=label("asr-beam-info"),
                           min_width=210)  # fmt: skip
        prompt = gr.Textbox(label=label("asr-prompt"), info=label("asr-prompt-info"), max_lines=3,
                            visible=whisper, min_width=210)  # fmt: skip
    return [words, vad, denoise, language, script, beam, prompt]


def visible(families: set[Family]) -> list[dict[str, Any]]:
    """What changes of the options when models of other families are chosen."""
    return [gr.update(visible=name not in WHISPER or "whisper" in families) for name in NAMES]


def params(family: Family, values: Sequence[Any]) -> dict[str, Any]:
    """The parameters of a model, of the options' values in the order of `NAMES`.

    What the family doesn't take is left out, and so is what was left empty.
    """
    given = dict(zip(NAMES, values, strict=True))
    return {
        name: value
        for name, value in given.items()
        if value not in (None, "") and (family == "whisper" or name not in WHISPER)
    }
