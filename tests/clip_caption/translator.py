"""A Marian checkpoint in the published format that has learnt four sentences of Thai by heart."""

import json
from pathlib import Path

PAIRS = {
    "น้ำท่วมหน้าตลาด": "A flood in front of a market.",
    "ขยะเต็มถนน": "Rubbish all over the road.",
    "ต้นไม้ล้มขวางทาง": "A fallen tree across the road.",
    "ไฟถนนดับ": "A broken street lamp.",
}


def write_translator(directory: Path) -> Path:
    """Trains the tokenizers and the model, and saves them as Helsinki-NLP's checkpoints are."""
    import sentencepiece
    import torch
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    directory.mkdir()
    pieces: dict[str, None] = {}
    for name, texts, size in (("source", list(PAIRS), 48), ("target", list(PAIRS.values()), 44)):
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
        list(PAIRS), text_target=list(PAIRS.values()), return_tensors="pt", padding=True
    )
    batch["labels"] = batch["labels"].masked_fill(batch["labels"] == pad, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
