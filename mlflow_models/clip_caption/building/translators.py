"""Packs translators: published checkpoints of Marian or NLLB, in int8 for CTranslate2.

A Marian of Helsinki-NLP (opus-mt-th-en) translates one pair of languages, which its tokenizer's
settings or its directory's name tell. Some have several languages to translate to, and want to be
told by a token such as `>>cmn_Hans<<`. An NLLB knows 200 languages: its pairs have to be named.
"""

import argparse
import importlib.metadata
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_caption.translating.languages import CHINESE, ENGLISH, THAI
from clip_caption.translating.translators import ABOUT, FOLDER, Pair
from zoo.building import checkpoints
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The languages' names by checkpoints' makers: ISO 639-1 and 639-3 of Helsinki-NLP; FLORES of NLLB.
SPELLINGS = {
    ENGLISH: ("en", "eng"),
    THAI: ("th", "tha"),
    CHINESE: ("zh", "zho", "cmn", "zho_Hans", "cmn_Hans"),
}
FLORES = {ENGLISH: "eng_Latn", THAI: "tha_Thai", CHINESE: "zho_Hans"}
PAIR = re.compile(r"opus-mt-(?:tc-(?:big|base)-)?([a-z_]+)-([a-zA-Z_]+)$")
KINDS = {"MarianMTModel": "marian", "M2M100ForConditionalGeneration": "nllb"}
NOT_COMMERCIAL = "CC-BY-NC 4.0, not for commercial use"


@dataclass(frozen=True)
class Given:
    """A value of `--translator`.

    Attributes:
        name: A directory, or an identifier of the Hugging Face hub.
        pairs: What it translates; none if the checkpoint tells it.
    """

    name: str
    pairs: tuple[Pair, ...]

    def __repr__(self) -> str:
        """Give the value as it is logged with the model."""
        return self.name + (f"={','.join('-'.join(one) for one in self.pairs)}" * bool(self.pairs))


def add_option(cli: argparse._ActionsContainer) -> None:
    """Adds `--translator` to a command that builds."""
    cli.add_argument(
        "--translator",
        type=_given,
        action="append",
        default=[],
        metavar="CHECKPOINT[=FROM-TO,...]",
        help="pack a translator: Marian (Helsinki-NLP/opus-mt-th-en) or NLLB with its pairs "
        "(nllb-200-distilled-600M=en-th,th-en), of en, th, zh; may be given several times. From "
        "English it translates captions, to English what CLIP reads",
    )


def _given(value: str) -> Given:
    name, _, named = value.partition("=")
    pairs = [tuple(one.split("-")) for one in named.split(",") if one]
    for pair in pairs:
        if len(pair) != 2 or ENGLISH not in pair or pair[0] == pair[1] or {*pair} - {*FLORES}:
            known = ", ".join(f"en-{one}, {one}-en" for one in FLORES if one != ENGLISH)
            raise argparse.ArgumentTypeError(
                f"'{value}' names a pair of languages that isn't one of {known}"
            )
    return Given(name, tuple((one[0], one[1]) for one in pairs))


def pack(given: Sequence[Given], directory: Path) -> list[str]:
    """Converts translators, and packs them with a model.

    Args:
        given: What to pack.
        directory: The model's.

    Returns:
        The packages that they need, pinned.

    Raises:
        CheckpointError: One is no such checkpoint, isn't safe to load, or doesn't tell its pair; or
            two translate the same pair.
    """
    packages: set[str] = set()
    done: dict[Pair, str] = {}
    for number, one in enumerate(given):
        print(f"Converting the translator {one.name} ...", flush=True)
        about = convert(one, directory / FOLDER / str(number))
        packages |= {"ctranslate2", *(["sentencepiece"] if about["kind"] == "marian" else [])}
        for pair in about["pairs"]:
            key = (pair["from"], pair["to"])
            if key in done:
                raise CheckpointError(
                    f"'{done[key]}' and '{one.name}' both translate {'-'.join(key)}; give one."
                )
            done[key] = one.name
    return [f"{one}=={importlib.metadata.version(one)}" for one in sorted(packages)]


