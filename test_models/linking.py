"""The second step of a command that transcribes: the entities of what is said."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from test_models.answers import Entities
from test_models.arguments import masks
from test_models.async_client import AsyncClient
from test_models.calls import RowFailed, ServiceError
from test_models.masks import mask_of
from test_models.spoken import spoken
from transcripts.answers import Transcript


class Linking:
    """Asks for the entities of each transcript as soon as it is there.

    Args:
        client: of a model of entities.
        params: the model's.
        answered: called with a recording's number, from 0, and its transcript with entities.
    """

    def __init__(
        self,
        client: AsyncClient,
        params: Mapping[str, Any],
        answered: Callable[[int, Transcript], object] | None,
    ) -> None:
        self._client, self._params, self._answered = client, params, answered
        self._masks = masks(params)
        self._asked: dict[int, asyncio.Task[tuple[Transcript, str | None]]] = {}

    async def check(self) -> None:
        """Returns if the model takes the parameters: that is known before anybody listens.

        Raises:
            ServiceError: it doesn't, or isn't there.
        """
        try:
            await self._found("")
        except ServiceError as error:
            raise ServiceError(f"The model of entities: {error}", error.fields) from None

    def __call__(self, number: int, transcript: Transcript) -> None:
        """Asks for the entities of the recording of that number."""
        self._asked[number] = asyncio.create_task(self._ask(number, transcript))

    async def answers(self) -> tuple[list[Transcript], list[str | None]]:
        """The transcripts, in order, and for each why it, or its entities, aren't there.

        Where a mask was asked for and isn't there, neither is the text.
        """
        done = [await self._asked[number] for number in sorted(self._asked)]
        return [transcript for transcript, _ in done], [fault for _, fault in done]

    async def _ask(self, number: int, transcript: Transcript) -> tuple[Transcript, str | None]:
        fault = transcript.error
        if fault is None:
            try:
                transcript = spoken(transcript, await self._found(transcript.text))
            except ServiceError as error:
                said = error.reason if isinstance(error, RowFailed) else str(error)
                fault = f"its entities: {said}"
                if self._masks:
                    transcript = Transcript(error=fault)
        if self._answered is not None:
            self._answered(number, transcript)
        return transcript, fault

    async def _found(self, text: str) -> Entities:
        (found,) = await self._client.entities([text], **self._params)
        if self._masks:
            mask_of(found)
        return found
