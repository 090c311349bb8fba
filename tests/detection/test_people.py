"""Detectors of people: HOG, a SavedModel of the expected signature and others."""

from collections import defaultdict

import numpy as np
import pytest
import tensorflow as tf

from i3d.detection import ava
from i3d.detection.boxes import iou
from i3d.detection.people import Detector, Hog, SavedModel, check_folder
from i3d.runtime.command import UserError
from i3d.video.streamed import streamed
from i3d.visual.figures import scenes

PICTURE = np.full((48, 64, 3), 90, np.uint8)
# ymin, xmin, ymax, xmax: a person twice, a cup, somebody doubtful, one over the border
BOXES = [[0.1, 0.2, 0.9, 0.4], [0.12, 0.2, 0.9, 0.41], [0.5, 0.5, 0.6, 0.6], [0.1, 0.6, 0.9, 0.8],
         [0.2, 0.9, 1.1, 1.2]]  # fmt: skip
SCORES, CLASSES = [0.95, 0.97, 0.99, 0.6, 0.91], [1, 1, 47, 1, 1]


def save(
    folder,
    shape=(1, None, None, 3),
    dtype=tf.uint8,
    drop="",
    scale=1,
    classes=CLASSES,
    **signatures,
):
    """Writes a SavedModel that says the same of every picture."""

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="image")])
        def __call__(self, image):
            found = {
                "detection_boxes": tf.constant([BOXES]) * scale,
                "detection_scores": tf.constant([SCORES]),
                "detection_classes": tf.constant([classes], tf.float32),
                "num_detections": tf.constant([5.0]),
            }
            found.pop(drop, None)
            return found

    model = Model()
    tf.saved_model.save(model, str(folder), signatures=signatures or model.__call__)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("detectors") / "good")


def test_people_of_a_saved_model(folder):
    boxes, scores = SavedModel(folder)(PICTURE, 0.0)
    assert boxes.dtype == scores.dtype == np.float32
    np.testing.assert_allclose(boxes, [[0.2, 0.12, 0.41, 0.9], [0.9, 0.2, 1, 1]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.97, 0.91], rtol=1e-6)
    boxes, scores = SavedModel(folder, 0.5)(PICTURE, 0.0)
    np.testing.assert_allclose(scores, [0.97, 0.91, 0.6], rtol=1e-6)


def test_a_saved_model_of_one_size(tmp_path):
    find = SavedModel(save(tmp_path / "fixed", shape=(1, 20, 30, 3)))
    assert len(find(PICTURE, 0.0)[0]) == len(find(PICTURE[:20, :30], 0.0)[0]) == 2


def test_a_saved_model_of_another_signature(tmp_path):
    expected = "a signature serving_default of one input uint8 [1, H, W, 3] that gives detection"
    for name, options, got in (
        ("float", {"dtype": tf.float32}, "got float32 (1, None, None, 3)"),
        ("flat", {"shape": (None, 12)}, "got uint8 (None, 12)"),
        ("poor", {"drop": "detection_classes"}, "got outputs detection_boxes, detection_scores, n"),
    ):
        with pytest.raises(UserError, match="expected") as error:
            SavedModel(save(tmp_path / name, **options))
        assert expected in str(error.value) and got in str(error.value)
    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    with pytest.raises(UserError, match="got signatures none$"):
        SavedModel(tmp_path / "none")


def test_folders_that_are_no_saved_model(tmp_path):
    for path, got in ((tmp_path, "no saved_model.pb in it"), (tmp_path / "no", "no such folder")):
        with pytest.raises(UserError, match=f"expected hog or the folder of .*{got}"):
            check_folder(path)
    with pytest.raises(UserError, match="got '': no such folder"):
        check_folder("")
    for content in (b"nonsense", b""):
        (tmp_path / "saved_model.pb").write_bytes(content)
        with pytest.raises(UserError, match="expected a TensorFlow SavedModel, got one") as error:
            SavedModel(tmp_path)
        assert "\n" not in str(error.value) and "tags=" not in str(error.value)


