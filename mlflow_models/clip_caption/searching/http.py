"""The routes of a collection: what can be searched, and its thumbnails.

The address of a thumbnail has the version of its index. So while hosts change from one index to
another, no answer shows a photo of the wrong one, and a client may keep a photo for ever.
"""

import re
from typing import Any

from fastapi import Query, Response
from fastapi.routing import APIRoute

from clip_caption.searching.index import Index
from zoo.errors import NotFound

ABOUT = "/collection"  # a gateway has one service for each path: no number is in it
YEAR_SECONDS = 31_536_000
NUMBER = re.compile("[0-9]{1,9}")  # FastAPI would echo what is no number


def routes(index: Index | None) -> list[APIRoute]:
    """Give the routes of a collection; None: they say that there is none."""

    async def about() -> dict[str, Any]:
        """Describe the collection that is searched: its size, categories, places and days."""
        return _present(index).about()

    async def photo(number: str = "", version: str = Query("", alias="index")) -> Response:
        """Give a photo's thumbnail, by the address that `photo` of a neighbour has."""
        known, found = _present(index), None
        if NUMBER.fullmatch(number) and version in ("", known.version):
            found = known.photos.thumbnail(int(number))
        if found is None:
            raise NotFound("Photo not found; ask at the address that an answer's 'photo' has.")
        # `private`: it is the gateway that knows who may see it
        headers = {"Cache-Control": f"private, max-age={YEAR_SECONDS if version else 0}"}
        return Response(found, media_type="image/jpeg", headers=headers)

    jpeg: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}
    return [
        APIRoute(ABOUT, about, methods=["GET"]),
        APIRoute(f"{ABOUT}/photo", photo, methods=["GET"], response_class=Response, responses=jpeg),
    ]


def _present(index: Index | None) -> Index:
    if index is None:
        raise NotFound("This model has no collection of photos.")
    return index
