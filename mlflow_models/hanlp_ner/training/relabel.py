"""New labels for a recognizer that is trained: what it knows of the old ones stays.

A person who annotates books leaves persons unmarked. Learnt as they are, such sentences teach the
recognizer to find no persons; so its own answers fill in what nobody has annotated (hard labels
of the model before it, as in Monaikul et al. 2021, "Continual Learning for Named Entity
Recognition", whose student learns its teacher's whole distribution).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from hanlp_ner.training.corpora import Corpus
from hanlp_ner.training.span_scores import predict_spans
from hanlp_ner.training.tags import all_tags

IOBES = {"M": "I", "L": "E", "U": "S"}  # what BMES and BILOU call these


def iobes(tags: Iterable[str]) -> list[str]:
    """Rename the tags of BMES and BILOU to those of IOBES."""
    return [IOBES.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def labels_of(component: Any) -> list[str]:
    """List the labels that a single-task component knows."""
    return sorted({tag[2:] for tag in component.vocabs.tag.idx_to_token if tag[1:2] == "-"})


def fill_in(corpus: Corpus, component: Any, labels: Collection[str]) -> Corpus:
    """Add the entities of some labels that a recognizer finds; they give way to annotated ones.

    Args:
        corpus: What a person has annotated with other labels.
        component: A HanLP component.
        labels: Of the entities to add.
    """
    if not labels:
        return corpus
    examples = []
    found = predict_spans(component, [text for text, _ in corpus.examples])
    for (text, own), spans in zip(corpus.examples, found, strict=True):
        taken = {place for start, end, _ in own for place in range(start, end)}
        more = [one for one in spans if one[2] in labels and taken.isdisjoint(range(*one[:2]))]
        examples.append((text, sorted([*own, *more])))
    return replace(corpus, examples=examples)


def relabel(component: Any, labels: Sequence[str]) -> None:
    """Exchange a component's classifier and CRF, in place, for those of a new set of labels.

    What the network knows of a label stays to the bit. A new label begins as the average of the
    old ones, so that it knows from the start how entities begin and end, plus the noise of a
    fresh classifier, which tells new labels apart.

    Args:
        component: A single-task recognizer.
        labels: All that it is to know, old and new.
    """
    import torch
    from hanlp.common.vocab import Vocab
    from hanlp.layers.crf.crf import CRF

    model, new = component.model, all_tags(labels)
    before, old = model.classifier, iobes(component.vocabs.tag.idx_to_token)
    classifier = torch.nn.Linear(before.in_features, len(new), device=before.weight.device)
    with torch.no_grad():
        for row, tag in enumerate(new):
            if tag in old:
                classifier.weight[row] = before.weight[old.index(tag)]
                classifier.bias[row] = before.bias[old.index(tag)]
            elif like := [place for place, one in enumerate(old) if one[0] == tag[0]]:
                classifier.weight[row] += before.weight[like].mean(dim=0)
                classifier.bias[row] = before.bias[like].mean()
        if model.crf:
            crf = CRF(len(new)).to(before.weight.device)
            carry_over(model.crf, crf, old, new)
            model.crf = crf
    model.classifier = classifier
    component.vocabs.tag = Vocab(idx_to_token=new, pad_token=None, unk_token=None)
    component.vocabs.tag.set_unk_as_safe_unk()
    component.vocabs.lock()


def carry_over(before: Any, after: Any, old: Sequence[str], new: Sequence[str]) -> None:
    """Give a CRF the scores of another one: a tag's own, or the average of tags like it.

    Args:
        before: The CRF of the old tags.
        after: That of the new tags; what no old tag is like keeps its value.
        old, new: The tags of each.
    """

    def kind(first: str, second: str) -> tuple[str, str, bool]:
        """Tell which pairs are alike: B then E of one label, B then E of two labels."""
        return first[0], second[0], first[2:] == second[2:]

    edges = (
        (before.start_transitions.tolist(), after.start_transitions),
        (before.end_transitions.tolist(), after.end_transitions),
    )
    for scores, target in edges:
        for row, tag in enumerate(new):
            own = [scores[place] for place, one in enumerate(old) if one == tag]
            like = own or [scores[place] for place, one in enumerate(old) if one[0] == tag[0]]
            if like:
                target[row] = sum(like) / len(like)
    scores = before.transitions.tolist()
    pairs: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for row, first in enumerate(old):
        for column, second in enumerate(old):
            pairs[first, second].append(scores[row][column])
            pairs[kind(first, second)].append(scores[row][column])
    for row, first in enumerate(new):
        for column, second in enumerate(new):
            if both := pairs.get((first, second)) or pairs.get(kind(first, second)):
                after.transitions[row, column] = sum(both) / len(both)
