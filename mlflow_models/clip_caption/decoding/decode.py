"""Searches for captions as CLIP_prefix_caption does, for many images at once.

`beam` is its `generate_beam`, which differs from the usual beam search: at every step it ranks the
candidates by their mean log-probability, and a beam that has ended stays among them with its last
mean. `greedy` is its `generate2`: its top-p and temperature never change which token is likeliest,
and it takes the likeliest. `nucleus` draws tokens (Holtzman et al. 2019, arXiv 1904.09751).
"""

import numpy as np

from clip_caption.decoding.decoder import CaptionDecoder
from clip_caption.decoding.rows import HostRows, Rows
from clip_caption.options import Options
from clip_caption.vocabulary import STOP

FEW_TOKENS = 256  # mostly enough for a nucleus; where they aren't, all tokens are ranked

GUESSES = 5  # tokens of a draft that GPT-2 checks together

Written = tuple[list[int], float]  # tokens, and the mean of their log-probabilities


def search(decoder: CaptionDecoder, prefixes: np.ndarray, options: Options) -> list[list[Written]]:
    """Search for the captions of each image, best first.

    Args:
        decoder: GPT-2.
        prefixes: What each caption begins with, float32 (images, prefix_length, width).
        options: The request's.
    """
    if options.mode == "beam":
        return _beam(decoder, prefixes, options)
    # ONNX Runtime's attention reads several new tokens of one row, but not of many.
    if options.mode == "greedy" and len(prefixes) == 1 and decoder.draft:
        return [[_guess(decoder, decoder.draft, prefixes, options.max_tokens)]]
    return _sample(decoder, prefixes, options)


def _beam(decoder: CaptionDecoder, prefixes: np.ndarray, options: Options) -> list[list[Written]]:
    """Search by beams; prefixes are float32 (images, prefix_length, width).

    A group is the beams of an image whose search goes on, in successive rows of `rows`.
    """
    images, beams = len(prefixes), options.beam_size
    scale = 1 / options.temperature
    rows = decoder.rows(prefixes, beams, options.max_tokens, beams, scale)
    found: list[list[Written]] = [[] for _ in range(images)]
    left = np.arange(images)  # (groups,): the image of each group
    scores = rows.values  # (groups, beams): sums of log-probabilities
    tokens = rows.tokens[:, :, None]  # (groups, beams, length)
    lengths = np.ones(scores.shape, np.float32)  # (groups, beams): tokens of each beam
    stopped = tokens[:, :, 0] == STOP  # (groups, beams)
    rows.split()
    while True:
        ended = stopped.all(axis=1) | (tokens.shape[2] == options.max_tokens)  # (groups,)
        for group in np.flatnonzero(ended):
            means = scores[group] / lengths[group]  # (beams,)
            for beam in np.argsort(-means, kind="stable"):
                caption = tokens[group, beam, : int(lengths[group, beam])].tolist()
                found[left[group]].append((caption, float(means[beam])))
        if ended.all():
            return found
        if ended.any():
            kept = np.array(_fill_gaps(ended))  # (groups that go on,)
            rows.keep((kept[:, None] * beams + np.arange(beams)).ravel())
            left, scores, tokens, lengths, stopped = (
                one[kept] for one in (left, scores, tokens, lengths, stopped)
            )
        rows.step(tokens[:, :, -1].ravel())
        # (groups, beams) each
        parents, following, scores, lengths = _rank(rows, scores, lengths, stopped)
        parents, following, scores, lengths = (
            np.take_along_axis(one, order, axis=1)
            for order in [_stay(parents)]
            for one in (parents, following, scores, lengths)
        )
        stopped = np.take_along_axis(stopped, parents, axis=1) | (following == STOP)
        before = np.take_along_axis(tokens, parents[:, :, None], axis=1)  # (groups, beams, length)
        tokens = np.concatenate((before, following[:, :, None]), axis=2)  # length is one more
        # A beam that has ended needs no keys and values: nothing reads them again.
        moved, beam = np.nonzero((parents != np.arange(beams)) & ~stopped)
        rows.move(moved * beams + beam, moved * beams + parents[moved, beam])


