"""The batches of a training run, which depend on its seed alone."""

import argparse
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hanlp_ner.training.corpora import Example
from hanlp_ner.training.tags import entities_to_tags

if TYPE_CHECKING:
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer


class Batches:
    """Sentences as batches of similar length, in an order that depends on seed and epoch alone.

    Args:
        component: whose tokenizer and vocabularies turn characters and tags to ids.
        examples: sentences with entities.
        finish: the sentences of the last epochs, in place of `examples`.
        args: batch_characters (with padding), seed, epochs and finish_epochs.
    """

    def __init__(
        self,
        component: "TransformerNamedEntityRecognizer",
        examples: list[Example],
        finish: list[Example],
        args: argparse.Namespace,
    ) -> None:
        samples = [
            {"token": list(text), "tag": entities_to_tags(len(text), entities)}
            for text, entities in examples + finish
        ]
        loader = component.build_dataloader(samples, 32, False, -1)
        self.dataset, self.tensorize = loader.dataset, loader.tensorize
        self.lengths = [len(sample["token"]) for sample in samples]
        self.component, self.args, self.turn = component, args, len(examples)

    def plan(self, epoch: int) -> list[list[int]]:
        """Return the indices of each batch of an epoch."""
        rng = random.Random(f"{self.args.seed}/{epoch}")
        finishing = epoch >= self.args.epochs - self.args.finish_epochs
        order = list(range(self.turn, len(self.lengths)) if finishing else range(self.turn))
        rng.shuffle(order)
        plan = self.cut(order)
        rng.shuffle(plan)
        return plan

    def cut(self, order: Sequence[int]) -> list[list[int]]:
        """Cut sentences into batches: sorted in pools, for even lengths in a mixed order."""
        plan: list[list[int]] = []
        for start in range(0, len(order), 1024):
            batch: list[int] = []
            for index in sorted(order[start : start + 1024], key=self.lengths.__getitem__):
                if batch and (len(batch) + 1) * self.lengths[index] > self.args.batch_characters:
                    plan.append(batch)
                    batch = []
                batch.append(index)
            plan.append(batch)
        return plan

    def load(self, indices: list[int]) -> dict[str, Any]:
        """Return one batch: `token_input_ids` (batch, length + 2), `tag_id` (batch, length)..."""
        rows = [self.dataset[i] for i in indices]
        batch = {key: [row[key] for row in rows] for key in rows[0]}
        device = self.component.device
        return self.tensorize(batch, vocabs=self.component.vocabs, pad_dict=None, device=device)
