"""Candidates, proposals and their classes against the published codes."""

import numpy as np
import pytest

from i3d.localization import decoding
from i3d.localization.segments import Segment
from i3d.models.actionformer import points
from tests.golden import localization as golden


def outputs(run, item):
    """Returns (logits, offsets, mask) of one video of a golden run."""
    names = ("logits", "offsets", "mask")
    return [
        np.concatenate([run[f"level{level}/{name}"][item] for level in range(6)]) for name in names
    ]


def in_order(rows):
    """Returns rows sorted by what does not depend on rounding."""
    return rows[np.lexsort(np.round(rows, 3).T)]


@pytest.mark.parametrize("item", [0, 1])
def test_candidates_of_actionformer(item):
    run = golden.run("actionformer", "small_w7")
    found = decoding.candidates(*outputs(run, item), points(192))
    expected = run[f"video{item}/candidates_seg_score"]
    assert len(found.scores) == run[f"video{item}/n_candidates"] == len(expected)
    labels = run[f"video{item}/candidates_label"]
    rows = np.column_stack([found.labels, found.segments, found.scores])
    expected = np.column_stack([labels, expected])
    np.testing.assert_allclose(in_order(rows), in_order(expected), atol=2e-5)


def test_best_of_all_levels():
    run = golden.run("temporalmaxer", "small_gn")
    found = decoding.candidates(*outputs(run, 1), points(192), decoding.TEMPORALMAXER)
    assert len(found.scores) == 2000 < run["video1/n_above_threshold"]
    assert (np.diff(found.scores) <= 0).all()
    every = decoding.candidates(
        *outputs(run, 1), points(192), decoding.TEMPORALMAXER._replace(most=10**6)
    )
    assert len(every.scores) == run["video1/n_above_threshold"]


def test_nothing_is_found():
    at = points(192)
    logits = np.full((len(at.row), 3), -20, np.float32)
    mask = np.ones(len(at.row), bool)
    found = decoding.candidates(logits, np.ones((len(at.row), 2), "f"), mask, at)
    assert [len(part) for part in found] == [0, 0, 0]
    found = decoding.candidates(logits + 40, np.ones((len(at.row), 2), "f"), ~mask, at)
    assert len(found.scores) == 0


@pytest.mark.parametrize("size", ["small", "full"])
def test_proposals_of_bmn(size):
    run = golden.run("bmn", size)
    confidence = run["confidence_map"][0].transpose(1, 2, 0)
    found, scores = decoding.proposals(confidence, run["start"][0], run["end"][0])
    expected = run["decode/before_tmin_tmax_ps_pe_cls_reg_score"]
    np.testing.assert_allclose(
        in_order(np.column_stack([found, scores])), in_order(expected[:, [0, 1, 6]]), atol=1e-6
    )


def test_few_durations():
    """The longest that is known ends where it should, and no index is out of range."""
    confidence = np.ones((3, 8, 2), np.float32)
    found, scores = decoding.proposals(confidence, np.ones(8, "f"), np.ones(8, "f"))
    lengths = np.rint(8 * (found[:, 1] - found[:, 0])).astype(int)
    assert set(lengths) == {1, 2, 3} and (found <= 7 / 8).all() and len(scores) == 7 + 6 + 5


def test_classes_of_the_video():
    proposals = [Segment("a", 1.0, 2.0, "", 0.64), Segment("a", 3.0, 4.0, "", 0.25)]
    found = decoding.labelled(proposals, np.array([0.04, 1.0, 0.36]), ["x", "y", "z"])
    assert [(one.start_s, one.label) for one in found] == [(1, "y"), (3, "y"), (1, "z"), (3, "z")]
    assert [one.score for one in found] == pytest.approx([0.8, 0.5, 0.48, 0.3])
