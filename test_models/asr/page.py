"""Speech: a recording or a microphone, and what one or several models hear."""

import html
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from test_models import frame, uploads
from test_models.asr.answers import answers
from test_models.asr.words import OPTIONS, WORDS
from test_models.calls import ServiceError
from test_models.controls import Value, adapted, controls, given
from test_models.drop import answered, drop
from test_models.labels import label
from test_models.services import Service, Services

HERE = Path(__file__).parent
SAMPLES = {  # by language; the first, where a model knows none of them
    "zh": "samples/whisper_asr/office.flac",
    "th": "samples/wav2vec2_asr/coffee.flac",
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
    names = [one.name for one in known]
    chosen = gr.CheckboxGroup(names, value=names[:1], label=label("asr-models"))
    shown = gr.State(names)
    states = gr.HTML("", css_template=STATES, elem_classes="theresa-flush")
    zone = drop("asr-file", accept=KINDS, send="asr-send", samples=[_sample(known[:1])])
    first: dict[str, Any] = {"word_timestamps": True}
    speech = frame.scripted(
        HERE / "live.js",
        WORDS,
        [HERE / "microphone.js"],
        _spoken(known[:1], {"values": first}),
    )
    with gr.Accordion(label("options"), open=False):
        options = controls(OPTIONS, known[:1], (), **first)
    result = frame.scripted(
        HERE / "result.js",
        WORDS,
        uses=[HERE / "player.js", HERE / "people.js", HERE / "transcript.js"],
    )

    async def transcribe(
        evt: gr.EventData, names: list[str], asked_for: Value
    ) -> AsyncIterator[dict[str, Any]]:
        try:
            (file,) = evt.files
            with uploads.held(file["path"]) as audio:
                asked = [services.named(name) for name in names]
                if not asked:
                    raise ServiceError("No model is chosen.")
                params = {one.name: given(asked_for, one) for one in asked}
                async for shown in answers(audio, asked, params):
                    yield {"file": file["name"], "answers": shown}
        except ServiceError as error:
            yield {"error": str(error)}

    def adapt(names: list[str], value: Value) -> tuple[dict[str, Any], Value]:
        asked = [services.named(name) for name in names]
        return _spoken(asked, value), adapted(value, asked)

    def settle(names: list[str], value: Value) -> dict[str, Any]:
        return _spoken([services.named(name) for name in names], value)

    async def look(shown: list[str], names: list[str]) -> tuple[Any, list[str], str]:
        known = [(one.name, await services.state(one)) for one in await services.learned("asr")]
        now = [name for name, _ in known]
        change = gr.skip() if now == shown else gr.update(choices=now, value=names or now[:1])
        lines = (f"<div><b>{html.escape(name)}</b>{frame.state_html(state)}</div>"
                 for name, state in known)  # fmt: skip
        return change, now, "".join(lines)

    working = answered(zone, transcribe, [chosen, options], [result])
    result.stop(None, cancels=[working])  # its script shows what came by then
    gr.on([chosen.change], adapt, [chosen, options], [speech, options],
          show_progress="hidden", queue=False)  # fmt: skip
    gr.on([options.change], settle, [chosen, options], [speech],
          show_progress="hidden", queue=False)  # fmt: skip
    gr.on([gr.Timer(frame.REFRESH).tick, frame.current().load], look, [shown, chosen],
          [chosen, shown, states], show_progress="hidden", queue=False)  # fmt: skip


def _sample(services: Sequence[Service]) -> str:
    """A recording in a language that the first model knows."""
    languages = [code for one in services[:1] for code in one.described.languages]
    return next((SAMPLES[code] for code in languages if code in SAMPLES), SAMPLES["zh"])


def _spoken(services: Sequence[Service], value: Value) -> dict[str, Any]:
    """Which model hears what is spoken, how, and a sample for it: the first that is chosen."""
    if not services:
        return {"model": None}
    first = services[0]
    return {"model": first.name, "params": given(value, first), "sample": _sample(services)}
