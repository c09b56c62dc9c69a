"""The start page: which models are up, what they are, an example of each, and how programs ask."""

import html
import json
import re
from pathlib import Path
from typing import Any

import gradio as gr

from test_models import frame
from test_models.about import CAPTION, SPEECH, sample_answer
from test_models.calls import address
from test_models.labels import Labels, add, label
from test_models.look import STATIC
from test_models.services import Service, Services

CARDS = Path(__file__).parents[1] / "mlflow_models"
WHAT = (
    "Models for speech, text and images, ready to serve. Try them here, or call them.",
    "可直接部署的语音、文本与图像模型：在此试用，或通过接口调用。",
    "โมเดลเสียงพูด ข้อความ และภาพ พร้อมให้บริการ: ลองใช้ที่นี่ หรือเรียกผ่านโปรแกรม",
)
add(
    {
        "start-try": ("Try its sample", "运行示例", "ลองตัวอย่างของโมเดล"),
        "start-card": ("Model card", "模型说明", "ข้อมูลโมเดล"),
        "start-curl": ("From the command line", "命令行调用", "เรียกใช้จากบรรทัดคำสั่ง"),
        "start-none": (
            "No model is set up: `python -m test_models.app --help` says how.",
            "尚未配置模型：请看 `python -m test_models.app --help`。",
            "ยังไม่ได้ตั้งค่าโมเดล: ดู `python -m test_models.app --help`",
        ),
    }
)
WORDS: Labels = {
    **frame.NAMES,
    "task": ("Task", "任务", "งาน"),
    "languages": ("Languages", "语言", "ภาษา"),
    "checkpoint": ("Checkpoint", "模型权重", "เช็กพอยต์"),
    "license": ("Licence", "许可证", "สัญญาอนุญาต"),
    "limits": ("What it can't do", "局限", "ข้อจำกัด"),
}
JSON = "-H 'Content-Type: application/json' \\\n  -d"
FILES = {SPEECH: ("talk.wav", "audio/wav"), CAPTION: ("photo.jpg", "image/jpeg")}


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("start")
    gr.HTML(f"<p>{frame.spans(WHAT)}</p>", elem_classes="theresa-flush")
    timer = gr.Timer(frame.REFRESH)
    for service in services:
        with gr.Group(elem_classes="theresa-card"):
            _card(services, service, timer)
    if not list(services):
        gr.Markdown(label("start-none"))


def _card(services: Services, service: Service, timer: gr.Timer) -> None:
    """One model: its state, what it says of itself, its sample, a command, its model card."""
    gr.HTML(f"<h2>{html.escape(service.name)}</h2>", padding=True)
    line = gr.HTML(frame.state_html(None), padding=True)
    with gr.Column(elem_classes="theresa-inside"):
        facts = frame.scripted(STATIC / "card.js", WORDS, value=_facts(service))
        with gr.Row():
            button = gr.Button(label("start-try"), scale=0, min_width=200)
        error = gr.HTML("", elem_classes="theresa-flush")
        answer = frame.scripted(STATIC / "record.js", frame.ANSWER)
    with gr.Accordion(label("start-curl"), open=False):
        command = gr.Code(
            curl(service), language=None, show_label=False, interactive=False, wrap_lines=True
        )
    card = CARDS / (service.described.name or service.name) / "README.md"
    if card.is_file():
        with gr.Accordion(label("start-card"), open=False):
            gr.Markdown(readable(card.read_text(encoding="utf-8")))

    async def refresh() -> tuple[str, dict[str, Any], str]:
        state = await services.state(service)
        return frame.state_html(state), _facts(service), curl(service)

    async def answered() -> tuple[Any]:
        async with service.client() as client:
            return (await sample_answer(client),)

    frame.on([button.click], answered, [], [answer], button, error)
    gr.on([timer.tick, frame.current().load], refresh, outputs=[line, facts, command],
          show_progress="hidden", queue=False)  # fmt: skip


def _facts(service: Service) -> dict[str, Any]:
    """What `card.js` shows."""
    about = service.described
    facts = about.parameters.model_dump(mode="json", exclude={"declaration"})
    told = {"task": about.task, "summary": about.declared.summary, "languages": about.languages}
    return {"page": service.page, **told, **facts}


def curl(service: Service) -> str:
    """A command that asks the model."""
    about = service.described
    body = f"{JSON} @request.json"
    for column in about.declared.columns[:1]:
        if column.kind == "file":
            file, kind = FILES.get(about.task, ("FILE", "application/octet-stream"))
            body = f"--data-binary @{file} -H 'Content-Type: {kind}'"
        else:
            table = {"columns": [column.name], "data": [["我爱中国"]]}
            body = f"{JSON} '{json.dumps({'dataframe_split': table}, ensure_ascii=False)}'"
    key = ' -H "apikey: $THERESA_API_KEY"' if service.key else ""
    return f"curl -s {address(service.url)}{key} \\\n  {body}"


def readable(card: str) -> str:
    """A model card without its pictures and relative links: those are files of the repository."""
    card = re.sub(r"!\[[^\]]*\]\([^)]*\)\n*", "", card)
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", card)
