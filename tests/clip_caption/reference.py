"""ClipCap's decoding as its inference notebook has it: one image at a time, the whole text through
GPT-2 for every token. What the engine's answers are compared with.

Mokady, Hertz and Bermano 2021 (arXiv 2111.09734), functions `generate2` and `generate_beam`; stated
anew here, with tokens as the result where theirs is text; `say` is their step from tokens to text.
"""

import functools

import torch
from transformers import GPT2Tokenizer

from clip_caption.building.network import CaptionModel
from clip_caption.vocabulary import gpt2_ids

STOP, LONGEST = 13, 67  # the token ".", and tokens


@functools.cache
def _tokenizer() -> GPT2Tokenizer:
    tokenizer = GPT2Tokenizer(vocab=gpt2_ids(), merges=[])  # decoding needs no merges
    # The default of the Transformers that the reference pins; newer ones want to be asked for it.
    tokenizer.clean_up_tokenization_spaces = True
    tokenizer.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output = True
    return tokenizer


def say(tokens: list[int]) -> str:
    """The text of tokens, but for spaces at its ends."""
    return str(_tokenizer().decode(tokens)).strip()


def generate2(
    model: CaptionModel,
    prefix: torch.Tensor,
    entry_length: int = LONGEST,
    top_p: float = 0.8,
    temperature: float = 1.0,
    stop: int = STOP,
) -> tuple[list[int], float]:
    """Greedy: the likeliest token of those that the filter leaves, which it always is.

    Args:
        prefix: (1, prefix_length, width).

    Returns:
        The tokens, and the mean of their log-probabilities, which the original doesn't tell.
    """
    words = model.gpt.transformer.wte
    generated, tokens, total = prefix, [], 0.0
    for _ in range(entry_length):
        logits = model.gpt(inputs_embeds=generated, use_cache=False).logits[:, -1]
        plain = logits.log_softmax(-1)
        logits = logits / (temperature if temperature > 0 else 1.0)
        ordered, places = logits.sort(descending=True)
        beyond = ordered.softmax(-1).cumsum(-1) > top_p
        beyond[:, 1:] = beyond[:, :-1].clone()
        beyond[:, 0] = False
        logits[0, places[beyond]] = -float("inf")
        token = logits.argmax(-1)
        tokens.append(int(token))
        total += float(plain[0, token])
        generated = torch.cat((generated, words(token)[None]), dim=1)
        if token == stop:
            break
    return tokens, total / len(tokens)


def generate_beam(
    model: CaptionModel,
    prefix: torch.Tensor,
    beam_size: int = 5,
    entry_length: int = LONGEST,
    temperature: float = 1.0,
    stop: int = STOP,
) -> list[tuple[list[int], float]]:
    """Beams by their mean log-probability, best first.

    Args:
        prefix: (1, prefix_length, width).

    Returns:
        Of each beam its tokens and the mean of their log-probabilities.
    """
    words = model.gpt.transformer.wte
    generated = prefix
    tokens = scores = torch.empty(0)
    lengths = torch.ones(beam_size)
    stopped = torch.zeros(beam_size, dtype=torch.bool)
    for step in range(entry_length):
        logits = model.gpt(inputs_embeds=generated, use_cache=False).logits[:, -1]
        logits = (logits / (temperature if temperature > 0 else 1.0)).softmax(-1).log()
        if step == 0:
            scores, following = logits[0].topk(beam_size)
            generated = generated.expand(beam_size, -1, -1)
            tokens = following[:, None]
        else:
            logits[stopped] = -float("inf")
            logits[stopped, 0] = 0
            sums = scores[:, None] + logits
            lengths[~stopped] += 1
            means, best = (sums / lengths[:, None]).flatten().topk(beam_size)
            source, following = best // logits.shape[1], best % logits.shape[1]
            lengths, stopped = lengths[source], stopped[source]
            tokens = torch.cat((tokens[source], following[:, None]), dim=1)
            generated = generated[source]
            scores = means * lengths
        generated = torch.cat((generated, words(following)[:, None]), dim=1)
        stopped = stopped | (following == stop)
        if stopped.all():
            break
    means = scores / lengths
    return [
        (tokens[beam, : int(lengths[beam])].tolist(), float(means[beam]))
        for beam in means.argsort(descending=True)
    ]
