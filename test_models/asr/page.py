"""Speech: a recording or a microphone, and what one or several models hear."""

import html
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from test_models import frame, uploads
from test_models.asr import live, options
from test_models.asr.answers import answers
from test_models.asr.words import WORDS
from test_models.calls import ServiceError
from test_models.drop import answered, drop
from test_models.labels import label
from test_models.services import Family, Service, Services

HERE = Path(__file__).parent
SAMPLES: dict[Family, str] = {
    "whisper": "samples/whisper_asr/office.flac",
    "ctc": "samples/wav2vec2_asr/coffee.flac",
}
STATES = """
display: flex; flex-wrap: wrap; gap: 0.2rem 1.8rem;
div { display: flex; flex-wrap: wrap; gap: 0 0.7rem; align-items: baseline; }
p { margin: 0; }
"""
KINDS = "audio/*,video/*,.flac,.opus,.oga,.amr,.wma,.aiff,.m4a,.mka,.caf"


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("asr")
    known = services.of("asr")
    if not known:
        gr.Markdown(label("start-none"))
        return
    names = [one.name for one in known]
    chosen = gr.CheckboxGroup(names, value=names[:1], label=label("asr-models"))
    states = gr.HTML("", css_template=STATES, elem_classes="theresa-flush")
    zone = drop("asr-file", accept=KINDS, send="asr-send", samples=[SAMPLES[known[0].family]])
    speech = frame.scripted(
        HERE / "live.js",
        WORDS,
        [HERE / "microphone.js"],
        _spoken(known[:1], options.DEFAULTS),
        limit=live.MAX_SECONDS,
    )
    with gr.Accordion(label("options"), open=False):
        fields = options.build({known[0].family})
    result = frame.scripted(
        HERE / "result.js", WORDS, uses=[HERE / "player.js", HERE / "transcript.js"]
    )

    async def transcribe(
        evt: gr.EventData, names: list[str], *values: Any
    ) -> AsyncIterator[dict[str, Any]]:
        try:
            (file,) = evt.files
            audio = uploads.take(file["path"])
            asked = [services.named(name) for name in names]
            if not asked:
                raise ServiceError("No model is chosen.")
        except ServiceError as error:
            yield {"error": str(error)}
            return
        params = {one.name: options.params(one.family, values) for one in asked}
        async for shown in answers(audio, asked, params):
            yield {"file": file["name"], "answers": shown}

    def adapt(names: list[str], *values: Any) -> list[Any]:
        asked = [services.named(name) for name in names]
        families = {one.family for one in asked}
        return [_spoken(asked, values), *options.visible(families)]

    def settle(names: list[str], *values: Any) -> dict[str, Any]:
        return _spoken([services.named(name) for name in names], values)

    async def look() -> str:
        found = [(one.name, await services.state(one)) for one in known]
        return "".join(
            f"<div><b>{html.escape(name)}</b>{frame.state_html(state)}</div>"
            for name, state in found
        )

    answered(zone, transcribe, [chosen, *fields], [result])
    gr.on([chosen.change], adapt, [chosen, *fields], [speech, *fields],
          show_progress="hidden", queue=False)  # fmt: skip
    gr.on([one.change for one in fields], settle, [chosen, *fields], [speech],
          show_progress="hidden", queue=False)  # fmt: skip
    gr.on([gr.Timer(frame.REFRESH).tick, frame.current().load], look, outputs=[states],
          show_progress="hidden", queue=False)  # fmt: skip


def _spoken(services: Sequence[Service], values: Sequence[Any]) -> dict[str, Any]:
    """Which model hears what is spoken, how, and a sample for it: the first that is chosen."""
    if not services:
        return {"model": None}
    first = services[0]
    return {
        "model": first.name,
        "params": options.params(first.family, values),
        "sample": SAMPLES[first.family],
    }
