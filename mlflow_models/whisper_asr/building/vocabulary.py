"""Whisper's multilingual tokenizer in the published format, made offline from openai-whisper's.

openai-whisper carries its vocabulary as a tiktoken file of ranks; Transformers, CTranslate2 and
faster-whisper read `tokenizer.json`. The two differ in form only: every id is the same.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import GenerationConfig, WhisperTokenizer

TIMESTAMPS = 1501  # <|0.00|> to <|30.00|>, 20 ms apart
CONTEXT = 448  # tokens of the decoder, prompt included
LANGUAGES = {51865: 99, 51866: 100}  # by size of the vocabulary; large-v3 added Cantonese


def special_tokens(num_languages: int = 99) -> list[str]:
    """The tokens that follow the 50,257 of text, in the order of their ids, less the timestamps."""
    from whisper.tokenizer import LANGUAGES as CODES

    if num_languages not in LANGUAGES.values():
        raise CheckpointError(f"Whisper's vocabularies have 99 or 100 languages: {num_languages}.")
    return [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in list(CODES)[:num_languages]),
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
    ]


def tokenizer(num_languages: int = 99) -> "WhisperTokenizer":
    """Builds the multilingual tokenizer.

    Args:
        num_languages: 99 (a vocabulary of 51,865) or 100 (51,866: large-v3 and its turbo).

    Raises:
        CheckpointError: another number of languages.
    """
    from tokenizers import AddedToken
    from transformers import WhisperTokenizer
    from whisper.tokenizer import get_encoding

    specials = special_tokens(num_languages)
    ranks = get_encoding("multilingual", num_languages)._mergeable_ranks
    vocab, merges = _vocab_and_merges(ranks)
    made: WhisperTokenizer = WhisperTokenizer(
        vocab={**vocab, specials[0]: len(vocab)}, merges=merges, model_max_length=1024
    )
    made.add_special_tokens({"pad_token": specials[0]})
    made.add_special_tokens({"additional_special_tokens": specials[1:]})
    made.add_tokens([
        AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False, special=False)
        for i in range(TIMESTAMPS)
    ])  # fmt: skip
    return made


def write_tokenizer(directory: Path, num_languages: int = 99) -> None:
    """Writes `tokenizer.json` and `tokenizer_config.json` into a directory.

    Args:
        directory: Made where it is missing.
        num_languages: 99 (a vocabulary of 51,865) or 100 (51,866: large-v3 and its turbo).

    Raises:
        CheckpointError: another number of languages.
    """
    save(tokenizer(num_languages), directory)


def save(tokenizer: "WhisperTokenizer", directory: Path) -> None:
    """Writes a tokenizer's `tokenizer.json` and `tokenizer_config.json` into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(directory)
    path = directory / "tokenizer.json"  # without its indentation it is a third smaller
    compact = json.dumps(
        json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":")
    )
    path.write_text(compact, encoding="utf-8")


def generation_config(num_languages: int = 99) -> "GenerationConfig":
    """What the published `generation_config.json` of a multilingual Whisper says.

    Symbols that nobody speaks are suppressed, and so are the special tokens that text never has; a
    text doesn't begin with a space or end at once.

    Args:
        num_languages: 99 (a vocabulary of 51,865) or 100 (51,866: large-v3 and its turbo).

    Raises:
        CheckpointError: another number of languages.
    """
    from transformers import GenerationConfig
    from whisper.tokenizer import get_tokenizer

    specials = special_tokens(num_languages)
    known = get_tokenizer(multilingual=True, num_languages=num_languages)
    never = (known.sot, known.translate, known.transcribe, known.sot_lm, known.sot_prev)
    return GenerationConfig(
        bos_token_id=known.eot,
        eos_token_id=known.eot,
        pad_token_id=known.eot,
        decoder_start_token_id=known.sot,
        begin_suppress_tokens=[*known.encode(" "), known.eot],
        suppress_tokens=sorted({*known.non_speech_tokens, *never, known.no_speech}),
        is_multilingual=True,
        lang_to_id={
            token: known.sot + 1 + i for i, token in enumerate(specials[2:][:num_languages])
        },
        task_to_id={"transcribe": known.transcribe, "translate": known.translate},
        no_timestamps_token_id=known.no_timestamps,
        prev_sot_token_id=known.sot_prev,
        max_initial_timestamp_index=50,  # 1 s
        max_length=CONTEXT,
        return_timestamps=False,
    )


def _vocab_and_merges(ranks: dict[bytes, int]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """From tiktoken's ranks to byte-level BPE: GPT-2's letters for bytes, and one merge a token.

    A token's merge is the last step of BPE on its bytes with the merges of lower rank alone, which
    gives back the list that the vocabulary was trained to.
    """
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()

    def spell(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            left, right = _split(ranks, token, rank)
            merges.append((spell(left), spell(right)))
    return {spell(token): rank for token, rank in ranks.items()}, merges


def _split(ranks: dict[bytes, int], token: bytes, limit: int) -> list[bytes]:
    """The two parts that BPE leaves of a token when merges of rank `limit` and above are kept."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        place = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], limit))
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    return parts
