"""Boxes: overlap, suppression (golden numbers of torchvision), clipping."""

import numpy as np
import pytest

from i3d.detection import boxes
from tests.helpers.processes import ROOT

GOLDEN = ROOT / "tests/golden/nms.npz"


def test_overlap():
    a = [[0, 0, 2, 2], [0, 0, 1, 1], [3, 3, 3, 3]]
    b = [[1, 1, 3, 3], [0, 0, 2, 2], [3, 3, 3, 3]]
    found = boxes.iou(np.array(a), np.array(b))
    np.testing.assert_allclose(found, [[1 / 7, 1, 0], [0, 0.25, 0], [0, 0, 0]])
    assert found.dtype == np.float64
    assert boxes.iou(np.zeros((0, 4)), np.array(b)).shape == (0, 3)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_suppression_is_that_of_torchvision(threshold):
    golden = np.load(GOLDEN)
    kept = boxes.suppressed(golden["nms_boxes"], golden["nms_scores"], threshold)
    np.testing.assert_array_equal(kept, golden[f"nms_keep_{threshold}"])
    assert kept.dtype == np.int64


@pytest.mark.parametrize("threshold", [0.5, 0.49])
def test_boxes_at_the_threshold_are_kept_and_of_equal_scores_the_earlier_comes_first(threshold):
    golden = np.load(GOLDEN)
    kept = boxes.suppressed(golden["nms_exact_boxes"], golden["nms_exact_scores"], threshold)
    np.testing.assert_array_equal(kept, golden[f"nms_exact_keep_{threshold}"])


def test_suppression_of_none():
    assert boxes.suppressed(np.zeros((0, 4)), np.zeros(0), 0.5).shape == (0,)


def test_boxes_are_clipped_and_counted():
    found, changed = boxes.clipped(np.array([[0.1, 0.2, 0.3, 0.4], [-0.1, 0.5, 1.2, 1]]))
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.3, 0.4], [0, 0.5, 1, 1]])
    assert changed == 1
    assert boxes.clipped(np.zeros((0, 4)))[1] == 0


@pytest.mark.parametrize(
    "box, message",
    [
        ((0.5, 0, 0.4, 1), "x1 <= x2"),
        ((0.5, 0, 0.5, 1), "an area"),
        ((1.1, 0, 1.2, 1), "an area inside the picture"),
        ((10, 20, 300, 200), r"in \[0, 1\].*10,20,300,200.*pixels"),
        ((0, 0, np.nan, 1), "nan"),
        ((0, 0, np.inf, 1), "inf"),
    ],
)
def test_boxes_that_cannot_be_used(box, message):
    rows = np.array([[0, 0, 1, 1], box])
    with pytest.raises(boxes.BoxError, match=message):
        boxes.clipped(rows)
    assert boxes.problem(rows)[0] == 1


def test_boxes_without_area_where_none_is_needed():
    assert boxes.problem(np.array([[0.5, 0.5, 0.5, 0.5]]), least_area=False) is None