def _rank(
    rows: Rows, scores: np.ndarray, lengths: np.ndarray, stopped: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Choose the best beams of each image.

    Args:
        rows: What could come next, a row for each beam.
        scores: Sums of log-probabilities, float32 (images, beams).
        lengths: Tokens of each beam, float32 (images, beams).
        stopped: Whether a beam has ended, bool (images, beams).

    Returns:
        For each of the best beams, all (images, beams): the parent's number, int64; the token
        that comes next, int64; the sum of log-probabilities, float32; the length, float32.
    """
    images, beams = scores.shape
    values = rows.values.reshape(images, beams, -1)  # (images, beams, best)
    tokens = rows.tokens.reshape(values.shape)  # (images, beams, best)
    # A beam that has ended goes on in one way: with a token that adds nothing to its score.
    values = np.where(stopped[:, :, None], np.float32(-np.inf), values)
    values[stopped, 0] = 0
    lengths = lengths + ~stopped
    means = (scores[:, :, None] + values) / lengths[:, :, None].astype(np.float32)
    # (images, beams), as all that follows; each is a place in (beams * best)
    best = np.argsort(-means.reshape(images, -1), axis=1, kind="stable")[:, :beams]
    parents = best // values.shape[2]
    lengths = np.take_along_axis(lengths, parents, axis=1).astype(np.float32)
    means = np.take_along_axis(means.reshape(images, -1), best, axis=1)
    following = np.take_along_axis(tokens.reshape(images, -1), best, axis=1)
    following[np.take_along_axis(stopped, parents, axis=1)] = 0  # as in the reference
    return parents, following, means * lengths, lengths


def _stay(parents: np.ndarray) -> np.ndarray:
    """Order the new beams so that the first child of each parent stays in the parent's row.

    This copies as few rows as possible, and reads each row before it is overwritten.

    Args:
        parents: The number of each beam's parent, int64 (images, beams).

    Returns:
        For each row the number of its new beam, int64 (images, beams).
    """
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
    """List the groups that go on; the last of them take the places of those that ended.

    Args:
        ended: bool (groups,).
    """
    count = int((~ended).sum())
    last = iter([group for group in range(count, len(ended)) if not ended[group]])
    return [next(last) if ended[group] else group for group in range(count)]


def _sample(decoder: CaptionDecoder, prefixes: np.ndarray, options: Options) -> list[list[Written]]:
    """Write each caption by itself: its next token is the likeliest, or is drawn.

    Args:
        decoder: GPT-2.
        prefixes: float32 (images, prefix_length, width).
        options: The request's.
    """
    each, greedy = options.rows, options.mode == "greedy"
    best, scale = (1, 1.0) if greedy else (FEW_TOKENS, 1 / options.temperature)
    rows = decoder.rows(prefixes, each, options.max_tokens, best, scale)
    captions: list[list[int]] = [[] for _ in range(len(prefixes) * each)]
    sums = np.zeros(len(captions))  # (captions,): sums of log-probabilities
    # Each caption has its own generator, so that its draws don't depend on the other images.
    draws = [np.random.default_rng([options.seed, one % each]) for one in range(len(captions))]
    left = np.arange(len(captions))  # (rows,): the caption of each row
    while True:
        if not greedy and (np.exp(rows.values).sum(axis=1) <= options.top_p).any():
            rows.rank(len(decoder.words))
        if rows.count < len(left):
            rows.split()
        places = np.zeros(len(left), int)  # (rows,): the place of the token among the best
        if not greedy:
            for row, caption in enumerate(left):
                places[row] = _draw(rows.values[row], options.top_p, draws[caption])
        chosen = rows.tokens[np.arange(len(left)), places]  # (rows,)
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


def _guess(
    decoder: CaptionDecoder, draft: CaptionDecoder, prefix: np.ndarray, longest: int
) -> Written:
    """Write one caption greedily: a draft guesses the next tokens, GPT-2 checks them in one run.

    To read GPT-2's weights takes most of a run's time, and a run over five tokens reads them once,
    too. It tells the likeliest token after each, so the tokens up to the first wrong guess, and one
    more, are those that GPT-2 chooses by itself (Leviathan et al. 2023, arXiv 2211.17192).

    Args:
        decoder: GPT-2.
        draft: A faster one that mostly chooses the same tokens.
        prefix: float32 (1, prefix_length, width).
        longest: The most tokens.
    """
    checked, drafted = (
        HostRows(decoder, prefix, 1, longest, 1),
        HostRows(draft, prefix, 1, longest, 1),
    )
    tokens, total = [int(checked.tokens[0, 0])], float(checked.values[0, 0])
    while tokens[-1] != STOP and len(tokens) < longest:
        guesses: list[int] = []
        unread = tokens[drafted.written :]
        while len(guesses) < min(GUESSES, longest - len(tokens) - 1):
            drafted.extend(unread)
            unread = [int(drafted.tokens[-1, 0])]
            if unread == [STOP]:
                break
            guesses += unread
        checked.extend([tokens[-1], *guesses])
        said = checked.tokens[:, 0].tolist()
        right = next((at for at, one in enumerate(guesses) if one != said[at]), len(guesses))
        tokens += said[: right + 1]
        total += float(checked.values[: right + 1, 0].sum())
        for rows in (checked, drafted):
            rows.cut(len(tokens) - 1)
    return tokens, total / len(tokens)


def _draw(values: np.ndarray, top_p: float, draws: np.random.Generator) -> int:
    """Draw a token from the nucleus.

    Args:
        values: Log-probabilities, best first, float32 (best,).
        top_p: How probable the nucleus is, at least.
        draws: The caption's generator.

    Returns:
        The place of the token.
    """
    weights = np.exp(values.astype(np.float64))  # (best,)
    # The nucleus always has the likeliest token, and the token that reaches top_p.
    weights = weights[: int((weights.cumsum() <= top_p).sum()) + 1]
    return int(draws.choice(len(weights), p=weights / weights.sum()))
