"""Targets of localizers against those of the published codes, golden/localization."""

import numpy as np
import pytest

from i3d.models.actionformer import points
from i3d.models.bmn import valid_pairs
from i3d.training import segment_targets
from tests.helpers.processes import ROOT


def golden(name):
    return np.load(ROOT / f"tests/golden/localization/golden_{name}_s0.npz")


def truth(file, run, count):
    """Returns (segments, labels), padded as those of a batch are."""
    segments, labels = np.zeros((count, 8, 2), "f4"), np.full((count, 8), -1, "i4")
    for video in range(count):
        own = file[f"{run}/gt{video}/segments"]
        segments[video, : len(own)] = own
        labels[video, : len(own)] = file[f"{run}/gt{video}/labels"]
    return segments, labels


def predicted(file, run):
    levels = range(6)
    return [
        np.concatenate([file[f"{run}/level{level}/{name}"] for level in levels], axis=1)
        for name in ("logits", "offsets", "mask")
    ]


def check(file, run, video, classes, offsets):
    expected = file[f"{run}/gt{video}/cls_target_nonzero"]
    np.testing.assert_array_equal(np.argwhere(classes > 0), expected)
    assert set(np.unique(classes)) <= {0.0, 1.0}
    places = file[f"{run}/gt{video}/offset_target_points"]
    found = file[f"{run}/gt{video}/offset_targets"]
    np.testing.assert_allclose(offsets[places], found, atol=1e-5)


@pytest.mark.parametrize("run, rows, count", [("small_w7", 192, 2), ("full", 576, 1)])
def test_points_stand_for_the_shortest_segment(run, rows, count):
    file = golden("actionformer")
    found = segment_targets.shortest(points(rows), *truth(file, run, count), 20)
    for video, (classes, offsets) in enumerate(zip(*map(np.array, found), strict=True)):
        check(file, run, video, classes, offsets)


def test_offsets_go_to_the_segment_of_least_cost():
    file = golden("temporalmaxer")
    logits, offsets, mask = predicted(file, "small_gn")
    given = (points(192), *truth(file, "small_gn", 2), logits, offsets)
    found = map(np.array, segment_targets.least_cost(*given))
    for video, (classes, offsets) in enumerate(zip(*found, strict=True)):
        check(file, "small_gn", video, classes * mask[video][:, None], offsets)


def test_a_video_without_segments_has_no_positive():
    segments, labels = np.zeros((1, 2, 2), "f4"), np.full((1, 2), -1, "i4")
    classes, offsets = segment_targets.shortest(points(64), segments, labels, 3)
    assert not np.array(classes).any() and np.isfinite(np.array(offsets)).all()
    logits, offsets = np.zeros((1, 126, 3), "f4"), np.ones((1, 126, 2), "f4")
    classes, offsets = segment_targets.least_cost(points(64), segments, labels, logits, offsets)
    assert not np.array(classes).any() and np.isfinite(np.array(offsets)).all()


@pytest.mark.parametrize("size, rows", [("small", 24), ("full", 100)])
def test_proposals_have_the_labels_of_bmn(size, rows):
    file = golden("bmn")
    for case in ("ab", "ac", "d"):
        name = f"{size}/loss_{case}"
        for video, expected in enumerate(file[f"{name}/labels_iou"]):
            segments = file[f"{name}/segments{video}"]
            iou, start, end = segment_targets.proposal_map(segments, rows, rows)
            np.testing.assert_array_equal(iou, expected)
            np.testing.assert_allclose(start, file[f"{name}/labels_start"][video], atol=1e-6)
            np.testing.assert_allclose(end, file[f"{name}/labels_end"][video], atol=1e-6)
    sums = valid_pairs(rows, rows).sum(axis=1)
    np.testing.assert_array_equal(sums, file[f"{size}/bm_mask_row_sums"])


def test_fewer_durations_are_the_first_rows_of_the_map():
    segments = [[0.1, 0.4], [0.5, 0.9]]
    whole, *edges = segment_targets.proposal_map(segments, 24, 24)
    part, *own = segment_targets.proposal_map(segments, 24, 8)
    np.testing.assert_array_equal(part, whole[:8])
    np.testing.assert_array_equal(own, edges)
    empty = segment_targets.proposal_map(np.zeros((0, 2)), 24, 8)
    assert [array.shape for array in empty] == [(8, 24), (24,), (24,)]
    assert not any(array.any() for array in empty)
