"""The training loop of `finetune.py`: HanLP's component, batches and loss in a loop that resumes.

HanLP 2.1.5's own `fit` needs an optimizer that transformers 5 no longer has, and it can't resume.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hanlp_ner.training.batches import Batches
from hanlp_ner.training.corpora import Example, write_examples
from hanlp_ner.training.recognizer import save_component
from hanlp_ner.training.span_scores import Scores, predict_spans, span_scores
from zoo.data.outputs import whole_file, write_json

if TYPE_CHECKING:
    import torch
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer


FOUND = "found.jsonl"


@dataclass(frozen=True)
class DevSet:
    """The sentences that choose the best epoch.

    Attributes:
        examples: As a person has annotated them; they are what the scores count.
        filled: With the first checkpoint's own entities of the kept labels; what the loss is of.
        kept: The labels that the first checkpoint knows, and nobody has annotated here.
    """

    examples: list[Example]
    filled: list[Example]
    kept: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Evaluated:
    """What an epoch's weights are worth on the dev set.

    Attributes:
        scores: By annotated label, and over all of them.
        loss: Per sentence.
        kept: F1 of the kept labels in percent, of what the first checkpoint finds; None: none are.
    """

    scores: Scores
    loss: float
    kept: float | None


class TaggerTrainer:
    """A training run that can be stopped at any moment and goes on as if it had not been.

    Weights are averaged over the steps (exponential moving average); the average is what is
    evaluated and saved. `state.pt` has all that a step depends on: weights, average, optimizer,
    random state (the GPUs' too, on a GPU) and position. That a resumed run takes the very same
    steps is checked on the CPU; a GPU's sums may differ in the last digits from run to run.

    Args:
        component: the component to train, in place.
        batches: the training set.
        dev: sentences that choose the best epoch.
        output: directory of `best/`, `last/`, `state.pt`; of the best epoch's `scores.json` and of
            what it finds in the dev set, `found.jsonl`.
        args: hyper-parameters, as `finetune.py` parses them.
    """

    def __init__(
        self,
        component: "TransformerNamedEntityRecognizer",
        batches: Batches,
        dev: DevSet,
        output: Path,
        args: argparse.Namespace,
    ) -> None:
        import torch

        self.component, self.batches, self.dev = component, batches, dev
        self.dev_batches = Batches(component, dev.filled, [], args)
        self.output, self.args = output, args
        self.model = component.model
        self.criterion = component.build_criterion(model=self.model, reduction="sum")
        encoder = {id(p) for p in self.model.encoder.parameters()}
        groups = [
            {
                "params": [p for p in self.model.parameters() if (id(p) in encoder) == inside],
                "base_lr": lr,
            }
            for inside, lr in ((True, args.lr), (False, args.head_lr or args.lr))
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=args.lr, weight_decay=args.weight_decay, betas=(0.9, 0.98)
        )
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.total = sum(len(batches.plan(epoch)) for epoch in range(args.epochs))
        self.epoch = self.offset = self.step = 0
        self.best = {"f1": -1.0, "epoch": -1}

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or too many have passed without a gain."""
        return self.epoch >= self.args.epochs or self.waited_enough

    @property
    def waited_enough(self) -> bool:
        """Whether so many epochs as `--patience` says have passed without a gain."""
        waited = self.epoch - self.best["epoch"]
        return bool(self.args.patience and self.best["epoch"] > 0 and waited >= self.args.patience)

    def learning_rate(self, step: int) -> float:
        """Return the share of the peak: linear warm-up, then linear decay to zero."""
        warmup = max(1, int(self.args.warmup * self.total))
        return min((step + 1) / warmup, (self.total - step) / max(1, self.total - warmup))

    def train_step(self, batch: dict[str, Any]) -> float:
        """Take one step of the optimizer and return the loss per sentence."""
        import torch

        loss = self.loss(batch) / len(batch["token"])
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.args.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base_lr"] * self.learning_rate(self.step)
        self.optimizer.step()
        self.step += 1
        decay = min(self.args.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                self.average[name].lerp_(parameter, 1 - decay)
        return loss.item()

    def evaluate(self) -> Evaluated:
        """Score the averaged weights on the dev set, and save them as last and perhaps best."""
        weights = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        random_state = self.random_state()
        self.model.load_state_dict(self.average, strict=False)
        self.model.eval()
        texts, kept = [text for text, _ in self.dev.examples], self.dev.kept
        found = predict_spans(self.component, texts)
        own = [{span for span in spans if span[2] not in kept} for spans in found]
        scores = span_scores([set(entities) for _, entities in self.dev.examples], own)
        first = [set(entities) for _, entities in self.dev.filled]
        still = span_scores(first, found, kept)["micro"]["f1"] if kept else None
        evaluated = Evaluated(scores, self.dev_loss(), still)
        save_component(self.component, self.output / "last")
        if scores["micro"]["f1"] > self.best["f1"]:
            self.best = {"f1": scores["micro"]["f1"], "epoch": self.epoch}
            save_component(self.component, self.output / "best")
            write_json(self.output / "scores.json", scores)
            rows = zip(texts, map(sorted, own), strict=True)
            write_examples(self.output / FOUND, rows)
        self.model.load_state_dict(weights, strict=False)
        self.set_random_state(random_state)
        return evaluated

    def dev_loss(self) -> float:
        """Return the loss per sentence of the dev set, with the weights as they are."""
        import torch

        total = 0.0
        with torch.no_grad():
            for indices in self.dev_batches.cut(range(len(self.dev.filled))):
                total += self.loss(self.dev_batches.load(indices)).item()
        return total / len(self.dev.filled)

    def loss(self, batch: dict[str, Any]) -> "torch.Tensor":
        """Return the loss of a batch, the sum over its sentences: scalar."""
        logits, mask = self.component.feed_batch(batch)
        loss = self.component.compute_loss(self.criterion, logits, batch["tag_id"], mask)
        return cast("torch.Tensor", loss)

    def random_state(self) -> list["torch.Tensor"]:
        """Return the states of the generators: the CPU's, then, on a GPU, each GPU's;
        uint8 (bytes,) each."""
        import torch

        on_gpu = self.component.device.type == "cuda"
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if on_gpu else [])]

    def set_random_state(self, states: list["torch.Tensor"]) -> None:
        """Sets the generators; the GPUs' only where there are as many as the states are of."""
        import torch

        torch.set_rng_state(states[0])
        if self.component.device.type == "cuda" and len(states) == 1 + torch.cuda.device_count():
            torch.cuda.set_rng_state_all(states[1:])

    def save(self) -> None:
        """Write `state.pt` atomically."""
        import torch

        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "random": self.random_state(),
            "position": [self.epoch, self.offset, self.step],
            "best": self.best,
        }
        with whole_file(self.output / "state.pt") as part:
            torch.save(state, part)

    def resume(self) -> bool:
        """Goes back to the last saved state, if there is one, and says whether."""
        import torch

        path = self.output / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state["model"])
        device = self.component.device  # may be another than the saved state's
        self.average = {name: value.to(device) for name, value in state["average"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.offset, self.step = state["position"]
        self.best = state["best"]
        self.set_random_state(state["random"])
        return True

    def epoch_losses(self) -> Iterator[float]:
        """Train to the end of the epoch; yield each step's loss, and save every so many steps."""
        self.model.train()
        plan = self.batches.plan(self.epoch)
        while self.offset < len(plan):
            loss = self.train_step(self.batches.load(plan[self.offset]))
            self.offset += 1
            yield loss
            if self.step % self.args.save_every == 0:
                self.save()
        self.epoch, self.offset = self.epoch + 1, 0
