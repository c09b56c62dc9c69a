"""Collections for the browser: the one that the pages were started with, and what is dropped.

GET  /caption/collection       the former; 204 if there is none
GET  /caption/thumbnails/N     its photo of that number
POST /caption/collection       {"files": [{"path", "name"}]}: uploads as a collection; 422 with
                               {"message"} if they are none. Nothing of it is kept.
"""

import asyncio

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from test_models import uploads
from test_models.calls import ServiceError
from test_models.caption.collection import Collection, read

BINARY = "application/octet-stream"
MOST = 300_000_000  # bytes of all the files of a collection that is dropped


class Upload(BaseModel):
    """A file that a browser uploaded."""

    path: str
    name: str


class Dropped(BaseModel):
    """A collection's files."""

    files: list[Upload] = Field(max_length=1000)


def router(collection: Collection | None) -> APIRouter:
    """The three.

    Args:
        collection: that the pages are started with.
    """
    routes = APIRouter(prefix="/caption")
    packed = collection and collection.packed("caption/thumbnails/")

    @routes.get("/collection")
    async def own() -> Response:
        return Response(packed, media_type=BINARY) if packed else Response(status_code=204)

    @routes.get("/thumbnails/{number}")
    async def thumbnail(number: int) -> Response:
        pictures = (collection and collection.thumbnails) or []
        if not 0 <= number < len(pictures):
            raise HTTPException(404)
        headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(pictures[number], media_type="image/jpeg", headers=headers)

    @routes.post("/collection")
    async def dropped(given: Dropped) -> Response:
        try:
            return Response(await asyncio.to_thread(_packed, given.files), media_type=BINARY)
        except ServiceError as error:
            return JSONResponse({"message": str(error)}, 422)

    return routes


def _packed(files: list[Upload]) -> bytes:
    contents = [(file.name, uploads.take(file.path)) for file in files]
    size = sum(len(content) for _, content in contents)
    if size > MOST:
        raise ServiceError(f"The files are larger than {MOST / 1e6:,.0f} MB together; start the "
                           "pages with --map for such a collection.")  # fmt: skip
    return read(contents).packed()
