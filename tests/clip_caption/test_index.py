"""The index of a collection: searched exactly or in lists, packed, and asked; who votes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from clip_caption.exploring.classification import Labelled, leave_group_out, threshold_for
from clip_caption.exploring.indexing import write_index
from clip_caption.searching.index import Index, normalised
from clip_caption.searching.nearest import Exact
from clip_caption.searching.voting import likely, vote
from zoo.errors import CheckpointError, ZooError

KINDS = ("flood", "pothole", "rubbish")


def collection(count: int, width: int = 32, seed: int = 1, spread: float = 0.6) -> Labelled:
    """Features around one direction a category, as CLIP's are: all cosines are high."""
    fixed, generator = np.random.default_rng(0), np.random.default_rng(seed)
    middles = 3 * fixed.standard_normal(width) + 2 * fixed.standard_normal((len(KINDS), width))
    labels = (np.arange(count) % len(KINDS)).astype(np.int32)
    vectors = middles[labels] + spread * generator.standard_normal((count, width))
    ids = [f"{number:05d}.jpg" for number in range(count)]
    probe = normalised(fixed.standard_normal((1, width)))[0]
    return Labelled(ids, normalised(vectors), list(KINDS), labels[:, None], probe, np.arange(count))


def written(data: Labelled, path: Path, **options: float | bool | None) -> Index:
    """An index that was written and read again."""
    usual = {"k": 5, "exact": None, "rejected": 0.01, "accuracy": None, "seed": 1}
    write_index(path, data, **{**usual, **options})  # type: ignore[arg-type]
    return Index.read(path)


def test_the_neighbours_are_those_of_scikit_learn() -> None:
    vectors = collection(500).vectors
    queries = collection(150, seed=2).vectors
    similarities, rows = Exact(vectors)(queries, 7)
    reference = NearestNeighbors(n_neighbors=7, metric="cosine").fit(vectors)
    distances, expected = reference.kneighbors(queries)
    assert np.array_equal(rows, expected)
    assert similarities == pytest.approx(1 - distances, abs=1e-5)


def test_an_index_answers_the_category_and_the_neighbours(tmp_path: Path) -> None:
    data = collection(300)
    index = written(data, tmp_path / "index")
    queries = collection(30, seed=3)
    answers = index.classify(100 * queries.vectors, k=3)  # CLIP's features aren't normalised
    assert [answer.category for answer in answers] == [KINDS[label] for (label,) in queries.labels]
    for answer, query in zip(answers, queries.vectors, strict=True):
        best = np.argsort(-(data.vectors @ query))[:3]
        assert [one["id"] for one in answer.neighbours] == [data.ids[row] for row in best]
        assert [one["category"] for one in answer.neighbours] == [
            KINDS[data.labels[row, 0]] for row in best
        ]
        found = [one["similarity"] for one in answer.neighbours]
        assert found == pytest.approx((data.vectors @ query)[best].tolist(), abs=1e-4)
    assert json.loads(json.dumps(answers[0].neighbours)) == answers[0].neighbours
    rows, labels, similarities = index.search(queries.vectors, 4)
    assert (rows.shape, labels.shape, similarities.shape) == ((30, 4), (30, 4, 1), (30, 4))


def test_how_many_are_shown_does_not_change_who_votes(tmp_path: Path) -> None:
    index = written(collection(300, spread=6.0), tmp_path / "index", k=15)
    queries = collection(60, seed=4, spread=6.0).vectors
    answers = [index.classify(queries, k) for k in (1, 15, 40, 1000)]
    assert len({tuple(answer.category for answer in some) for some in answers}) == 1
    assert [len(some[0].neighbours) for some in answers] == [1, 15, 40, 300]
    assert index.classify(queries[:0]) == []


def test_a_vote_counts_by_similarity_and_by_how_rare_the_category_is() -> None:
    labels = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 2, 0]])[:, :, None]
    similarities = np.array([[0.9, 0.85, 0.8, 0.5], [0.9, 0.3, 0.2, 0.1], [0.9, 0.88, 0.86, 0.5]])
    best, chances = vote(labels, similarities, np.array([100, 100, 100]), 300)
    assert best.tolist() == [1, 1, 0]
    assert (chances.sum(axis=1) > 0).all()
    assert vote(labels, similarities, np.array([290, 290, 4]), 300)[0].tolist() == [1, 1, 2]
    lonely = np.array([[0.9, -np.inf, -np.inf, -np.inf]])  # the others are its copies: no vote
    assert vote(labels[:1], lonely, np.array([100, 100, 100]), 300)[0].tolist() == [0]


