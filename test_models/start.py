"""The start page: which models are up, what they are, and how a program asks them."""

import html
import re
from pathlib import Path

import gradio as gr

from test_models import frame
from test_models.calls import address
from test_models.labels import add, label
from test_models.services import Service, Services, Task

CARDS = Path(__file__).parents[1] / "mlflow_models"
add(
    {
        "start-card": ("Model card", "模型说明", "ข้อมูลโมเดล"),
        "start-curl": ("From the command line", "命令行调用", "เรียกใช้จากบรรทัดคำสั่ง"),
        "start-none": (
            "No model is set up: `python -m test_models.app --help` says how.",
            "尚未配置模型：请看 `python -m test_models.app --help`。",
            "ยังไม่ได้ตั้งค่าโมเดล: ดู `python -m test_models.app --help`",
        ),
    }
)
JSON = "-H 'Content-Type: application/json' \\\n  -d"
BODIES: dict[Task, str] = {
    "asr": "--data-binary @talk.wav -H 'Content-Type: audio/wav'",
    "ner": f"""{JSON} '{{"dataframe_split": {{"columns": ["text"], "data": [["我爱中国"]]}}}}'""",
    "caption": "--data-binary @photo.jpg -H 'Content-Type: image/jpeg'",
}


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("start")
    timer = gr.Timer(frame.REFRESH)
    for service in services:
        with gr.Group(elem_classes="theresa-card"):
            gr.HTML(f"<h2>{html.escape(service.name)}</h2>", padding=True)
            line = gr.HTML(frame.state_html(None), padding=True)
            gr.HTML(_way(service.task), padding=True)
            with gr.Accordion(label("start-curl"), open=False):
                gr.Code(
                    curl(service),
                    language=None,
                    show_label=False,
                    interactive=False,
                    wrap_lines=True,
                )
            card = CARDS / service.name / "README.md"
            if card.is_file():
                with gr.Accordion(label("start-card"), open=False):
                    gr.Markdown(readable(card.read_text(encoding="utf-8")))

        async def refresh(service: Service = service) -> str:
            return frame.state_html(await services.state(service))

        gr.on([timer.tick, frame.current().load], refresh, outputs=[line],
              show_progress="hidden", queue=False)  # fmt: skip
    if not list(services):
        gr.Markdown(label("start-none"))


def _way(task: Task) -> str:
    """The way to the page of a task."""
    texts = zip(("en", "zh", "th"), frame.NAMES[task], strict=True)
    return (
        f'<a href="{task}">{"".join(f"<span lang={one}>{text}</span>" for one, text in texts)}</a>'
    )


def curl(service: Service) -> str:
    """A command that asks the model."""
    key = ' -H "apikey: $THERESA_API_KEY"' if service.key else ""
    return f"curl -s {address(service.url)}{key} \\\n  {BODIES[service.task]}"


def readable(card: str) -> str:
    """A model card without its pictures and relative links: those are files of the repository."""
    card = re.sub(r"!\[[^\]]*\]\([^)]*\)\n*", "", card)
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", card)
