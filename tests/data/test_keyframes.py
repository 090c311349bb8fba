"""Key frames in tf.data: which frames are sampled, and where the boxes of people end up."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from i3d.data import keyframe_boxes, keyframe_schema, keyframes, read, stored
from i3d.data.metadata import DatasetError
from i3d.detection import boxes as box_arithmetic
from i3d.spec import InputSpec
from tests.helpers import datasets, key_frames
from tests.helpers.key_frames import BOX, FAR, NEAR, OTHER, extent, number_of

ARGUMENTS = {"frames": 4, "stride": 8, "size": 48, "scale": (56, 72), "batch_size": 2, "seed": 5}
SPEC = InputSpec(frames=4, stride=8, clips=1, crop=0, resize=48, fps=30, activation="sigmoid")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return key_frames.build(tmp_path_factory.mktemp("key_frames"))


@pytest.fixture(scope="module")
def records(folder):
    return keyframes.opened(folder, "train")


def taken(records, count, **arguments):
    """Returns so many elements of train_batches, as NumPy arrays."""
    batches = keyframes.train_batches(records, **ARGUMENTS | arguments)
    return list(batches.take(count).as_numpy_iterator())


def people(element):
    """Yields (clip [T, H, W, 3], boxes [n, 4] of those counted, actions [n, K]) of a batch."""
    for clip, boxes, actions, counted in zip(
        *(element[name] for name in ("clips", "boxes", "actions", "counted")), strict=True
    ):
        assert not boxes[~counted].any() and not actions[~counted].any()
        yield clip, boxes[counted], actions[counted]


def test_opened_tells_what_is_stored(records):
    assert records.label_map == {1: "stand", 3: "wave", 4: "walk"}
    assert records.class_names == key_frames.NAMES
    assert (records.num_records, records.fps, records.short_side, records.reach) == (3, 30, 64, 20)


def test_a_record_reads_back(records):
    (file,) = records.files
    found = [keyframe_schema.key_frame(data.data) for data in stored.tfrecord.read(file)]
    assert [own.id for own in found] == ["clip,0001", "clip,0002", "clip,0003.5"]
    assert [own.second for own in found] == [1.0, 2.0, 3.5]
    assert [(len(own.frames), own.centre) for own in found] == [(41, 20), (41, 20), (25, 20)]
    first = found[0]
    assert (first.video, first.fps, first.source_height, first.source_width) == ("clip", 30, 64, 96)
    assert first.actions == ((1, 3), (2, 4)) and first.people == (7, 8)
    np.testing.assert_allclose(first.boxes, [BOX, OTHER])
    np.testing.assert_allclose(first.proposals, [NEAR, FAR], rtol=1e-6)
    for index in (0, 20, 40):
        assert number_of(read.rgb(first.frames[index])) == 10 + index
    assert keyframe_schema.serialised(first) == next(stored.tfrecord.read(file)).data
    (*_, last) = keyframes.truths(records)
    assert last.frames == [] and last.boxes.shape == (0, 4) and last.id == "clip,0003.5"


def test_boxes_surround_the_people_of_every_crop(records):
    """After scaling, cropping and mirroring: compared with the pixels themselves."""
    mirrored = {True: 0, False: 0}
    for element in taken(records, 12, flip=0.5, proposal_iou=1.1):
        for clip, boxes, actions in people(element):
            places = []
            for channel, column in ((0, 0), (2, 1)):
                own = boxes[actions[:, column]]
                for frame in clip:
                    seen = extent(frame, channel)
                    if seen is not None and len(own):
                        np.testing.assert_allclose(own[0] * 48, seen, atol=1.6)
                places += [*own[:, 0]]
            if len(places) == 2:
                mirrored[bool(places[0] > places[1])] += 1
    assert min(mirrored.values()) > 2


@pytest.mark.long
def test_people_outside_of_a_crop_are_not_counted(records):
    counts = []
    for element in taken(records, 8, scale=(120, 140), flip=0.0):
        for clip, boxes, _ in people(element):
            sides = (boxes[:, 2:] - boxes[:, :2]) * 48
            assert (sides >= 1 - 1e-4).all() and (boxes >= 0).all() and (boxes <= 1).all()
            counts.append(len(boxes))
            for channel in (0, 2):
                place = extent(clip[0], channel)
                labelled = number_of(clip[0])  # the last key frame has no boxes
                if (
                    labelled
                    and labelled < 80
                    and place is not None
                    and min(place[2:] - place[:2]) > 4
                ):
                    assert len(boxes)
    assert 0 in counts and max(counts) > 1


def test_frames_are_those_around_the_key_frame(records):
    expected = np.array([[14, 22, 30, 38], [44, 52, 60, 68], [89, 97, 105, 109]])
    for element in taken(records, 3):
        for clip in element["clips"]:
            numbers = np.array([number_of(frame) for frame in clip])
            assert np.abs(expected - numbers).max(axis=1).min() <= 1  # by the video's colours


def test_frame_jitter_moves_each_frame_by_less_than_half_a_stride(records):
    moved = set()
    for element in taken(records, 8, frame_jitter=True):
        for clip in element["clips"]:
            numbers = np.array([number_of(frame) for frame in clip])
            if numbers[0] < 60:
                start = 14 if numbers[0] < 30 else 44
                moved |= set(numbers - start - np.arange(4) * 8)
    assert len(moved) > 4 and min(moved) >= -4 and max(moved) <= 3


def test_pictures_smaller_than_the_crop_are_enlarged(records):
    (element,) = taken(records, 1, size=112, scale=(56, 72), flip=0.0)
    assert element["clips"].shape == (2, 4, 112, 112, 3)
    for clip, boxes, _ in people(element):
        for box in boxes[:1]:
            np.testing.assert_allclose(box * 112, extent(clip[0], 0), atol=2.5)


def test_a_proposal_has_the_labels_of_the_person_it_overlaps(records):
    item = _parsed(records, 0)
    columns = keyframe_boxes.Columns.of((), 4)
    found = keyframe_boxes.labelled(item, columns, 0.9)
    np.testing.assert_allclose(found.boxes, [BOX, OTHER, NEAR[:4]], rtol=1e-6)
    expected = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]
    np.testing.assert_array_equal(found.actions, np.array(expected, bool))
    found = keyframe_boxes.labelled(item, columns, 0.5)
    assert len(found.boxes) == 4 - (box_arithmetic.iou([BOX], [FAR[:4]])[0, 0] < 0.5)
    assert len(keyframe_boxes.labelled(item, columns, 0.97).boxes) == 2


def _parsed(records, number):
    data = tf.data.TFRecordDataset(list(records.files)).skip(number).take(1)
    return keyframe_schema.parsed(data.get_single_element())


def test_overlaps_are_those_of_numpy():
    rng = np.random.default_rng(0)
    corners = np.sort(rng.random((2, 30, 2, 2)).astype(np.float32), axis=2)
    a, b = corners.reshape(2, 30, 4)
    np.testing.assert_allclose(keyframe_boxes.iou(a, b), box_arithmetic.iou(a, b), atol=1e-12)


def test_a_subset_of_classes_becomes_the_columns(records):
    elements = taken(records, 3, classes=(4, 3), scale=(48, 48), size=48, flip=0.0)
    rows = {tuple(row) for e in elements for _, _, actions in people(e) for row in actions}
    assert rows == {(True, False), (False, True)}
    with pytest.raises(ValueError, match="different classes from 1 to 4, got"):
        taken(records, 1, classes=(1, 5))


@pytest.mark.long
def test_more_people_than_fit_are_drawn_at_random(records):
    elements = taken(records, 6, most_boxes=1, scale=(48, 48), size=48, flip=0.0, proposal_iou=1.1)
    assert elements[0]["boxes"].shape == (2, 1, 4)
    rows = {tuple(row) for e in elements for _, _, actions in people(e) for row in actions}
    assert rows == {(True, False, True, False), (False, True, False, True)}


@pytest.mark.long
def test_box_jitter_moves_sides_by_a_part_of_the_box(records):
    plain = {"scale": (48, 48), "size": 48, "flip": 0.0, "proposal_iou": 1.1, "most_boxes": 4}
    moved = []
    for element in taken(records, 8, box_jitter=0.1, **plain):
        for clip, boxes, actions in people(element):
            place = extent(clip[0], 0)
            own = boxes[actions[:, 0]]
            if place is not None and len(own) and place[0] > 6 and place[2] < 42:
                moved.append(own[0] - place / 48)
    moved = np.abs(moved) / np.array([0.375, 0.5, 0.375, 0.5])  # of the box, 18 x 24 pixels
    assert moved.max() <= 0.1 + 0.08 and moved.mean() >= 0.02


def test_a_run_resumes_exactly(records):
    both = {"frame_jitter": True, "box_jitter": 0.05}
    whole = taken(records, 5, **both)
    rest = taken(records, 3, start_step=2, **both)
    for before, after in zip(whole[2:], rest, strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


def test_an_epoch_has_each_key_frame_once(records):
    elements = taken(records, 3, batch_size=1)
    firsts = sorted(number_of(element["clips"][0, 0]) for element in elements)
    assert firsts == [14, 44, 89]


def test_evaluation_takes_whole_pictures_in_order(records):
    found = list(keyframes.eval_batches(records, SPEC).as_numpy_iterator())
    assert [element["id"] for element in found] == [b"clip,0001", b"clip,0002", b"clip,0003.5"]
    for element in found:
        assert element["views"].shape == (4, 48, 72, 3)
    assert [number_of(frame) for frame in found[1]["views"]] == [44, 52, 60, 68]
    np.testing.assert_allclose(found[0]["boxes"], [BOX, OTHER])
    np.testing.assert_array_equal(found[0]["scores"], [1, 1])
    np.testing.assert_array_equal(found[0]["actions"], np.array([[1, 0, 1, 0], [0, 1, 0, 1]], bool))
    assert found[2]["boxes"].shape == (0, 4) and found[2]["actions"].shape == (0, 4)


def test_proposals_of_a_high_score_the_best_or_the_whole_picture(records):
    found = list(keyframes.eval_batches(records, SPEC, "proposals").as_numpy_iterator())
    np.testing.assert_allclose(found[0]["boxes"], [NEAR[:4], FAR[:4]], rtol=1e-6)
    np.testing.assert_allclose(found[0]["scores"], [0.95, 0.99], rtol=1e-6)
    np.testing.assert_allclose(found[1]["boxes"], [NEAR[:4]], rtol=1e-6)
    np.testing.assert_allclose(found[2]["boxes"], [[0, 0, 1, 1]])
    np.testing.assert_allclose(found[0]["truth"], [BOX, OTHER])


def test_clips_longer_than_what_is_stored_are_refused(records):
    with pytest.raises(DatasetError, match="need 32 frames on either side .* --reach=32 or more"):
        taken(records, 1, stride=16)
    with pytest.raises(DatasetError, match="expected frames at 25 per second, .* stored at 30"):
        keyframes.eval_batches(records, dataclasses.replace(SPEC, fps=25))
    with pytest.raises(ValueError, match="expected truth or proposals and crop 0, got 'hog'"):
        keyframes.eval_batches(records, SPEC, "hog")
    with pytest.raises(ValueError, match="box_jitter from 0 to less than 0.5"):
        taken(records, 1, box_jitter=0.5)


def test_data_sets_of_the_other_kind_are_refused(folder, tmp_path):
    with pytest.raises(DatasetError, match="this one holds key frames .* --task=ava"):
        read.opened(folder)
    with pytest.raises(
        DatasetError, match="as `python -m data_prep build_detection --out=.*no such"
    ):
        keyframes.opened(folder / "nothing", "val")
    with pytest.raises(DatasetError, match="expected the split 'val', this data set has: train"):
        keyframes.opened(folder, "val")
    videos = datasets.build(tmp_path / "set", datasets.videos(tmp_path / "videos"))
    with pytest.raises(DatasetError, match="this data set holds videos; make one by"):
        keyframes.opened(videos, "train")


def test_damaged_records_are_told(folder, records):
    bad = keyframe_schema.key_frame(next(stored.tfrecord.read(records.files[0])).data)
    for change, message in (
        ({"people": (1,)}, "as many boxes as persons"),
        ({"centre": 41}, "the key frame 41 among its frames, got 41"),
        ({"boxes": np.full((2, 4), np.nan)}, "rows of 4 numbers for boxes"),
    ):
        data = keyframe_schema.serialised(bad._replace(**change))
        with pytest.raises(read.ReadError, match=message):
            keyframe_schema.key_frame(data)
    with pytest.raises(read.ReadError, match="not a tf.train.Example"):
        keyframe_schema.key_frame(b"\xff\xff")


@pytest.mark.parametrize(
    "text", ["", "1: stand\n1: walk\n", "0: stand\n", "stand\n", "1: \n", "100001: stand\n"]
)
def test_damaged_label_maps_are_one_line(folder, tmp_path, text):
    copy = shutil.copytree(folder, tmp_path / "set")
    (copy / "label_map.txt").write_text(text)
    with pytest.raises(DatasetError, match="label_map.txt: expected lines `id: name`"):
        keyframes.opened(copy, "train")
    (copy / "label_map.txt").write_text("1: stand\n2: walk\n")
    with pytest.raises(DatasetError, match="its class names is not the same in build.json"):
        keyframes.opened(copy, "train")


def test_records_that_contradict_themselves_stop_training(folder, tmp_path):
    """One line that names the key frame, where TensorFlow would say less or read on."""
    copy = shutil.copytree(folder, tmp_path / "set")
    (shard,) = copy.glob("*.tfrecord*")
    own = keyframe_schema.key_frame(next(stored.tfrecord.read(shard)).data)
    with open(shard, "wb") as file:
        for _ in range(3):
            stored.tfrecord.write(file, keyframe_schema.serialised(own._replace(people=(1,))))
    made = json.loads((copy / "build.json").read_text())
    made["shards"]["train"][0][1] = shard.stat().st_size
    (copy / "build.json").write_text(json.dumps(made))
    with pytest.raises(tf.errors.InvalidArgumentError, match="clip,0001: its boxes, actions and"):
        taken(keyframes.opened(copy, "train"), 1)
