"""Checkpoints of Marian and NLLB, in the published formats, that know four sentences by heart."""

import json
from pathlib import Path
from typing import Any

PAIRS = {
    "น้ำท่วมหน้าตลาด": "A flood in front of a market.",
    "ขยะเต็มถนน": "Rubbish all over the road.",
    "ต้นไม้ล้มขวางทาง": "A fallen tree across the road.",
    "ไฟถนนดับ": "A broken street lamp.",
}


def write_translator(directory: Path, pairs: dict[str, str] = PAIRS) -> Path:
    """Trains the tokenizers and the model, and saves them as Helsinki-NLP's checkpoints are."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    directory.mkdir()
    pieces: dict[str, None] = {}
    for name, texts, size in (("source", list(pairs), 48), ("target", list(pairs.values()), 44)):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts * 5),
            model_prefix=str(directory / name),
            vocab_size=size,
            hard_vocab_limit=False,
            bos_id=-1,
            minloglevel=2,
        )
        (directory / f"{name}.model").rename(directory / f"{name}.spm")
        learnt = sentencepiece.SentencePieceProcessor(str(directory / f"{name}.spm"))
        pieces |= dict.fromkeys(learnt.id_to_piece(i) for i in range(learnt.get_piece_size()))
    names = dict.fromkeys(["</s>", "<unk>", *pieces, "<pad>"])
    vocabulary = {piece: index for index, piece in enumerate(names)}
    (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    tokenizer = MarianTokenizer(
        *(str(directory / name) for name in ("source.spm", "target.spm", "vocab.json"))
    )
    torch.manual_seed(1)
    pad, sizes = vocabulary["<pad>"], {"layers": 1, "attention_heads": 2, "ffn_dim": 64}
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(vocabulary),
            d_model=32,
            pad_token_id=pad,
            eos_token_id=0,
            decoder_start_token_id=pad,
            forced_eos_token_id=0,
            dropout=0.0,
            scale_embedding=True,
            **{f"{part}_{k}": v for k, v in sizes.items() for part in ("encoder", "decoder")},
        )
    )
    batch = tokenizer(
        list(pairs), text_target=list(pairs.values()), return_tensors="pt", padding=True
    )
    _learn(model, batch, pad)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def write_many_languages(directory: Path) -> Path:
    """Likewise as Meta's NLLB is: into English it translates, into Thai it repeats."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    letters = sorted({*"".join([*PAIRS, *PAIRS.values()]), "▁"} - {" "})
    names = ["<s>", "<pad>", "</s>", "<unk>", *letters]
    tokenizer = NllbTokenizer(vocab={name: number for number, name in enumerate(names)})
    torch.manual_seed(1)
    sizes = {"layers": 1, "attention_heads": 2, "ffn_dim": 64}
    model = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(tokenizer),
            d_model=32,
            max_position_embeddings=128,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
            dropout=0.0,
            attention_dropout=0.0,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            **{f"{part}_{k}": v for k, v in sizes.items() for part in ("encoder", "decoder")},
        )
    )
    thai, english = [*PAIRS], [*PAIRS.values()]
    tokenizer.src_lang, languages = "tha_Thai", ("eng_Latn", "tha_Thai")
    batch = tokenizer([*thai, *thai], return_tensors="pt", padding=True)
    labels = []
    for language, texts in zip(languages, (english, thai), strict=True):
        tokenizer.tgt_lang = language
        labels += tokenizer(text_target=texts)["input_ids"]
    batch["labels"] = tokenizer.pad({"input_ids": labels}, return_tensors="pt")["input_ids"]
    _learn(model, batch, 1)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _learn(model: Any, batch: Any, pad: int) -> None:
    import torch

    batch["labels"] = batch["labels"].masked_fill(batch["labels"] == pad, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
