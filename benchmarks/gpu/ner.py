"""Entities with ELECTRA-small: HanLP on the device, the bare network in torch, and ours."""

from pathlib import Path

from benchmarks.gpu.bench import PRECISIONS, Bench
from benchmarks.inputs import ELECTRA_SMALL, sentences

CHARACTERS = 64  # of a sentence that the bare network reads
ABOUT = {"what": "sentences of 10 to 64 characters", "unit": "sentences"}


def weights(bench: Bench) -> Path:
    """A checkpoint of HanLP's, from a seed."""
    from tests.hanlp_ner.checkpoints import random_component

    shape = {} if bench.stand_in else ELECTRA_SMALL
    return bench.made(
        "ner",
        lambda home: random_component(home, "electra", **shape),  # type: ignore[arg-type]
    )


def packed(bench: Bench, precision: str) -> Path:
    """What our engine loads, as `build.py --gpu` packs it."""
    from hanlp_ner.building.convert import convert

    def write(home: Path) -> None:
        home.mkdir()
        convert(weights(bench), home, precision, gpu=True)

    return bench.made(f"ner-{precision}", write)


def reference(bench: Bench) -> None:
    """Measure HanLP's `predict`."""
    bench.torch()
    from hanlp_ner.network.component import load

    component = load(weights(bench), -1 if bench.stand_in else 0)
    texts = [list(text) for text in sentences(None, bench.batches[-1])]
    for batch in bench.batches:

        def run(batch: int = batch) -> object:
            return component(texts[:batch])

        bench.measure(run, batch, side="HanLP", precision="float32", **ABOUT)


def network(bench: Bench) -> None:
    """Measure ELECTRA-small alone, by Transformers: what no tagger on torch is faster than."""
    torch = bench.torch()
    from transformers import ElectraConfig, ElectraForTokenClassification

    config = ElectraConfig(
        vocab_size=ELECTRA_SMALL["size"], embedding_size=128, hidden_size=ELECTRA_SMALL["width"],
        num_hidden_layers=2 if bench.stand_in else ELECTRA_SMALL["layers"],
        num_attention_heads=ELECTRA_SMALL["heads"], intermediate_size=4 * ELECTRA_SMALL["width"],
        num_labels=17,
    )  # fmt: skip
    torch.manual_seed(1)
    model = ElectraForTokenClassification(config).eval()
    ids = torch.randint(1, config.vocab_size, (bench.batches[-1], CHARACTERS))
    for precision in bench.precisions:
        model = model.to(bench.device, getattr(torch, precision))
        for batch in bench.batches:

            def run(batch: int = batch, model: ElectraForTokenClassification = model) -> object:
                return model(ids[:batch].to(bench.device)).logits.argmax(-1).cpu()

            bench.measure(
                run, batch, side="Transformers, the network alone", precision=precision,
                what=f"{CHARACTERS} characters", unit="sentences",
            )  # fmt: skip


def ours(bench: Bench) -> None:
    """Measure the engine that is served."""
    bench.onnx()
    from hanlp_ner.engine import Engine

    texts = sentences(None, bench.batches[-1])
    for name, precision in PRECISIONS.items():
        engine = Engine(packed(bench, precision))
        seconds = {}
        for batch in bench.batches:

            def run(batch: int = batch, engine: Engine = engine) -> None:
                for answer in engine(texts[:batch]):
                    if isinstance(answer, Exception):
                        raise answer

            seconds[batch] = bench.measure(run, batch, side="ours", precision=name, **ABOUT)
        bench.pays(f"entities, {name}", seconds)
