"""Photos: captions, categories and neighbours, and the map of a collection."""

import base64
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from test_models import frame, uploads
from test_models.answers import Captions
from test_models.async_client import IMAGES
from test_models.calls import ServiceError, of_file
from test_models.caption import searching, words
from test_models.caption.collection import bfloat16
from test_models.controls import Value, adapted, controls, given
from test_models.drop import drop
from test_models.labels import add, label
from test_models.services import Service, Services

HERE = Path(__file__).parent
SAMPLES = [f"samples/clip_caption/{one}.jpg" for one in
           ("flood", "fallen_tree", "broken_lamp", "rubbish")]  # fmt: skip
SETTLED = "async value => { (await theresa.part('caption-photos')).settled(value); }"
OF_SEARCH = ("with_text", "skip", *searching.FILTERS)  # the search box has them
LABELS = 5  # that are shown of a photo, the likeliest
UNUSUAL = 4.0  # percentile below which the model doesn't know such pictures
add(words.OPTIONS)


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("caption")
    model = frame.picker(services, "caption", gr.Timer(frame.REFRESH))
    sentence = gr.Textbox(
        label=label("caption-match"), info=label("caption-match-info"), max_lines=1, max_length=500
    )
    with gr.Accordion(label("options"), open=False):
        options = controls(
            words.PARAMETERS, services.of("caption")[:1], ["embedding", "match_text", *OF_SEARCH]
        )
    drop("caption-zone", accept=words.PHOTO_FILES, send="caption-send", many=True, listed=False,
         samples=SAMPLES)  # fmt: skip
    photos = frame.scripted(
        HERE / "photos.js", words.PHOTOS, [HERE / "shared.js", HERE / "asking.js"],
        batch=IMAGES, labelled=LABELS, unusual=UNUSUAL,
    )  # fmt: skip

    async def ask(evt: gr.EventData, name: str, asked: Value, sentence: str) -> dict[str, Any]:
        answer: dict[str, Any] = {"turn": evt.turn}
        try:
            images = [uploads.take(str(file["path"])) for file in evt.files[:IMAGES]]
            service = frame.chosen(services, name)
            ours = service.described.only({"embedding": "clip", "match_text": sentence.strip()})
            async with service.client() as client:
                params = {**_spoken(service, evt.language), **ours, **given(asked, service)}
                found = await client.caption(images, on_error="report", **params)
            return {**answer, "answers": [_shown(one, service.name) for one in found]}
        except ServiceError as error:
            return {**answer, "error": str(error)}

    def adapt(name: str | None, value: Value) -> Value:
        return adapted(value, [services.named(name)] if name else [])

    asking = photos.ask(ask, [model, options, sentence], [photos], show_progress="hidden")
    asking.then(None, [photos], js=SETTLED)
    gr.on([model.change], adapt, [model, options], [options], show_progress="hidden", queue=False)

    searching.build(services, model)
    gr.HTML(
        f"<h2>{frame.spans(words.OPTIONS['caption-map-title'])}</h2>", elem_classes="theresa-flush"
    )
    parts = ("shared.js", "loading.js", "scatter.js", "shapes.js")
    frame.scripted(HERE / "map.js", words.MAP, [HERE / one for one in parts])
    gr.Markdown(label("caption-map-help"))
    drop("caption-map-zone", accept=".parquet", send="caption-map-send", many=True)


def _spoken(service: Service, language: str) -> dict[str, str]:
    """The page's language for the captions, if the model writes it."""
    takes = service.described.takes("language")
    return {"language": language} if takes and language in takes.choices else {}


def _shown(answer: Captions, name: str) -> dict[str, Any]:
    """An answer for the script: the embedding as bfloat16 in base64, which is a quarter as long."""
    found = answer.model_dump(exclude_none=True, exclude={"embedding"})
    if answer.neighbours:
        found["neighbours"] = searching.shown(answer.neighbours, name)
    if answer.error:
        found["error"] = of_file(answer.error, "image")
    if answer.embedding:
        packed = bfloat16(np.array(answer.embedding))
        found["embedding"] = base64.b64encode(packed).decode()
    return found
