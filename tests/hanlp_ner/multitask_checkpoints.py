"""Makes multi-task HanLP checkpoints with random weights, in the shape of the published
CLOSE_TOK_POS_NER_SRL_DEP_SDP_CON_ELECTRA_SMALL_ZH and in the format that HanLP's `save` writes."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tests.hanlp_ner.checkpoints import NOTHING, set_all, write_transformer

TOKENIZERS = ("tok/fine", "tok/coarse")
TAGGERS = ("pos/ctb", "pos/pku")
RECOGNIZERS = {
    "ner/msra": ("PERSON", "LOCATION", "ORGANIZATION", "DATE", "MONEY"),
    "ner/pku": ("nr", "ns", "nt"),
    "ner/ontonotes": ("PERSON", "GPE", "ORG", "WORK_OF_ART"),
}
PARSERS = ("srl", "dep", "sdp", "con")
PARTS_OF_SPEECH = "AD AS CC CD DEG JJ LC M NN NR NT P PN PU SP VA VC VE VV".split()
RELATIONS = "root nsubj nn dobj advmod punct conj dep amod nummod prep pobj".split()
ROLES = "<null> ARG0 ARG1 ARG2 ARGM-ADV ARGM-LOC ARGM-TMP".split()
CONSTITUENTS = "NULL IP NP VP PP ADVP QP CP DP".split()
TABLE = {"繁": "简", "體": "体", "Ａ": "A", "“": '"', "‘": "'"}


def random_multitask(
    directory: Path,
    width: int = 32,
    layers: int = 2,
    heads: int = 2,
    size: int = 0,
    relative: bool = False,
    only: Collection[str] = (),
    settings: Mapping[str, Mapping[str, Any]] = NOTHING,
) -> Path:
    """Saves a MultiTaskLearning component with random weights; returns its directory.

    Args:
        directory: Where to save; `transformer/` and `utils/` in it make it self-contained.
        width, layers, heads, size: Sizes of its ELECTRA.
        relative: Whether its recognizers have a RelativeTransformerEncoder each.
        only: The tasks that it has; empty: all.
        settings: More of the configuration, by task, or for `encoder` or the whole (`""`).
    """
    import torch
    from hanlp.components.mtl.multi_task_learning import MultiTaskLearning
    from hanlp.layers.embeddings.contextual_word_embedding import ContextualWordEmbedding

    write_transformer(directory / "transformer", "electra", width, layers, heads, size)
    (directory / "utils").mkdir()
    table = directory / "utils" / "char_table.json"
    table.write_text(json.dumps(TABLE, ensure_ascii=False), encoding="utf-8")
    torch.manual_seed(0)
    tasks = _tasks(width, str(table), relative)
    tasks = {name: task for name, task in tasks.items() if not only or name in only}
    for name, task in tasks.items():
        set_all(task, settings.get(name, {}))
    component = MultiTaskLearning()
    encoder = ContextualWordEmbedding(
        "token",
        str(directory / "transformer"),
        average_subwords=True,
        word_dropout=0.1,
        **{"max_sequence_length": 512, **settings.get("encoder", {})},
    )
    component.config.update(encoder=encoder, task_names=list(tasks), transform=None, **tasks)
    component.config.update(settings.get("", {}))
    component.on_config_ready(**component.config)
    component.model = component.build_model(training=False).eval()
    for name, weight in component.model.named_parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=1.2 * weight.shape[-1] ** -0.5)
        elif name.startswith("decoders.tok") and name.endswith("classifier.bias"):
            weight.data[component["tok/fine"].vocabs.tag["M"]] -= 2.0  # words of one or two
    component.save(str(directory))
    return directory


def _tasks(width: int, table: str, relative: bool) -> dict[str, Any]:
    """The tasks, under their published names, with small vocabularies."""
    from hanlp.common.transform import NormalizeCharacter, VocabDict
    from hanlp.common.vocab import Vocab, VocabWithNone
    from hanlp.components.mtl.tasks.constituency import CRFConstituencyParsing
    from hanlp.components.mtl.tasks.dep import BiaffineDependencyParsing
    from hanlp.components.mtl.tasks.ner.tag_ner import TaggingNamedEntityRecognition
    from hanlp.components.mtl.tasks.pos import TransformerTagging
    from hanlp.components.mtl.tasks.sdp import BiaffineSemanticDependencyParsing
    from hanlp.components.mtl.tasks.srl.rank_srl import SpanRankingSemanticRoleLabeling
    from hanlp.components.mtl.tasks.tok.tag_tok import TaggingTokenization
    from hanlp.layers.transformers.relative_transformer import RelativeTransformerEncoder

    tasks: dict[str, Any] = {}

    def add(name: str, task: Any, field: str, labels: Any, kind: Any = Vocab) -> None:
        vocab = kind(pad_token=None, unk_token=None)
        for label in labels:
            vocab.add(label)
        vocab.lock()
        task.vocabs = VocabDict(**{field: vocab})
        tasks[name] = task

    for name in TOKENIZERS:
        normal = NormalizeCharacter(table, "token")
        add(name, TaggingTokenization(tagging_scheme="BMES", transform=normal), "tag", "BMES")
    for name in TAGGERS:
        add(name, TransformerTagging(dependencies="tok/fine"), "tag", PARTS_OF_SPEECH)
    for name, types in RECOGNIZERS.items():
        task = TaggingNamedEntityRecognition(
            dependencies="tok/coarse" if name == "ner/pku" else "tok/fine",
            delimiter_in_entity="",
            secondary_encoder=RelativeTransformerEncoder(width, k_as_x=True) if relative else None,
        )
        add(name, task, "tag", ["O", *(f"{place}-{one}" for one in types for place in "BIES")])
    after: dict[str, Any] = {"dependencies": "tok/fine"}
    mlp: dict[str, Any] = {"n_mlp_arc": 64, "n_mlp_rel": 32, "punct": True}
    srl = SpanRankingSemanticRoleLabeling(
        doc_level_offset=False, with_argument="", ffnn_size=32, mlp_label_size=16, **after
    )
    add("srl", srl, "srl_label", ROLES)
    add("dep", BiaffineDependencyParsing(tree=True, proj=True, **mlp, **after), "rel", RELATIONS)
    sdp = BiaffineSemanticDependencyParsing(apply_constraint=True, **mlp, **after)
    sdp.config.root_rel_id = RELATIONS.index("root")  # which `fit` would have noted
    add("sdp", sdp, "rel", RELATIONS)
    add("con", CRFConstituencyParsing(**after), "chart", CONSTITUENTS, VocabWithNone)
    return tasks
