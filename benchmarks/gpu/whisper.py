"""Whisper of small's size: openai-whisper and Transformers on the device, and ours."""

import functools
from pathlib import Path

import numpy as np

from benchmarks.gpu.bench import ROOT, Bench, Skipped
from benchmarks.inputs import WHISPER_SMALL, WHISPER_TOKENS, talk, write_whisper
from zoo.data.audio import SAMPLE_RATE, decode

SAMPLES = ROOT / "mlflow_models" / "whisper_asr" / "samples"
SMALL = {"state": 64, "head": 2, "layer": 2}
MINUTES, FEW_MINUTES = 10.0, 0.2  # of the file; of the stand-in's
FILE_WINDOWS = 16  # of the file, decoded together
SHORT_TOKENS = 2  # that Transformers writes for the stand-in


def weights(bench: Bench) -> Path:
    """A checkpoint of OpenAI's, from a seed: each window has 100 tokens."""
    shape = SMALL if bench.stand_in else WHISPER_SMALL
    return bench.made("whisper.pt", lambda path: write_whisper(path, **shape))


def packed(bench: Bench) -> Path:
    """What our engine loads; on a GPU it computes in float16, elsewhere in int8."""
    from whisper_asr.building.convert import convert

    def write(home: Path) -> None:
        home.mkdir()
        convert(weights(bench), str(weights(bench)), home, "auto")

    return bench.made("whisper", write)


def file(bench: Bench) -> tuple[np.ndarray, dict[str, str]]:
    """A recording with pauses, and what rows say of it."""
    minutes = FEW_MINUTES if bench.stand_in else MINUTES
    sentences = [decode(path) for path in sorted(SAMPLES.glob("*.flac"))]
    sound = talk(sentences, 60 * minutes, 2.0, np.random.default_rng(1))
    return sound, {"what": f"a file of {minutes:g} minutes with pauses", "unit": "files"}


def reference(bench: Bench) -> None:
    """Measure openai-whisper as its README has it."""
    bench.torch()
    import whisper

    model = whisper.load_model(str(weights(bench)), bench.device)
    sound, about = file(bench)
    for precision in reversed(bench.precisions):  # float16 is its default on a GPU

        def run(precision: str = precision) -> None:
            model.transcribe(
                sound, language="zh", condition_on_previous_text=False, temperature=0.0,
                fp16=precision == "float16",
            )  # fmt: skip

        bench.measure(run, 1, side="openai-whisper", precision=precision, **about)


def transformers(bench: Bench) -> None:
    """Measure Transformers' Whisper: windows of 30 s in batches, 100 tokens of each."""
    torch = bench.torch()
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    size = SMALL if bench.stand_in else WHISPER_SMALL
    config = WhisperConfig(
        d_model=size["state"], encoder_layers=size["layer"], decoder_layers=size["layer"],
        encoder_attention_heads=size["head"], decoder_attention_heads=size["head"],
        encoder_ffn_dim=4 * size["state"], decoder_ffn_dim=4 * size["state"],
    )  # fmt: skip
    torch.manual_seed(1)
    model = WhisperForConditionalGeneration(config).eval()
    tokens = SHORT_TOKENS if bench.stand_in else WHISPER_TOKENS
    shape = (bench.batches[-1], config.num_mel_bins, 2 * config.max_source_positions)
    features = torch.randn(shape)
    start = config.decoder_start_token_id
    for precision in bench.precisions:
        kind = getattr(torch, precision)
        model = model.to(bench.device, kind)
        for batch in bench.batches:

            def run(
                batch: int = batch,
                model: WhisperForConditionalGeneration = model,
                kind: object = kind,
            ) -> object:
                return model.generate(
                    features[:batch].to(bench.device, kind),
                    decoder_input_ids=torch.full((batch, 1), start, device=bench.device),
                    max_new_tokens=tokens,
                    min_new_tokens=tokens,
                    do_sample=False,
                ).cpu()

            bench.measure(
                run, batch, side="Transformers", precision=precision,
                what=f"windows of 30 s, {tokens} tokens of each", unit="windows",
            )  # fmt: skip


def ours(bench: Bench) -> None:
    """Measure the engine that is served: float16 on the GPU, windows in batches."""
    from whisper_asr.engine import Engine
    from whisper_asr.options import Options

    engine = Engine(packed(bench))
    if engine.device != bench.device:
        raise Skipped("CTranslate2 computes on the CPU: it needs a GPU and cuBLAS 12")
    sound, about = file(bench)
    windows = [sound[: 30 * SAMPLE_RATE]] * bench.batches[-1]
    precision = "int8" if bench.stand_in else "float16"

    def hear(sounds: list[np.ndarray], batch: int) -> None:
        options = Options(temperature=(0.0,), script="as_is", beam_size=1, batch_size=batch)
        for answer in engine(sounds, options):
            if isinstance(answer, Exception):
                raise answer

    seconds = {}
    for batch in bench.batches:
        seconds[batch] = bench.measure(
            functools.partial(hear, windows[:batch], batch), batch, side="ours",
            precision=precision, what=f"recordings of 30 s, {WHISPER_TOKENS} tokens of a window",
            unit="recordings",
        )  # fmt: skip
    bench.pays("Whisper", seconds)
    bench.measure(lambda: hear([sound], FILE_WINDOWS), 1, side="ours", precision=precision, **about)