def test_rare_categories_are_found_beside_a_thousand_others() -> None:
    fixed, generator = np.random.default_rng(0), np.random.default_rng(3)
    sizes = [1000, 4, 8, 12]
    middles = 3 * fixed.standard_normal(64) + 2 * fixed.standard_normal((4, 64))
    labels = np.repeat(np.arange(4), sizes)
    vectors = normalised(middles[labels] + 3 * generator.standard_normal((len(labels), 64)))
    names = ["road", "a", "b", "c"]
    count = len(labels)
    data = Labelled([str(n) for n in range(count)], vectors, names,
                    labels[:, None].astype(np.int32), vectors[0], np.arange(count))  # fmt: skip
    outcome = leave_group_out(Exact(vectors), data, 10, 1)
    recalls = [(outcome.voted[labels == one] == one).mean() for one in range(4)]
    assert recalls[0] > 0.98
    assert min(recalls[1:]) >= 0.5, recalls  # by the most votes of ten: 0, 0.6, 0.9


def test_photos_with_several_categories_get_several(tmp_path: Path) -> None:
    data = collection(300)
    labels = np.concatenate([data.labels, np.full_like(data.labels, -1)], axis=1)
    labels[data.labels[:, 0] == 0, 1] = 1  # each flood has a pothole, too
    both = Labelled(data.ids, data.vectors, data.categories, labels, data.probe, data.groups)
    index = written(both, tmp_path / "index")
    queries = collection(30, seed=3)
    for answer, (label,) in zip(index.classify(queries.vectors), queries.labels, strict=True):
        named = answer.categories or []
        assert answer.category in named
        assert {*named} == ({"flood", "pothole"} if label == 0 else {KINDS[label]})
        assert answer.neighbours[0]["category"] == ("flood, pothole" if label == 0
                                                    else KINDS[label])  # fmt: skip
    assert written(data, tmp_path / "one").classify(queries.vectors)[0].categories is None
    assert likely(2, np.array([0.6, 0.1, 0.3])) == [2, 0]


@pytest.mark.parametrize("exact", [True, False])
def test_photos_without_a_category_are_found_but_do_not_vote(exact: bool, tmp_path: Path) -> None:
    if not exact:
        pytest.importorskip("faiss")
    data, queries = collection(300, spread=6.0), collection(60, seed=4, spread=6.0).vectors
    kept = np.sort(np.random.default_rng(1).permutation(300)[:100])
    labels = np.full_like(data.labels, -1)
    labels[kept] = data.labels[kept]
    some = replace(data, labels=labels)
    few = replace(data, ids=[data.ids[row] for row in kept], vectors=data.vectors[kept],
                  labels=data.labels[kept], groups=data.groups[kept])  # fmt: skip
    index, voters = (
        written(one, tmp_path / "index", exact=exact, rejected=0.3) for one in (some, few)
    )
    assert index.threshold == pytest.approx(voters.threshold, abs=1e-3)
    answers = index.classify(queries, 300)
    assert [one.category for one in answers] == [one.category for one in voters.classify(queries)]
    assert {*(one["id"] for one in answers[0].neighbours)} == {*data.ids}
    unnamed = [one for one in answers[0].neighbours if one["category"] is None]
    assert len(unnamed) == 200
    (outcome, alone) = (leave_group_out(Exact(one.vectors), one, 5, 1) for one in (some, few))
    assert np.array_equal(outcome.voted, alone.voted)
    assert [some.ids[row] for row in outcome.rows] == [few.ids[row] for row in alone.rows]
    nobody = written(replace(data, categories=[], labels=labels.clip(max=-1)), tmp_path / "none")
    assert [one.category for one in nobody.classify(queries)] == [None] * 60
    assert nobody.about()["categories"] == []


def test_what_is_unlike_the_collection_gets_no_category(tmp_path: Path) -> None:
    index = written(collection(600), tmp_path / "index", rejected=0.02)
    inside = index.classify(collection(200, seed=5).vectors)
    rejected = sum(answer.category is None for answer in inside)
    assert rejected <= 12  # about 2 % are expected
    strange = np.random.default_rng(6).standard_normal((50, 32))
    answers = index.classify(strange)
    assert all(answer.category is None for answer in answers)
    assert all(len(answer.neighbours) == 5 for answer in answers)
    every = written(collection(600), tmp_path / "every", rejected=0.0)
    assert all(answer.category for answer in every.classify(strange))


