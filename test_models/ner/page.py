"""Entities: one text or a file of them, marked, in a table, and where each occurs."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from test_models import frame, uploads
from test_models.answers import Entities
from test_models.async_client import TEXTS
from test_models.calls import ServiceError
from test_models.controls import Value as Options
from test_models.controls import adapted, controls, given
from test_models.drop import answered, drop
from test_models.labels import add, label
from test_models.ner import words
from test_models.ner.texts import Texts, dictionary, read
from test_models.services import Service, Services

SCRIPT = Path(__file__).with_name("result.js")
MARKS = SCRIPT.with_name("marks.js")
AT_ONCE = 2 * TEXTS  # texts from one look at the progress to the next: two requests
RESEND = "async () => { (await theresa.part('ner-zone')).send(); }"
add(words.LABELS)
Value = dict[str, Any]
"""What `result.js` shows: `progress`, `[done, total]`; or `texts`, and of each its `entities` and
its `masked` copy, as the model has them; `errors` by a text's number, `seconds`, and whether it is
`one` text. An `error` ended it before the end; `total` is how many texts there are then."""


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("ner")
    model = frame.picker(services, "ner", gr.Timer(frame.REFRESH))
    with gr.Accordion(label("ner-own"), open=False):
        own = gr.Textbox("", lines=3, max_lines=12, placeholder="原神 GAME",
                         label=label("ner-own-lines"), info=label("ner-own-info"))  # fmt: skip
    with gr.Accordion(label("options"), open=False):
        options = controls(words.OPTIONS, services.of("ner")[:1], hidden=["dictionary", "tasks"])
    asked = [model, own, options]
    with gr.Tabs():
        with gr.Tab(label("ner-one")):
            _one(services, asked)
        with gr.Tab(label("ner-many")):
            _many(services, asked)

    def adapt(name: str | None, value: Options) -> Options:
        return adapted(value, [services.named(name)] if name else [])

    gr.on([model.change], adapt, [model, options], [options], show_progress="hidden", queue=False)


def _params(service: Service, own: str, options: Options) -> dict[str, Any]:
    """The model's parameters.

    Raises:
        ServiceError: it takes no words of one's own, or those aren't words and types.
    """
    words = dictionary(own)
    if words and not service.described.takes("dictionary"):
        raise ServiceError(f"'{service.name}' takes no words of your own.")
    named = {"dictionary": json.dumps(words)} if words else {}
    return {**given(options, service), **named}


def _one(services: Services, asked: Sequence[gr.components.Component]) -> None:
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
    result = frame.scripted(SCRIPT, words.RESULT, uses=[MARKS])

    async def found(name: str, own: str, options: Options, text: str) -> Value:
        if not text.strip():
            raise ServiceError("There is no text to look at.")
        service = frame.chosen(services, name)
        params = _params(service, own, options)
        began = time.monotonic()
        async with service.client() as client:
            answers = await client.entities([text], **params)
        return _value([text], answers, time.monotonic() - began, one=True)

    async def ask(*given: Any) -> AsyncIterator[tuple[Any]]:
        yield (None,)
        yield (await found(*given),)

    frame.on([find.click, text.submit], ask, [*asked, text], [result], find, error)
    for sample, button in samples.items():

        async def try_it(
            name: str, own: str, options: Options, sample: str = sample
        ) -> AsyncIterator[tuple[Any, Any]]:
            yield sample, None
            yield gr.skip(), await found(name, own, options, sample)

        frame.on([button.click], try_it, asked, [text, result], button, error)


def _many(services: Services, asked: Sequence[gr.components.Component]) -> None:
    """A file of texts, and what is found in them all."""
    gr.Markdown(label("ner-file"))
    zone = drop("ner-zone", accept=".csv,.tsv,.txt,text/plain,text/csv", send="ner-find")
    column = gr.Dropdown([], label=label("ner-column"), visible=False, allow_custom_value=True)
    result = frame.scripted(SCRIPT, words.RESULT, uses=[MARKS])

    async def find(
        evt: gr.EventData, name: str, own: str, options: Options, column: str | None
    ) -> AsyncIterator[tuple[Any, Any]]:
        try:
            (file,) = evt.files
            content = uploads.take(str(file["path"]))
            service = frame.chosen(services, name)
            params = _params(service, own, options)
            found = read(str(file["name"]), content, column)
        except ServiceError as error:
            yield gr.skip(), {"error": str(error)}
            return
        chooser = gr.Dropdown(found.columns, value=found.column, visible=len(found.columns) > 1)
        yield chooser, {"progress": [0, len(found.texts)]}
        async for value in _all(service, found, params):
            yield gr.skip(), value

    answered(zone, find, [*asked, column], [column, result])
    column.input(None, js=RESEND)


async def _all(service: Service, found: Texts, params: dict[str, Any]) -> AsyncIterator[Value]:
    """What is known of the texts of a file, as it becomes more."""
    answers: list[Entities] = []
    began, total, sentence = time.monotonic(), len(found.texts), ""
    try:
        async with service.client() as client:
            for first in range(0, total, AT_ONCE):
                texts = found.texts[first : first + AT_ONCE]
                answers += await client.entities(texts, on_error="report", **params)
                yield {"progress": [len(answers), total]}
    except ServiceError as error:
        sentence = str(error)
    value = _value(found.texts[: len(answers)], answers, time.monotonic() - began)
    yield {**value, "error": sentence, "total": total} if sentence else value


def _value(texts: list[str], answers: list[Entities], seconds: float, one: bool = False) -> Value:
    """An answer for the script."""
    return {
        "one": one,
        "seconds": round(seconds, 3),
        "texts": texts,
        "entities": [
            [one.model_dump(exclude={"text"}, exclude_none=True) for one in answer.entities]
            for answer in answers
        ],
        "masked": [one.masked and one.masked.model_dump() for one in answers],
        "errors": {str(n): one.error for n, one in enumerate(answers) if one.error is not None},
    }
