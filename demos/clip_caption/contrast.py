"""Trains a small CLIP from scratch on images and their captions: the demo's.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision": the
features of an image and of its caption are to be more alike than those of any other pair of the
batch. Equal captions in a batch are each other's pairs, too (Yang et al. 2022, "Unified Contrastive
Learning in Image-Text-Label Space"), since drawn scenes have few wordings. Writes a local directory
of open_clip. A run that was stopped goes on when the same command is given again.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.training.pairs import COLUMNS
from demos.clip_caption.augment import MEAN, STD, augment, pixels
from demos.clip_caption.probing import probe
from zoo.building import packaging
from zoo.data.outputs import whole_file, write_json
from zoo.training.steps import Steps
from zoo.training.stored import open_data

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

STATE = "state.pt"


def texts(data: "Dataset", also: list[str]) -> list[tuple[list[str], list[str]]]:
    """Each image's captions, and what else is said of it.

    Args:
        data: the data set.
        also: its columns, or several with a space between, that are short texts on the image.
    """
    rows = data.remove_columns(["image"])
    return [(row["captions"], [" ".join(row[c] for c in a.split()) for a in also]) for row in rows]


def build(args: argparse.Namespace) -> tuple[Any, Any, dict[str, Any]]:
    """A CLIP of random weights, its tokenizer, and its configuration."""
    import open_clip

    model_cfg = {
        "embed_dim": args.features,
        "vision_cfg": {
            "image_size": args.image_size,
            "layers": args.layers,
            "width": args.width,
            "patch_size": None,
        },
        "text_cfg": {
            "context_length": args.context,
            "vocab_size": 49408,
            "width": args.text_width,
            "heads": args.text_width // 32,
            "layers": args.text_layers,
        },
    }
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    tokenizer = open_clip.tokenizer.SimpleTokenizer(context_length=args.context)
    model = open_clip.CLIP(**model_cfg)
    return model, tokenizer, {"model_cfg": model_cfg, "preprocess_cfg": preprocess}


def loss_of(
    images: "torch.Tensor", words: "torch.Tensor", tokens: "torch.Tensor"
) -> "torch.Tensor":
    """The contrastive loss.

    Args:
        images: (batch, width), of length 1, times the logit scale.
        words: (batch, width), of length 1.
        tokens: (batch, context), to tell equal texts by.
    """
    from torch.nn.functional import cross_entropy

    logits = images @ words.T
    same = (tokens[:, None] == tokens[None]).all(-1).float()
    rows, columns = same / same.sum(1, keepdim=True), same / same.sum(0, keepdim=True)
    return (cross_entropy(logits, rows) + cross_entropy(logits.T, columns.T)) / 2


class Trainer:
    """Trains step by step; everything by chance depends on the seed and the step alone."""

    def __init__(self, args: argparse.Namespace) -> None:
        import torch
        from datasets import concatenate_datasets

        torch.manual_seed(args.seed)
        torch.set_num_threads(args.threads)
        self.args, self.step = args, 0
        args.output.mkdir(parents=True, exist_ok=True)
        self.model, self.tokenizer, self.config = build(args)
        self.model.visual.to(memory_format=torch.channels_last)
        train = [open_data(path, COLUMNS) for path in args.train]
        caches = [args.output / f"train{i}-{args.image_size}.npy" for i in range(len(train))]
        self.pixels = np.concatenate(
            [pixels(data, args.image_size, path) for data, path in zip(train, caches, strict=True)]
        )
        self.texts = [pair for data in train for pair in texts(data, args.also)]
        self.dev = concatenate_datasets([open_data(args.dev, COLUMNS)])
        cache = args.output / f"dev-{args.image_size}.npy"
        self.dev_pixels = pixels(self.dev, args.image_size, cache)
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": args.weight_decay},
                  {"params": others, "weight_decay": 0.0}]  # fmt: skip
        self.optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))
        if (args.output / STATE).is_file():
            state = torch.load(args.output / STATE, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
            print(f"resumes from step {self.step}", flush=True)

    def rate(self) -> float:
        """The learning rate: warm-up, then a cosine."""
        args = self.args
        warm = min(1.0, (self.step + 1) / args.warmup_steps)
        return float(args.lr * warm * (0.5 + 0.5 * np.cos(np.pi * self.step / args.max_steps)))

    def train_step(self) -> float:
        """One step; returns its loss."""
        import torch

        rng = np.random.default_rng((self.args.seed, self.step))
        chosen = rng.choice(len(self.texts), self.args.batch_size, replace=False)
        words = []
        for i in chosen:
            captions, also = self.texts[i]
            pool = also if also and rng.random() < self.args.also_share else captions
            words.append(pool[rng.integers(len(pool))])
        tokens = self.tokenizer(words)
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        x = augment(torch.from_numpy(self.pixels[chosen]), generator)
        x = x.contiguous(memory_format=torch.channels_last)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.args.precision == "bf16"):
            images = self.model.encode_image(x, normalize=True).float()
            encoded = self.model.encode_text(tokens, normalize=True).float()
        loss = loss_of(images * self.model.logit_scale.exp(), encoded, tokens)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, float(np.log(100)))
        self.step += 1
        return float(loss.item())

    def save(self) -> None:
        """Keeps the state; a kill leaves the earlier one."""
        import torch

        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "step": self.step}  # fmt: skip
        with whole_file(self.args.output / STATE) as part:
            torch.save(state, part)

    def evaluate(self) -> dict[str, float]:
        """Scores on the dev set."""
        self.model.eval()
        scores = probe(self.model, self.tokenizer, self.dev_pixels, self.dev, self.args.probe)
        self.model.train()
        return scores

    def run(self) -> None:
        """Trains to the end, and writes the checkpoint."""
        steps = Steps(self.args.output / "steps.csv")
        steps.resume(self.step)
        recent: list[float] = []
        self.model.train()
        while self.step < self.args.max_steps:
            recent.append(self.train_step())
            steps.add(self.step, recent[-1])
            if self.step % self.args.eval_every == 0:
                scores = {name: round(value, 3) for name, value in self.evaluate().items()}
                print(self.step, f"loss {np.mean(recent):.3f}", scores, flush=True)
                recent = []
                self.save()
        self.save()
        self.export(self.args.output / "clip")
        print(self.evaluate())

    def export(self, directory: Path) -> None:
        """Writes open_clip's local directory."""
        from clip_caption.building.clip import Clip, save_clip

        model = self.model.eval()
        if self.args.export_dtype == "float16":
            used = {token for caps, also in self.texts for token in self.tokens_of([*caps, *also])}
            for token in set(range(len(model.token_embedding.weight))) - used:
                model.token_embedding.weight.data[token] = 0  # never trained; zeros compress
            model.half()
        save_clip(Clip(model, self.config), directory)
        model.float()

    def tokens_of(self, words: list[str]) -> set[int]:
        """The tokens that texts have."""
        return set(self.tokenizer(words).unique().tolist())


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Train a small CLIP from scratch, on a CPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("--train", type=Path, nargs="+", required=True, help="of prepare.py")
    cli.add_argument("--dev", type=Path, required=True, help="of prepare.py; it is only reported")
    cli.add_argument(
        "--output", type=Path, required=True, help="state, and the checkpoint in clip/"
    )
    cli.add_argument("--also", nargs="*", default=[], metavar="COLUMNS",
                     help="columns that are short texts on an image, besides its captions; "
                     "'type place' joins two")  # fmt: skip
    cli.add_argument("--also-share", type=float, default=0.3, help="how often one of them is taken")
    cli.add_argument("--probe", nargs="*", default=["type", "place", "weather"], metavar="COLUMN",
                     help="columns that the features are asked for")  # fmt: skip
    cli.add_argument("--image-size", type=int, default=64, help="pixels; a multiple of 32")
    cli.add_argument("--features", type=int, default=128, help="width of the features")
    cli.add_argument("--width", type=int, default=16, help="of the ResNet's first layer")
    cli.add_argument("--layers", type=int, nargs=4, default=[1, 1, 1, 1], help="of its stages")
    cli.add_argument("--context", type=int, default=32, help="tokens of a text")
    cli.add_argument("--text-width", type=int, default=64)
    cli.add_argument("--text-layers", type=int, default=2)
    cli.add_argument("--batch-size", type=int, default=256, help="the larger, the harder the task")
    cli.add_argument("--lr", type=float, default=2e-3, help="peak; a cosine follows")
    cli.add_argument("--warmup-steps", type=int, default=100)
    cli.add_argument("--max-steps", type=int, default=2000)
    cli.add_argument("--weight-decay", type=float, default=0.05)
    cli.add_argument("--eval-every", type=int, default=100, help="steps; the state is kept, too")
    cli.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    cli.add_argument("--export-dtype", default="float16", choices=["float16", "float32"])
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--threads", type=int, default=1)
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    trainer = Trainer(args)
    settings = {name: str(value) for name, value in vars(args).items()}
    write_json(args.output / "settings.json", settings)
    trainer.run()


if __name__ == "__main__":
    packaging.run(main)
