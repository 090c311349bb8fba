"""Frames and crops of ActionCLIP, as the original takes them: golden indices, sizes and places."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from i3d.data import augment, bicubic, cropping, random_cropping, sampling, view_sampling
from i3d.spec import InputSpec
from tests.helpers.crops import box, middle_of, noise
from tests.helpers.synthetic import GOLDEN

TABLES = json.loads((GOLDEN / "actionclip" / "sampling.json").read_text())
COUNT = [tf.TensorSpec([], tf.int64)]


def spec(segments=8, **others):
    fields = {"segments": segments, "interpolation": "bicubic", "frame_of_segment": "lower_middle"}
    return InputSpec("rgb", 1, **fields | others)


def sizes(name):
    """Returns (n, T) of "n37_T8"."""
    return tuple(int(part[1:]) for part in name.split("_"))


# Frames.


def test_frames_of_a_test_are_the_golden_ones():
    assert len(TABLES["val_indices"]) == 40
    for name, expected in TABLES["val_indices"].items():
        count, segments = sizes(name)
        found = view_sampling.indices(count, spec(segments)) + 1  # the original's begin at 1
        assert found.tolist() == [expected], name


@pytest.mark.parametrize("segments", [1, 8, 25])
def test_frames_of_a_test_are_the_same_in_a_graph(segments):
    graph = tf.function(lambda n: view_sampling.indices(n, spec(segments)), COUNT)
    for count in (1, segments, segments + 1, 70, 199, 3000):
        expected = view_sampling.indices(count, spec(segments))
        np.testing.assert_array_equal(graph(count), expected)
        if count > segments > 1:  # in floats, as the original has it
            offset = (count / segments - 1) / 2.0
            assert expected[0].tolist() == [
                int(i * count / segments + offset) for i in range(segments)
            ]


def test_frames_of_a_training_lie_within_the_golden_ticks():
    for name, ticks in TABLES["train_tick_ranges"].items():
        count, segments = sizes(name)
        draws = np.array([
            sampling.frames_within_ticks(count, segments, np.random.default_rng(seed))[:, 0] + 1
            for seed in range(400)
        ])  # fmt: skip
        assert [[min(column), max(column)] for column in draws.T] == ticks, name
    for name, draws in TABLES["train_indices_np_random_seed0_three_draws"].items():
        count, segments = sizes(name)
        ends = np.arange(segments + 1) * count // segments
        if count > segments:
            assert ((np.array(draws) > ends[:-1]) & (np.array(draws) <= ends[1:])).all()


@pytest.mark.parametrize("count, segments", [(1, 8), (5, 8), (8, 8), (5, 16), (15, 16)])
def test_a_short_video_gives_each_frame_and_some_again(count, segments):
    rng = np.random.default_rng(0)
    found = [sampling.frames_within_ticks(count, segments, rng)[:, 0] for _ in range(50)]
    for frames in found:
        assert len(frames) == segments and set(frames) == set(range(count))
        assert (np.diff(frames) >= 0).all()
    assert (len({tuple(frames) for frames in found}) > 1) == (1 < count < segments)


def test_frames_of_a_training_are_drawn_by_the_seed_in_a_graph():
    def drawn(count, seed):
        return sampling.frames_within_ticks(count, 8, sampling.StatelessRandom(seed))

    graph = tf.function(drawn, [*COUNT, tf.TensorSpec([2], tf.int64)])
    for count in (3, 8, 9, 100):
        first, again, other = (graph(count, (0, place)).numpy() for place in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert first.shape == (8, 1) and 0 <= first.min() and first.max() < count
        assert count == 8 or (first != other).any()


# Pixels.


@pytest.mark.parametrize(
    "name", [name for name in TABLES if name.startswith("val_") and "x" in name]
)
def test_sizes_of_a_test_are_the_golden_ones(name):
    width, height = (int(side) for side in name.removeprefix("val_").split("x"))
    rows, columns = bicubic.scaled_size((height, width), 256)
    assert [columns, rows] == TABLES[name]["scaled_size_wh"]
    graph = tf.function(lambda h, w: bicubic.scaled_size((h, w), 256))
    assert [int(n) for n in graph(tf.constant(height), tf.constant(width))] == [rows, columns]


def test_the_centre_is_that_of_torchvision():
    for side in range(224, 460):
        offset = round((side - 224) / 2.0)
        for frame, place in (((side, 256), [offset, 16]), ((256, side), [16, offset])):
            (crop,) = cropping.of_spec(spec())(frame)
            assert box(crop) == [*place, 224, 224]
    for side in (230, 341, 455):
        (crop,) = cropping.of_spec(spec())(tuple(tf.constant([side, 256])))
        assert box(crop)[0] == round((side - 224) / 2.0)


def test_bicubic_is_pillow_itself():
    clip = noise(frame=(60, 81))
    for size in ((256, 345), (40, 54), (60, 90)):
        expected = np.stack([
            np.asarray(Image.fromarray(frame).resize(size[::-1], Image.Resampling.BICUBIC))
            for frame in clip
        ])  # fmt: skip
        found = augment.resize(tf.constant(clip), size, "bicubic")
        assert found.shape == (3, *size, 3) and found.dtype == tf.uint8
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(bicubic.resized(clip[0], *size), expected[0])
    assert augment.resize_to_side(tf.constant(clip), 40, "bicubic").shape[2] in (None, 54)
    with pytest.raises(ValueError, match="bicubic takes uint8 RGB"):
        augment.resize(tf.constant(noise(2)), 20, "bicubic")


# Crops of a training.


@pytest.mark.parametrize("name", TABLES["multiscale_pairs_wh"])
def test_sizes_of_multi_scale_crops_are_the_golden_ones(name):
    width, height = (int(side) for side in name.split("x"))
    expected = TABLES["multiscale_pairs_wh"][name]
    found = [
        random_cropping.multi_scale_box(
            (height, width), 224, (middle_of(n, len(expected)), 0.0, 0.0), places=13
        )
        for n in range(len(expected))
    ]
    assert [[int(columns), int(rows)] for _, _, rows, columns in found] == expected


def test_places_of_multi_scale_crops_are_the_golden_ones():
    side = middle_of(3, 10)  # 224 x 224
    found = [
        random_cropping.multi_scale_box((256, 340), 224, (side, middle_of(n, 13), 0.0), places=13)
        for n in range(13)
    ]
    places = [[int(left), int(top)] for top, left, _, _ in found]
    assert places == TABLES["fix_offsets_340x256_crop224"]
    drawn = [one for seed in TABLES["multiscale_crop_w_h_x_y_python_random_seed0to4_340x256"]
             for one in seed]  # fmt: skip
    assert len(drawn) == 15
    for width, height, left, top in drawn:
        step = (340 - width) // 4, (256 - height) // 4
        assert left in range(0, 341, step[0]) and top in (0, *(n * step[1] for n in range(5)))
