"""Other models: a page made of what a model declares of itself."""

from typing import Any

import gradio as gr

from test_models import frame, uploads
from test_models.about import Column
from test_models.calls import ServiceError, encoded
from test_models.controls import Value, adapted, controls, given
from test_models.drop import answered, drop
from test_models.labels import add, label
from test_models.look import STATIC
from test_models.services import Services

add(
    {
        "other-column": ("Input", "输入", "ข้อมูลนำเข้า"),
        "other-text": ("Text", "文本", "ข้อความ"),
        "other-send": ("Ask", "提交", "ส่ง"),
    }
)
ANY = "audio/*,image/*,video/*,text/*,application/*,.flac,.opus,.amr,.heic,.heif"


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("other")
    known = services.of("other")[:1]
    model = frame.picker(services, "other", gr.Timer(frame.REFRESH))
    column = gr.Radio(label=label("other-column"))
    with gr.Accordion(label("options"), open=False):
        options = controls({}, known)
    with gr.Column(visible=False) as texts:
        text = gr.Textbox(label=label("other-text"), lines=3, max_lines=12)
        button = gr.Button(label("other-send"), variant="primary")
    with gr.Column(visible=False) as files:
        zone = drop("other-file", accept=ANY, send="other-send")
    error = gr.HTML("", elem_classes="theresa-flush")
    result = frame.scripted(STATIC / "record.js", frame.ANSWER)

    def columns(name: str | None) -> dict[str, Column]:
        declared = services.named(name).described.declared.columns if name else ()
        return {one.name: one for one in declared}

    def adapt(name: str | None, value: Value) -> tuple[Any, ...]:
        choices = [(f"{one.name}: {one.description}", key) for key, one in columns(name).items()]
        first = choices[0][1] if choices else None
        chosen = [services.named(name)] if name else []
        change = gr.update(choices=choices, value=first)
        return change, adapted(value, chosen), None, *turn(name, first)

    def turn(name: str | None, column: str | None) -> tuple[Any, Any]:
        one = columns(name).get(column or "")
        kind = one.kind if one else ""
        return gr.update(visible=kind in ("text", "url")), gr.update(visible=kind == "file")

    async def ask(name: str | None, column: str, value: Any, asked: Value) -> Any:
        service = frame.chosen(services, name)
        async with service.client() as client:
            return (await client.records(column, [value], given(asked, service)))[0]

    async def ask_text(name: str | None, column: str, text: str, asked: Value) -> tuple[Any]:
        return (await ask(name, column, text, asked),)

    async def ask_file(
        evt: gr.EventData, name: str | None, column: str, asked: Value
    ) -> tuple[Any, str]:
        try:
            (file,) = evt.files
            content = encoded(uploads.take(str(file["path"])))
            return await ask(name, column, content, asked), ""
        except ServiceError as failure:
            return None, frame.error_html(str(failure))

    frame.on([button.click, text.submit], ask_text, [model, column, text, options], [result],
             button, error)  # fmt: skip
    answered(zone, ask_file, [model, column, options], [result, error])
    gr.on([model.change, frame.current().load], adapt, [model, options],
          [column, options, result, texts, files], show_progress="hidden", queue=False)  # fmt: skip
    gr.on([column.input], turn, [model, column], [texts, files],
          show_progress="hidden", queue=False)  # fmt: skip
