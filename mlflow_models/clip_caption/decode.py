"""How captions are searched for: the decoding of CLIP_prefix_caption, for many images at once.

`beam` is its `generate_beam`, which is not the beam search that is found elsewhere: candidates are
ranked by their mean log-probability at every step, and a beam that has ended stays among them with
the mean that it ended with. `greedy` is its `generate2`, whose top-p and temperature never change
the likeliest token, which is what it takes. `nucleus` draws (Holtzman et al. 2019,
arXiv 1904.09751).
"""

import numpy as np

from clip_caption.decoder import CaptionDecoder, Rows
from clip_caption.options import Options
from clip_caption.vocabulary import STOP

FEW_TOKENS = 256  # mostly enough for a nucleus; where they aren't, all tokens are ranked

Written = tuple[list[int], float]  # tokens, and the mean of their log-probabilities


def search(decoder: CaptionDecoder, prefixes: np.ndarray, options: Options) -> list[list[Written]]:
    """Captions for each of `prefixes` (images, prefix_length, width), best first."""
    written = _beam if options.mode == "beam" else _sample
    return written(decoder, prefixes, options)


def _beam(decoder: CaptionDecoder, prefixes: np.ndarray, options: Options) -> list[list[Written]]:
    images, beams = len(prefixes), options.beam_size
    rows = Rows(decoder, prefixes, options.max_tokens, beams, 1 / options.temperature)
    found: list[list[Written]] = [[] for _ in range(images)]
    left = np.arange(images)  # which image a group is of
    scores, tokens = rows.values, rows.tokens[:, :, None]  # (images, beams), (..., tokens)
    lengths = np.ones(scores.shape, np.float32)
    stopped = tokens[:, :, 0] == STOP
    rows.split(beams)
    while True:
        ended = stopped.all(axis=1) | (tokens.shape[2] == options.max_tokens)
        for group in np.flatnonzero(ended):
            means = scores[group] / lengths[group]
            for beam in np.argsort(-means, kind="stable"):
                caption = tokens[group, beam, : int(lengths[group, beam])].tolist()
                found[left[group]].append((caption, float(means[beam])))
        if ended.all():
            return found
        if ended.any():
            kept = np.array(_fill_gaps(ended))
            rows.keep((kept[:, None] * beams + np.arange(beams)).ravel())
            left, scores, tokens, lengths, stopped = (
                one[kept] for one in (left, scores, tokens, lengths, stopped)
            )
        rows.step(tokens[:, :, -1].ravel())
        parents, following, scores, lengths = _rank(rows, scores, lengths, stopped)
        parents, following, scores, lengths = (
            np.take_along_axis(one, order, axis=1)
            for order in [_stay(parents)]
            for one in (parents, following, scores, lengths)
        )
        stopped = np.take_along_axis(stopped, parents, axis=1) | (following == STOP)
        before = np.take_along_axis(tokens, parents[:, :, None], axis=1)
        tokens = np.concatenate((before, following[:, :, None]), axis=2)
        # what has ended is only kept in the list: its keys and values are never read again
        moved, beam = np.nonzero((parents != np.arange(beams)) & ~stopped)
        rows.move(moved * beams + beam, moved * beams + parents[moved, beam])


def _rank(
    rows: Rows, scores: np.ndarray, lengths: np.ndarray, stopped: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The best beams' parents, tokens, sums of log-probabilities, and lengths: (images, beams)."""
    images, beams = scores.shape
    values = rows.values.reshape(images, beams, -1)
    tokens = rows.tokens.reshape(values.shape)
    # a beam that has ended goes on in one way: as it is, with a token that counts for nothing
    values = np.where(stopped[:, :, None], np.float32(-np.inf), values)
    values[stopped, 0] = 0
    lengths = lengths + ~stopped
    means = (scores[:, :, None] + values) / lengths[:, :, None].astype(np.float32)
    best = np.argsort(-means.reshape(images, -1), axis=1, kind="stable")[:, :beams]
    parents = best // values.shape[2]
    lengths = np.take_along_axis(lengths, parents, axis=1).astype(np.float32)
    means = np.take_along_axis(means.reshape(images, -1), best, axis=1)
    following = np.take_along_axis(tokens.reshape(images, -1), best, axis=1)
    following[np.take_along_axis(stopped, parents, axis=1)] = 0  # as the reference has it
    return parents, following, means * lengths, lengths


def _stay(parents: np.ndarray) -> np.ndarray:
    """An order of the beams, (images, beams), by which a parent's first child takes its row, so
    that as few rows as possible are copied, and none before it is read."""
    order = np.full(parents.shape, -1)
    for image, sources in enumerate(parents.tolist()):
        spare = []
        for beam, parent in enumerate(sources):
            if order[image, parent] < 0:
                order[image, parent] = beam
            else:
                spare.append(beam)
        order[image, order[image] < 0] = spare
    return order


def _fill_gaps(ended: np.ndarray) -> list[int]:
    """The groups that go on, in an order in which the last ones take the places of what ended."""
    count = int((~ended).sum())
    last = iter([group for group in range(count, len(ended)) if not ended[group]])
    return [next(last) if ended[group] else group for group in range(count)]


def _sample(decoder: CaptionDecoder, prefixes: np.ndarray, options: Options) -> list[list[Written]]:
    """Captions whose next token is taken without regard to the other captions."""
    each, greedy = options.rows, options.mode == "greedy"
    best, scale = (1, 1.0) if greedy else (FEW_TOKENS, 1 / options.temperature)
    rows = Rows(decoder, prefixes, options.max_tokens, best, scale)
    captions: list[list[int]] = [[] for _ in range(len(prefixes) * each)]
    sums = np.zeros(len(captions))
    # a generator for each caption, so that what is drawn doesn't depend on the images beside it
    draws = [np.random.default_rng([options.seed, one % each]) for one in range(len(captions))]
    left = np.arange(len(captions))  # which caption a row is of
    while True:
        if not greedy and (np.exp(rows.values).sum(axis=1) <= options.top_p).any():
            rows.rank(len(decoder.words))
        if rows.count < len(left):
            rows.split(each)
        places = np.zeros(len(left), int)
        if not greedy:
            for row, caption in enumerate(left):
                places[row] = _draw(rows.values[row], options.top_p, draws[caption])
        chosen = rows.tokens[np.arange(len(left)), places]
        sums[left] += rows.values[np.arange(len(left)), places]
        for caption, token in zip(left, chosen.tolist(), strict=True):
            captions[caption].append(token)
        ended = (chosen == STOP) | (len(captions[left[0]]) == options.max_tokens)
        if ended.all():
            break
        if ended.any():
            kept = _fill_gaps(ended)
            rows.keep(kept)
            left, chosen = left[kept], chosen[kept]
        rows.step(chosen)
    written = [
        (tokens, float(total / len(tokens))) for tokens, total in zip(captions, sums, strict=True)
    ]
    return [
        sorted(written[start : start + each], key=lambda one: -one[1])
        for start in range(0, len(written), each)
    ]


def _draw(values: np.ndarray, top_p: float, draws: np.random.Generator) -> int:
    """Which of the tokens with these log-probabilities, best first, is drawn."""
    weights = np.exp(values.astype(np.float64))
    # the likeliest is always among them, and so is the one that reaches top_p
    weights = weights[: int((weights.cumsum() <= top_p).sum()) + 1]
    return int(draws.choice(len(weights), p=weights / weights.sum()))
