"""Times translators of captions: CTranslate2 in int8, as served, against Transformers in float32.

python -m benchmarks.translation       ms CPU of one thread per caption

The Marian has random weights and the published size of opus-mt-en-zh and opus-mt-th-en: 6 + 6
layers of width 512, and 65,001 tokens. Each caption has 16 tokens, and so has its translation. Both
search with four beams. They take turns; the medians of `ROUNDS` rounds are compared.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from clip_caption.building.translators import write
from clip_caption.translating.translators import BEAMS, PAD
from zoo.serving.ctranslate2 import COMPUTE_TYPES

TOKENS, ROUNDS, BATCHES = 16, 7, (1, 16)
WORDS = 65_001  # with <pad>, the last


def make_model() -> Any:
    """Make a Marian of the published size."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    torch.manual_seed(1)
    sizes = {"layers": 6, "attention_heads": 8, "ffn_dim": 2048}
    config = MarianConfig(
        vocab_size=WORDS,
        d_model=512,
        activation_function="swish",
        scale_embedding=True,
        max_position_embeddings=512,
        pad_token_id=WORDS - 1,
        eos_token_id=0,
        decoder_start_token_id=WORDS - 1,
        **{
            f"{part}_{key}": value
            for key, value in sizes.items()
            for part in ("encoder", "decoder")
        },
    )
    return MarianMTModel(config).eval()


def cpu_ms(work: Callable[[], Any]) -> float:
    """Time a piece of work, in ms of CPU."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def main() -> None:
    """Measure, and print a table."""
    import ctranslate2
    import torch

    torch.set_num_threads(1)
    names = ["</s>", "<unk>", *(f"w{number}" for number in range(2, WORDS - 1)), PAD]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = SimpleNamespace(
        get_vocab=lambda: vocabulary,
        eos_token="</s>",
        unk_token="<unk>",
        pad_token=PAD,
        bos_token=None,
    )
    model, generator = make_model(), np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as work:
        output = Path(work) / "translator"
        write(model, tokenizer, "marian", output)
        size = (output / "model.bin").stat().st_size / 1e6
        served = ctranslate2.Translator(
            str(output), compute_type=COMPUTE_TYPES["int8", "cpu"], inter_threads=1, intra_threads=1
        )
    print(f"model.bin: {size:.0f} MB\n")
    print("| captions at once | CTranslate2, int8 | Transformers, fp32 | ratio |")
    print("| ---: | ---: | ---: | ---: |")
    for batch in BATCHES:
        ids = generator.integers(2, WORDS - 1, (batch, TOKENS))
        ids[:, -1] = 0
        rows = [[names[one] for one in row] for row in ids]
        tokens = torch.from_numpy(ids)

        def ours(rows: list[list[str]] = rows) -> None:
            served.translate_batch(
                rows, beam_size=BEAMS, min_decoding_length=TOKENS, max_decoding_length=TOKENS,
                suppress_sequences=[[PAD]],
            )  # fmt: skip

        def theirs(tokens: torch.Tensor = tokens) -> None:
            with torch.inference_mode():
                model.generate(
                    input_ids=tokens, attention_mask=torch.ones_like(tokens), num_beams=BEAMS,
                    min_new_tokens=TOKENS, max_new_tokens=TOKENS,
                )  # fmt: skip

        ours()  # the first run prepares
        theirs()
        times = [(cpu_ms(ours), cpu_ms(theirs)) for _ in range(ROUNDS)]
        mine, other = (statistics.median(column) / batch for column in zip(*times, strict=True))
        print(f"| {batch} | {mine:.1f} ms | {other:.1f} ms | {other / mine:.1f} x |")


if __name__ == "__main__":
    main()
