"""From the tags of a sentence to its entities, and back. Tags can't say that entities overlap."""

from collections.abc import Iterable, Sequence

from hanlp_ner.training.formats import Entity


def tags_to_entities(tags: Sequence[str]) -> list[Entity]:
    """Decode BIO, BIOES (also IOBES, BMES, BILOU) tags.

    Returns:
        Entities with offsets in tags.

    Raises:
        ValueError: A tag is of none of these schemes.
    """
    entities: list[Entity] = []
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        if prefix not in tuple("BIOESMLU") or bool(kind) != (prefix != "O"):
            raise ValueError(f"unknown tag {tag!r}")
        if label and (prefix in "BOSU" or kind != label):
            entities.append((start, i, label))
            label = ""
        if prefix != "O" and not label:
            start, label = i, kind
        if label and prefix in "ESLU":
            entities.append((start, i + 1, label))
            label = ""
    return entities


def all_tags(labels: Iterable[str]) -> list[str]:
    """List the IOBES tags of labels, O first."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BIES")]


def flat(entities: Iterable[Entity]) -> list[Entity]:
    """Leave out what a tag for each character can't say: entities that overlap an earlier one.

    Of two that begin at one character the longer one stays.
    """
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda one: (one[0], -one[1], one[2])):
        if not kept or entity[0] >= kept[-1][1]:
            kept.append(entity)
    return kept


def entities_to_tags(length: int, entities: Iterable[Entity]) -> list[str]:
    """Encode entities as IOBES tags, one per character; what overlaps gives way, as in `flat`."""
    tags = ["O"] * length
    for start, end, label in flat(entities):
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start] = f"B-{label}"
        tags[end - 1] = f"E-{label}" if end - start > 1 else f"S-{label}"
    return tags
