"""The search box: photos of the collection that a model carries, by words, by a photo, or both.

GET /caption/found/MODEL?QUERY    a thumbnail of its collection, by the query of its address
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import gradio as gr
from fastapi import APIRouter, HTTPException, Request, Response

from test_models import frame, uploads
from test_models.answers import Facets, Neighbour
from test_models.calls import ServiceError, Unavailable, check, of_file
from test_models.caption import words
from test_models.services import Service, Services

HERE = Path(__file__).parent
PHOTOS = 24  # that are shown at a time
FILTERS = ("in_categories", "in_places", "since", "until")
SETTLED = "async value => { (await theresa.part('caption-search')).settled(value); }"


def build(services: Services, model: gr.Dropdown) -> None:
    """Puts the box into the current `gr.Blocks`; it is hidden for models without a collection.

    Args:
        services: all models.
        model: the choice among those of the page.
    """
    parts = [HERE / "shared.js", HERE / "asking.js"]
    box = frame.scripted(HERE / "search.js", words.SEARCH, parts, accept=words.PHOTO_FILES)

    async def facets(name: str | None) -> dict[str, Any]:
        found = await _facets(services.named(name)) if name else None
        return {"collection": found and found.model_dump()}

    async def ask(evt: gr.EventData, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = {"turn": evt.turn}
        try:
            service = frame.chosen(services, name)
            asked = {key: evt.filters[key] for key in FILTERS if evt.filters.get(key)}
            image = uploads.take(str(evt.files[0]["path"])) if evt.files else None
            async with service.client() as client:
                found = await client.search(
                    evt.words.strip(), image, count=PHOTOS, skip=evt.skip, **asked
                )
        except ServiceError as error:
            return {**answer, "error": of_file(str(error), "image")}
        return {**answer, "photos": shown(found.neighbours or [], name), "total": found.total}

    gr.on([model.change, frame.current().load], facets, [model], [box],
          show_progress="hidden", queue=False).then(None, [box], js=SETTLED)  # fmt: skip
    box.ask(ask, [model], [box], show_progress="hidden").then(None, [box], js=SETTLED)


def shown(neighbours: Sequence[Neighbour], name: str) -> list[dict[str, Any]]:
    """Photos of a model's collection for a script: `source` is where the pages have each."""
    photos = [one.model_dump(exclude_none=True) for one in neighbours]
    for one in photos:
        if address := one.get("photo"):
            one["source"] = f"caption/found/{quote(name, safe='')}?{urlsplit(address).query}"
    return photos


def router(services: Services) -> APIRouter:
    """Makes the route of thumbnails: browsers have no key of a gateway, the pages have."""
    routes = APIRouter(prefix="/caption/found")

    @routes.get("/{name}")
    async def thumbnail(name: str, request: Request) -> Response:
        try:
            async with services.named(name).client() as client:
                found = check(await client.get(f"/collection/photo?{request.url.query}"))
        except Unavailable:
            raise HTTPException(503) from None
        except ServiceError:
            raise HTTPException(404) from None
        headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(found.content, media_type="image/jpeg", headers=headers)

    return routes


async def _facets(service: Service) -> Facets | None:
    """What a model's photos can be filtered by; None if it has none, or doesn't answer."""
    if not service.described.takes("skip"):
        return None
    try:
        async with service.client(timeout=5.0) as client:
            return await client.facets()
    except ServiceError:
        return None
