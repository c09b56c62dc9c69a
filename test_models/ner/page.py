"""Entities: one text or a file of them, marked, in a table, and where each occurs."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from test_models import frame, uploads
from test_models.answers import Entities
from test_models.calls import ServiceError
from test_models.client import TEXTS
from test_models.drop import answered, drop
from test_models.labels import add, label
from test_models.ner import words
from test_models.ner.texts import Texts, dictionary, read
from test_models.services import Service, Services

SCRIPT = Path(__file__).with_name("result.js")
AT_ONCE = 2 * TEXTS  # texts from one look at the progress to the next: two requests
RESEND = "async () => { (await theresa.part('ner-zone')).send(); }"
add(words.LABELS)
Value = dict[str, Any]
"""What `result.js` shows: `progress`, `[done, total]`; or `texts`, the `entities` of each as
`[start, end, type]`, `errors` by a text's number, `seconds`, and whether it is `one` text. An
`error` ended it before the end; `total` is how many texts there are then."""


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("ner")
    model = frame.picker(services, "ner", gr.Timer(frame.REFRESH))
    with gr.Accordion(label("ner-own"), open=False):
        own = gr.Textbox("", lines=3, max_lines=12, placeholder="原神 GAME",
                         label=label("ner-own-lines"), info=label("ner-own-info"))  # fmt: skip
    with gr.Tabs():
        with gr.Tab(label("ner-one")):
            _one(services, model, own)
        with gr.Tab(label("ner-many")):
            _many(services, model, own)


def _one(services: Services, model: gr.Dropdown, own: gr.Textbox) -> None:
    """One text, and what is found in it."""
    text = gr.Textbox("", lines=5, max_lines=16, label=label("ner-text"),
                      placeholder=label("ner-text-here"))  # fmt: skip
    with gr.Row():
        find = gr.Button(label("ner-find"), variant="primary", min_width=160)
        samples = {
            words.NEWS: gr.Button(label("sample"), min_width=140),
            words.COMPANY: gr.Button(label("ner-sample-company"), min_width=140),
            words.EMOJI: gr.Button(label("ner-sample-emoji"), min_width=140),
        }
    error = gr.HTML("", elem_classes="theresa-flush")
    result = frame.scripted(SCRIPT, words.RESULT)

    async def found(name: str, own: str, text: str) -> Value:
        if not text.strip():
            raise ServiceError("There is no text to look at.")
        service, own_words = frame.chosen(services, name), dictionary(own)
        began = time.monotonic()
        async with service.client() as client:
            answers = await client.entities([text], dictionary=json.dumps(own_words))
        return _value([text], answers, time.monotonic() - began, one=True)

    async def ask(name: str, own: str, text: str) -> AsyncIterator[tuple[Any]]:
        yield (None,)
        yield (await found(name, own, text),)

    frame.on([find.click, text.submit], ask, [model, own, text], [result], find, error)
    for sample, button in samples.items():

        async def try_it(
            name: str, own: str, sample: str = sample
        ) -> AsyncIterator[tuple[Any, Any]]:
            yield sample, None
            yield gr.skip(), await found(name, own, sample)

        frame.on([button.click], try_it, [model, own], [text, result], button, error)


def _many(services: Services, model: gr.Dropdown, own: gr.Textbox) -> None:
    """A file of texts, and what is found in them all."""
    gr.Markdown(label("ner-file"))
    zone = drop("ner-zone", accept=".csv,.tsv,.txt,text/plain,text/csv", send="ner-find")
    column = gr.Dropdown([], label=label("ner-column"), visible=False, allow_custom_value=True)
    result = frame.scripted(SCRIPT, words.RESULT)

    async def find(
        evt: gr.EventData, name: str, own: str, column: str | None
    ) -> AsyncIterator[tuple[Any, Any]]:
        try:
            (file,) = evt.files
            content = uploads.take(str(file["path"]))
            service, own_words = frame.chosen(services, name), dictionary(own)
            given = read(str(file["name"]), content, column)
        except ServiceError as error:
            yield gr.skip(), {"error": str(error)}
            return
        chooser = gr.Dropdown(given.columns, value=given.column, visible=len(given.columns) > 1)
        yield chooser, {"progress": [0, len(given.texts)]}
        async for value in _all(service, given, own_words):
            yield gr.skip(), value

    answered(zone, find, [model, own, column], [column, result])
    column.input(None, js=RESEND)


async def _all(service: Service, given: Texts, own: dict[str, str]) -> AsyncIterator[Value]:
    """What is known of the texts of a file, as it becomes more."""
    answers: list[Entities] = []
    began, total, sentence = time.monotonic(), len(given.texts), ""
    try:
        async with service.client() as client:
            for first in range(0, total, AT_ONCE):
                texts = given.texts[first : first + AT_ONCE]
                answers += await client.entities(
                    texts, on_error="report", dictionary=json.dumps(own)
                )
                yield {"progress": [len(answers), total]}
    except ServiceError as error:
        sentence = str(error)
    value = _value(given.texts[: len(answers)], answers, time.monotonic() - began)
    yield {**value, "error": sentence, "total": total} if sentence else value


def _value(texts: list[str], answers: list[Entities], seconds: float, one: bool = False) -> Value:
    """An answer for the script."""
    return {
        "one": one,
        "seconds": round(seconds, 3),
        "texts": texts,
        "entities": [[[e.start, e.end, e.type] for e in answer.entities] for answer in answers],
        "errors": {str(n): one.error for n, one in enumerate(answers) if one.error is not None},
    }