def test_the_threshold_keeps_what_it_promises() -> None:
    data = collection(900, spread=6.0)
    outcome = leave_group_out(Exact(data.vectors), data, 5, 1)
    assert 0.5 < outcome.accuracy() < 0.97
    aim = (1 + outcome.accuracy()) / 2
    threshold = threshold_for(outcome, 0.0, aim)
    assert outcome.accuracy(threshold) >= aim
    assert 0 < outcome.rejected(threshold) < 1
    assert threshold_for(outcome, 0.999, aim) > threshold
    few = outcome.select(~outcome.right)
    with pytest.raises(ZooError, match=r"No threshold reaches an accuracy of 0\.9"):
        threshold_for(few, 0.0, 0.9)


def test_a_photo_is_no_neighbour_of_its_own() -> None:
    data = collection(40)
    twice = np.repeat(data.vectors, 2, axis=0)  # each photo's equal is of another category
    labels = np.tile(np.array([0, 1], np.int32), 40)[:, None]
    ids, alone = [str(n) for n in range(80)], np.arange(80)
    doubled = Labelled(ids, twice, list(KINDS), labels, data.probe, alone)
    assert leave_group_out(Exact(twice), doubled, 1, 1).accuracy() == 0
    grouped = Labelled(ids, twice, list(KINDS), labels, data.probe, alone // 2)
    found = leave_group_out(Exact(twice), grouped, 1, 1)
    assert (found.nearest < 0.9999).all()  # its equal is of its group, and has no vote either


def test_a_large_collection_is_searched_in_lists(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    data = collection(3000)
    exact = written(data, tmp_path / "exact")
    lists = written(data, tmp_path / "lists", exact=False)
    assert not (tmp_path / "lists" / "vectors.npy").exists()
    queries = collection(100, seed=7).vectors
    pairs = zip(exact.search(queries, 10)[0], lists.search(queries, 10)[0], strict=True)
    assert np.mean([len({*a} & {*b}) / 10 for a, b in pairs]) > 0.95
    assert [a.category for a in lists.classify(queries)] == [
        a.category for a in exact.classify(queries)
    ]


def test_the_index_of_another_clip_is_refused(tmp_path: Path) -> None:
    data = collection(30)
    index = written(data, tmp_path / "index")

    def another(probe: np.ndarray) -> None:
        index.check(lambda _: 7 * probe[None])

    another(data.probe + 0.002)  # as int8 has it
    for probe in (np.roll(data.probe, 1), np.ones(31), np.ones(64), -data.probe):
        with pytest.raises(CheckpointError, match="made with another CLIP"):
            another(probe)


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["index.json", "photos.arrow", "labels.npy", "vectors.npy"])
def test_an_incomplete_or_hostile_index_is_refused(name: str, tmp_path: Path) -> None:
    written(collection(30), tmp_path / "index")
    file = tmp_path / "index" / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(CheckpointError, match="complete index"):
        Index.read(tmp_path / "index")
    bomb = np.empty(1, object)
    bomb[0] = Bomb(tmp_path / "exploded")
    with file.open("wb") as out:
        np.save(out, bomb, allow_pickle=True)
    with pytest.raises(CheckpointError, match="complete index"):
        Index.read(tmp_path / "index")
    assert not (tmp_path / "exploded").exists()
    file.unlink()
    with pytest.raises(CheckpointError, match="complete index"):
        Index.read(tmp_path / "index")
    with pytest.raises(CheckpointError, match="complete index"):
        Index.read(tmp_path / "nowhere")


def test_an_index_replaces_an_index_and_nothing_else(tmp_path: Path) -> None:
    written(collection(30), tmp_path / "index")
    assert len(written(collection(60), tmp_path / "index")) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ZooError, match="an index"):
        written(collection(30), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_the_served_model_needs_no_heavy_package(tmp_path: Path) -> None:
    written(collection(30), tmp_path / "index")
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from clip_caption.searching.index import Index\n"
        "index = Index.read(Path(sys.argv[1]))\n"
        "assert index.classify(np.eye(1, 32))[0].neighbours\n"
        "heavy = {'faiss', 'pandas', 'scipy', 'sklearn', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "index")], check=True)
