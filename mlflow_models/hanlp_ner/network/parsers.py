"""A multi-task checkpoint's parsers: dependencies, semantics, roles, constituents.

They are HanLP's own code on torch.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)


class Parsers:
    """HanLP itself, for the tasks that need it; loaded at the first call.

    Its encoder takes most of the time. If every task reads the encoder's last layer (`shared`), it
    isn't run: our own encoder has just made the same vectors of the same texts.
    """

    def __init__(self, directory: Path, shared: bool) -> None:
        self._directory, self._shared = directory, shared
        self._component: Any = None
        self._vectors: dict[bytes, NDArray[np.float32]] = {}

    def __call__(
        self, texts: list[str], tasks: list[str], vectors: dict[bytes, NDArray[np.float32]]
    ) -> list[dict[str, Any]]:
        """Parse texts, in plain JSON types.

        Args:
            texts: The texts.
            tasks: The tasks' names.
            vectors: The encoder's output for each text, float32 (length + 2, width) or longer, by
                the bytes of its token ids without [CLS] and [SEP].

        Returns:
            For each text HanLP's results by task.
        """
        if self._component is None:
            self._component = self._load()
        self._vectors = vectors
        document = self._component(texts, tasks=tasks).to_dict()
        return [{task: document[task][row] for task in tasks} for row in range(len(texts))]

    def _load(self) -> Any:
        import torch

        from hanlp_ner.network.component import load

        log.info("Loading torch and HanLP for the tasks that need them.")
        torch.set_num_threads(1)
        component = load(self._directory)

        class Encoder(torch.nn.Module):
            average_subwords = True

            def forward(_, batch: dict[str, Any]) -> torch.Tensor:
                """Give the vectors of a batch, float32 (batch, length + 2, width)."""
                ids = batch["token_input_ids"].numpy().astype(np.int32)  # (batch, length + 2)
                rows = [self._vectors[row[1 : np.count_nonzero(row) - 1].tobytes()] for row in ids]
                # (batch, length + 2, width)
                hidden = np.zeros((*ids.shape, rows[0].shape[-1]), dtype=np.float32)
                for place, row in zip(hidden, rows, strict=True):
                    place[: len(row)] = row[: len(place)]
                return torch.from_numpy(hidden)

        if self._shared:
            component.model.encoder = Encoder()
        return component