def convert(given: Given, output: Path) -> dict[str, Any]:
    """Converts a checkpoint to what `translating.Translator` opens.

    Args:
        given: The checkpoint and its pairs.
        output: A new directory.

    Returns:
        What its `translator.json` says.

    Raises:
        CheckpointError: As `pack` says.
    """
    model, tokenizer = open_translator(given.name)
    path = Path(tokenizer.name_or_path)
    kind = KINDS.get(type(model).__name__, "")
    if not kind or getattr(tokenizer, "separate_vocabs", False):
        raise CheckpointError(
            f"'{given.name}' is neither a Marian with one vocabulary nor an NLLB, as published."
        )
    pairs = given.pairs or _own_pair(given.name, path, kind)
    about = {
        "kind": kind,
        "pairs": [
            {"from": source, "to": target, **_tokens(given.name, tokenizer, kind, (source, target))}
            for source, target in pairs
        ],
        "license": NOT_COMMERCIAL if kind == "nllb" else "see the checkpoint's card",
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    write(model, tokenizer, kind, output)
    if kind == "marian":
        for name in ("source.spm", "target.spm"):
            shutil.copy(path / name, output / name)
    else:
        print(f"Note: NLLB's weights are under {NOT_COMMERCIAL}.", flush=True)
        tokenizer.backend_tokenizer.save(str(output / "tokenizer.json"), pretty=False)
    write_json(output / ABOUT, about)
    return about


def open_translator(name: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """The model and the tokenizer of a checkpoint.

    Raises:
        CheckpointError: The checkpoint is missing, or is neither Marian nor NLLB.
    """
    import transformers
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    transformers.logging.set_verbosity_error()
    path = Path(name) if Path(name).is_dir() else checkpoints.from_hub(name)
    try:
        # remote code and pickles stay closed: Transformers opens a .bin with weights_only
        model = AutoModelForSeq2SeqLM.from_pretrained(path, local_files_only=True)
        return model, AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise CheckpointError(
            f"'{name}' is not a checkpoint that translates (Marian or NLLB, as published): "
            f"{type(error).__name__} while it was opened."
        ) from error


def _own_pair(name: str, path: Path, kind: str) -> tuple[Pair, ...]:
    """Tell the pair of a Marian by its tokenizer's settings, or by its directory's name."""
    settings = read_object(path / "tokenizer_config.json", missing={})
    told = [(settings.get("source_lang"), settings.get("target_lang"))]
    if match := PAIR.search(str(name).rstrip("/")):
        told.append((match[1], match[2]))
    for source, target in told if kind == "marian" else ():
        pair = _code(source), _code(target)
        if ENGLISH in pair and "" not in pair and pair[0] != pair[1]:
            return (pair,)
    raise CheckpointError(
        f"'{name}' doesn't tell which languages it translates; name them, such as "
        f"--translator {name}=en-th."
    )


def _code(language: Any) -> str:
    """Map a checkpoint's code of a language to ours; empty if we don't have the language."""
    found = (code for code, spelt in SPELLINGS.items() if str(language) in spelt)
    return next(found, "")


def _tokens(name: str, tokenizer: Any, kind: str, pair: Pair) -> dict[str, list[str]]:
    """Find the tokens that stand before a text and before its translation."""
    source, target = pair
    if kind == "nllb":
        known = tokenizer.get_vocab()
        for language in pair:
            if FLORES[language] not in known:
                raise CheckpointError(f"'{name}' has no language '{FLORES[language]}'.")
        return {"source": [FLORES[source]], "target": [FLORES[target]]}
    targets = tokenizer.supported_language_codes
    if not targets:
        return {"source": [], "target": []}
    # The last spellings name the script; those come first here.
    wanted = [f">>{one}<<" for one in reversed(SPELLINGS[target])]
    found = [one for one in wanted if one in targets]
    if not found:
        raise CheckpointError(f"'{name}' doesn't translate to '{target}'.")
    return {"source": found[:1], "target": []}


def write(model: Any, tokenizer: Any, kind: str, output: Path) -> None:
    """Writes an opened checkpoint as CTranslate2's converter does, in int8.

    Args:
        model: Transformers' Marian or M2M100.
        tokenizer: its tokenizer.
        kind: one of `KINDS`.
        output: a new directory.

    Raises:
        CheckpointError: its weights or its vocabulary aren't as published.
    """
    import torch
    from ctranslate2.converters.converter import Converter
    from ctranslate2.converters.transformers import BartLoader, M2M100Loader, MarianMTLoader

    class Marian(MarianMTLoader):
        """Keeps the embedding of `<pad>`, from which the decoder starts.

        CTranslate2's own loader starts from zeros, which it is in Helsinki-NLP's checkpoints. In
        those that were trained further with Transformers it isn't.
        """

        def _remove_pad_weights(self, spec: Any) -> None:
            pass

        def set_decoder(self, spec: Any, decoder: Any) -> None:
            BartLoader.set_decoder(self, spec, decoder)

        def get_vocabulary(self, model: Any, tokenizer: Any) -> Any:
            return BartLoader.get_vocabulary(self, model, tokenizer)

        def set_config(self, config: Any, model: Any, tokenizer: Any) -> None:
            super().set_config(config, model, tokenizer)
            config.decoder_start_token = tokenizer.pad_token

    class Opened(Converter):
        """Converts the network that is in memory; reads no file again, and opens no pickle."""

        def _load(self) -> Any:
            with torch.no_grad():
                return (Marian() if kind == "marian" else M2M100Loader())(model.float(), tokenizer)

    try:
        Opened().convert(str(output), quantization="int8")
    except (ValueError, KeyError, AttributeError, IndexError) as error:
        raise CheckpointError(
            f"The translator can't be converted for CTranslate2 ({type(error).__name__}): its "
            "weights or its vocabulary aren't as published."
        ) from error
