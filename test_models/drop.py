"""Where a person drops, chooses or pastes files; the browser holds them.

  talk = drop("asr-file", accept="audio/*,.flac", send="asr-send",
              samples=["samples/whisper_asr/office.flac"])
  answered(talk, transcribe, [model], [transcript, error])

`transcribe(evt, model)` finds in `evt.files` what was uploaded for this one answer, `path` and
`name` of each: `uploads.take(path)` reads a file and deletes it. Asked again, the browser sends
its files again. Scripts find the zone by `await theresa.part("asr-file")`; see `static/drop.js`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from test_models.labels import Labels, of, script_labels
from test_models.look import STATIC

WORDS: Labels = {
    "one": ("Drop a file here, paste it, or", "将文件拖到此处、粘贴，或", "วางไฟล์ที่นี่ หรือ"),
    "many": ("Drop files here, paste them, or", "将文件拖到此处、粘贴，或", "วางไฟล์ที่นี่ หรือ"),
    "choose": ("choose", "选择文件", "เลือกไฟล์"),
    "remove": ("Remove", "移除", "นำออก"),
    "clear": ("Remove all", "全部移除", "นำออกทั้งหมด"),
    "sample": ("Try a sample", "试用示例", "ลองตัวอย่าง"),
    "most": ("at most", "最大", "ไม่เกิน"),
    "large": ("is larger than", "超过", "มีขนาดเกิน"),
    "kind": ("isn't of a kind that is taken here.", "不是此处接受的类型。", "เป็นชนิดไฟล์ที่ไม่รองรับ"),
    "failed": ("The upload failed", "上传失败", "อัปโหลดไม่สำเร็จ"),
    "unread": (
        "can't be read any more; choose it again.",
        "已无法读取，请重新选择。",
        "อ่านไม่ได้แล้ว โปรดเลือกใหม่",
    ),
}


def drop(
    name: str,
    *,
    accept: str,
    send: str | None = None,
    many: bool = False,
    listed: bool = True,
    samples: Sequence[str] = (),
) -> gr.HTML:
    """A zone that takes files.

    Args:
        name: what scripts find it by; its HTML id, too.
        accept: as HTML's `accept` has it: `image/*,.heic`.
        send: the key of the label of the button that sends the files; none without.
        many: whether it takes several files; otherwise a new one takes the old one's place.
        listed: whether it lists the names of its files.
        samples: addresses of files, relative to the page, for a button that sends those.
    """
    words = {**WORDS, **({"send": of(send)} if send else {})}
    return gr.HTML(
        "",
        html_template="",
        css_template=(STATIC / "drop.css").read_text(encoding="utf-8"),
        js_on_load=(STATIC / "drop.js").read_text(encoding="utf-8"),
        elem_id=name,
        elem_classes="theresa-flush",
        apply_default_css=False,
        name=name,
        accept=accept,
        many=many,
        listed=listed,
        samples=list(samples),
        labels=script_labels(words),
    )


def answered(
    zone: gr.HTML,
    answer: Callable[..., Any],
    inputs: Sequence[gr.components.Component] = (),
    outputs: Sequence[gr.components.Component] = (),
) -> gr.events.Dependency:
    """Has files answered; until then the zone's buttons are off.

    Args:
        zone: as `drop` makes it.
        answer: called with a `gr.EventData` (by that annotation) and the inputs' values.
        inputs, outputs: as an event of Gradio's takes them.

    Returns:
        The answer's event, for what gives it up.
    """
    event = zone.submit(answer, list(inputs), list(outputs), show_progress="hidden")
    name = zone.props["name"]
    event.then(None, js=f"async () => {{ (await theresa.part('{name}')).free(); }}")
    return event
