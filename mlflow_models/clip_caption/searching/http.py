"""The routes of a collection: what can be searched, and its thumbnails.

The address of a thumbnail has the version of its index. So while hosts change from one index to
another, no answer shows a photo of the wrong one, and a client may keep a photo for ever.
"""

from typing import Any

from fastapi import Query, Response
from fastapi.routing import APIRoute

from clip_caption.index import Index
from zoo.errors import NotFound

ABOUT = "/collection"  # a gateway has one service for each path: no number is in it
YEAR_SECONDS = 31_536_000
MAX_NUMBER = 2**31 - 1


def routes(index: Index | None) -> list[APIRoute]:
    """Give the routes of a collection; None: they say that there is none."""

    async def about() -> dict[str, Any]:
        """Describe the collection that is searched: its size, categories, places and days."""
        return _present(index).about()

    async def photo(
        number: int = Query(ge=0, le=MAX_NUMBER), version: str = Query("", alias="index")
    ) -> Response:
        """Give a photo's thumbnail, by the address that `photo` of a neighbour has."""
        known = _present(index)
        found = known.photos.thumbnail(number) if version in ("", known.version) else None
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
