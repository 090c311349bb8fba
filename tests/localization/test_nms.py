"""Suppression against the published codes: ActionFormer's C++ and BMN's, golden/localization."""

import time

import numpy as np
import pytest

from i3d.localization import nms
from tests.helpers.processes import ROOT


def golden(name):
    return np.load(ROOT / f"tests/golden/localization/golden_{name}_s0.npz")


@pytest.fixture(scope="module", params=["video0", "video1"])
def video(request):
    """The arrays of a video before and after suppression."""
    with golden("actionformer") as file:
        names = [name for name in file.files if name.startswith(f"small_w7/{request.param}/")]
        return {name.split("/")[-1]: file[name] for name in names}


@pytest.fixture(scope="module")
def candidates(video):
    rows = video["candidates_seg_score"]
    return rows[:, :2], rows[:, 2], video["candidates_label"]


def check(kept, labels, video, name, tolerance):
    rows = video[f"{name}_seg_score"]
    np.testing.assert_array_equal(labels[kept.index], video[f"{name}_label"])
    np.testing.assert_allclose(kept.scores, rows[:, 2], atol=1e-7)
    np.testing.assert_allclose(kept.segments, rows[:, :2], atol=tolerance)


def test_soft_nms_of_each_class(video, candidates):
    segments, scores, labels = candidates
    kept = nms.soft_nms(segments, scores, labels)
    fps, duration, stride, window = video["meta_fps_duration_stride_nframes"]
    seconds = np.clip((kept.segments * stride + window / 2) / fps, 0, duration)
    check(kept._replace(segments=seconds), labels, video, "final", 2e-6)
    np.testing.assert_array_equal(segments[kept.index], kept.segments)


def test_soft_nms_of_all_classes_with_voting(video, candidates):
    segments, scores, labels = candidates
    kept = nms.soft_nms(segments, scores, voting=0.7)
    check(kept, labels, video, "agnostic_voting", 1e-4)  # of 192 rows, in float32


def test_hard_nms(video, candidates):
    segments, scores, labels = candidates
    kept = nms.hard_nms(segments, scores, labels, threshold=0.3)
    check(kept, labels, video, "hard03", 0)


@pytest.mark.parametrize("run", ["small", "full"])
def test_bmn_nms(run):
    with golden("bmn") as file:
        before = file[f"{run}/decode/before_tmin_tmax_ps_pe_cls_reg_score"]
        after = file[f"{run}/decode/soft_nms_raw"]
    kept = nms.bmn_nms(before[:, :2], before[:, -1], most=101)
    np.testing.assert_allclose(np.c_[kept.segments, kept.scores], after, atol=1e-12)
    np.testing.assert_array_equal(before[kept.index, :2], kept.segments)


def test_the_best_of_a_class_is_kept_below_the_least_score():
    segments = np.array([[0, 4], [0, 3], [8, 9]])
    kept = nms.soft_nms(segments, np.array([4e-4, 3e-4, 5e-4]), np.array([0, 0, 1]))
    assert kept.index.tolist() == [2, 0]


def test_equal_scores_keep_their_order():
    segments = np.arange(6.0).reshape(3, 2)
    equal = np.full(3, 0.5)
    assert nms.soft_nms(segments, equal).index.tolist() == [0, 1, 2]
    assert nms.bmn_nms(segments / 6, equal).index.tolist() == [2, 1, 0]


def test_labels_do_not_touch_each_other():
    segments, labels = np.array([[0, 4], [0, 4], [0, 4]]), np.array([7, 3, 7])
    kept = nms.soft_nms(segments, np.array([0.9, 0.8, 0.7]), labels)
    assert kept.index.tolist() == [0, 1, 2]
    np.testing.assert_allclose(kept.scores, [0.9, 0.8, 0.7 * np.exp(-2)], rtol=1e-5)
    assert nms.hard_nms(segments, np.array([0.9, 0.8, 0.7]), labels).index.tolist() == [0, 1]


@pytest.mark.parametrize("suppress", [nms.soft_nms, nms.hard_nms, nms.bmn_nms])
def test_nothing_gives_nothing(suppress):
    kept = suppress(np.zeros((0, 2)), np.zeros(0))
    assert kept.segments.shape == (0, 2)
    assert kept.scores.shape == kept.index.shape == (0,)


@pytest.mark.parametrize("suppress", [nms.soft_nms, nms.hard_nms, nms.bmn_nms])
def test_no_more_than_asked(suppress):
    segments = np.arange(20.0).reshape(10, 2)
    kept = suppress(segments / 20, np.linspace(0.1, 0.9, 10), most=3)
    assert kept.index.tolist() == [9, 8, 7]


def test_thousands_of_candidates_take_well_under_a_second():
    random = np.random.default_rng(0)
    start = random.uniform(0, 2000, 12000)
    segments = np.stack([start, start + random.uniform(1, 60, 12000)], 1)
    begin = time.perf_counter()
    nms.soft_nms(segments, random.uniform(size=12000), random.integers(0, 20, 12000))
    nms.soft_nms(segments, random.uniform(size=12000), voting=0.7)
    nms.bmn_nms(segments / 2060, random.uniform(size=12000))
    assert time.perf_counter() - begin < 3