def test_hog_finds_nobody_on_a_wall():
    for height, width in ((48, 64), (1, 1), (1, 3000), (600, 20)):
        boxes, scores = Hog()(np.full((height, width, 3), 90, np.uint8), 0.0)
        assert boxes.shape == (0, 4) and scores.shape == (0,)


class Made(Detector):
    """Gives boxes that are made up."""

    def candidates(self, picture, second):
        whole, part, beside = [0.1, 0.1, 0.5, 0.9], [0.2, 0.2, 0.35, 0.5], [0.45, 0.1, 0.8, 0.9]
        far, empty, lost = [-0.2, 0.1, 1.2, 0.1001], [0.3, 0.3, 0.3, 0.9], [np.nan] * 4
        return np.array([part, beside, whole, far, empty, lost]), np.arange(6) / 10 + 0.1


def test_boxes_that_are_left_out():
    find = Made(0.0)
    for inside, count in ((1.0, 4), (0.6, 3)):
        find.most_inside = inside
        boxes, scores = find(PICTURE, 0.0)
        assert len(boxes) == count and boxes.min() >= 0 and boxes.max() <= 1
        np.testing.assert_allclose(scores[:3], [0.4, 0.3, 0.2], rtol=1e-5)


def test_what_was_found_below_the_threshold(folder, tmp_path):
    find = Made(0.9)
    assert len(find(PICTURE, 0.0)[0]) == len(find(PICTURE, 0.1)[0]) == 0
    expected = "8 boxes found, best score 0.40, none above --det_score_thr=0.9"
    assert find.missed() == expected
    find.begin()
    assert find.missed() == ""
    find = SavedModel(save(tmp_path / "dogs", classes=[18] * 5))
    find(PICTURE, 0.0)
    assert find.missed() == "the detector's 5 boxes are of other classes than 1, a person"


def test_boxes_in_pixels_are_refused(tmp_path):
    find = SavedModel(save(tmp_path / "pixels", scale=[48.0, 64, 48, 64]))
    with pytest.raises(UserError, match="pixels: expected a box x1,y1,x2,y2 in .*; divide pixels"):
        find(PICTURE, 0.0)


def test_thresholds_beyond_the_scale_are_refused(folder):
    for detector, wrong in ((Hog, 95), (Made, 95), (Made, -0.1), (Made, float("nan"))):
        with pytest.raises(UserError, match="--det_score_thr: expected a number from"):
            detector(wrong)


@pytest.mark.long
def test_hog_finds_drawn_people(tmp_path):
    paths = scenes.write_scenes(tmp_path, 2)
    truth = defaultdict(set)
    for label in ava.read_truth(tmp_path / "annotations.csv"):
        truth[label.video, label.second].add(label.box)
    found, count, false, find = 0, 0, 0, Hog()
    for path in paths:
        for _, second, picture in streamed(path, lambda n: n % 30 == 0, 30):
            if boxes := sorted(truth.get((path.stem, second), ())):
                overlaps = iou(find(picture, second)[0], np.array(boxes))
                found += (overlaps.max(0) >= 0.3).sum()
                false += (overlaps.max(1) < 0.3).sum()
                count += len(boxes)
    assert count > 20 and found >= 0.9 * count and false <= 0.1 * count, (found, count, false)


@pytest.mark.long
def test_real_people(clips, detectors):
    """Two people who shake hands; their boxes were drawn by eye."""
    from i3d.video.sampled import wanted_frames

    path = clips / "ut_interaction/hand_shaking/4_1_0.avi"
    ((_, picture),) = wanted_frames(path, lambda count: [count // 2]).pictures.items()
    truth = np.array([(83, 27, 205, 281), (195, 25, 307, 281)]) / (428, 312, 428, 312)
    for find in (Hog(), SavedModel(detectors / "person_movenet", 0.3)):
        boxes, scores = find(picture, 0.0)
        assert len(boxes) == 2 and (np.diff(scores) <= 0).all()
        assert (iou(boxes, truth).max(0) > 0.5).all()
