"""Resizing, mirroring and ranges: pixels against OpenCV, both streams cut alike, in tf.data too."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from i3d.data import augment, cropping, random_cropping, schema
from tests.helpers.crops import FRAME, RANDOM, TABLES, box, noise, through_dataset
from tests.helpers.synthetic import GOLDEN


@pytest.fixture(scope="module")
def pixels():
    with np.load(GOLDEN / "mmaction_pixels.npz") as arrays:
        return dict(arrays)


def test_sizes_after_scaling_are_the_published_ones():
    size = tf.function(
        augment.scaled_size,
        input_signature=[(tf.TensorSpec([], tf.int32),) * 2, *[tf.TensorSpec([], tf.float64)] * 2],
    )
    for height, width, first, second, rows, columns in TABLES["resize"]:
        long_side = np.inf if first == -1 else max(first, second)
        short_side = second if first == -1 else min(first, second)
        found = [int(n) for n in size((height, width), short_side, long_side)]
        assert found == [rows, columns], (height, width, first, second)
    assert [int(n) for n in augment.scaled_size((240, 320), 256)] == [256, 341]


# Pixels.


@pytest.mark.parametrize("size", [(17, 24), (60, 80), (37, 53), (40, 40), (79, 112)])
def test_resize_gives_the_published_pixels(pixels, size):
    clip = np.stack([pixels["img"]] * 2)
    expected = np.stack([pixels[f"bilinear_{size[1]}x{size[0]}"]] * 2)
    for found in (
        augment.resize(tf.constant(clip), size),
        through_dataset(lambda clip: augment.resize(clip, size), tf.constant(clip)),
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == tf.uint8


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resize_of_floats_is_bilinear_with_half_pixel_centres(channels):
    clip = noise(channels, np.float32)
    found = augment.resize(tf.constant(clip), (30, 70))
    np.testing.assert_allclose(found, tf.image.resize(clip, (30, 70)), atol=5e-3)
    assert found.dtype == tf.float32


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resize_of_every_channel_count_is_that_of_opencv(channels):
    clip = noise(channels)
    expected = [cv2.resize(frame, (70, 30)).reshape(30, 70, channels) for frame in clip]
    np.testing.assert_array_equal(augment.resize(tf.constant(clip), (30, 70)), np.stack(expected))


def test_mirror_of_pictures_is_the_published_one(pixels):
    image = pixels["img"]
    crop = cropping.Crop(image.shape[:2], 0, 0, *image.shape[:2], flip=True)
    np.testing.assert_array_equal(augment.cut(tf.constant(image[None]), crop)[0], pixels["flip_h"])


def test_mirror_of_flow_negates_x_and_only_x(pixels):
    # The published flow has its zero between two levels, 127.5: as floats both have it at 0.
    flow, expected = (pixels[name].astype(np.float32) - 127.5 for name in ("flow", "flow_flip_v0"))
    crop = cropping.Crop(flow.shape[1:3], 0, 0, *flow.shape[1:3], flip=True)
    found = augment.cut(tf.constant(flow), crop).numpy()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[..., 0], -flow[:, :, ::-1, 0])
    np.testing.assert_array_equal(found[..., 1], flow[:, :, ::-1, 1])


def test_mirror_of_stored_levels_is_exact_about_zero_motion():
    levels = np.arange(256, dtype=np.uint8)
    clip = tf.constant(np.stack([levels, levels], -1)[None, :, None])
    found = augment.cut(clip, cropping.Crop((256, 1), 0, 0, 256, 1, flip=True)).numpy()[0, :, 0]
    expected = np.clip(2 * schema.FLOW_ZERO - levels.astype(int), 0, 255)
    np.testing.assert_array_equal(found[:, 0], expected)
    np.testing.assert_array_equal(found[:, 1], levels)


# Draws, and both streams of a video.


def coordinates(dtype=np.float32, frame=FRAME):
    """Returns rgb (x, y, 0) and flow (x, y): every pixel says where it was."""
    y, x = np.mgrid[: frame[0], : frame[1]]
    rgb = np.stack([x, y, 0 * x], -1)[None].repeat(2, 0).astype(dtype)
    return rgb, rgb[..., :2].copy()


@pytest.mark.parametrize("name", RANDOM)
def test_both_streams_get_the_same_draw(name):
    rgb, flow = coordinates()
    flow = flow[:1]  # N frames have N - 1 fields

    def both(rgb, flow, seed):
        crop = RANDOM[name](augment.frame_size(rgb), tf.stack([7, seed]))
        return augment.cut(rgb, crop), augment.cut(flow, crop), crop

    unknown = [tf.TensorSpec([None, None, None, channels]) for channels in (3, 2)]
    dataset = tf.data.Dataset.from_generator(
        lambda: ((rgb, flow, seed) for seed in range(12)),
        output_signature=(*unknown, tf.TensorSpec([], tf.int32)),
    )
    flips = set()
    for seed, (mapped_rgb, mapped_flow, crop) in enumerate(dataset.map(both)):
        top, left, rows, columns = box(crop)
        y, x = np.mgrid[top : top + rows, left : left + columns]
        sign, step = (-1, -1) if crop.flip else (1, 1)
        eager_rgb, eager_flow, _ = both(tf.constant(rgb), tf.constant(flow), seed)
        for cut_rgb, cut_flow in (mapped_rgb, mapped_flow), (eager_rgb, eager_flow):
            np.testing.assert_array_equal(cut_rgb[1, ..., 0], x[:, ::step])
            np.testing.assert_array_equal(cut_flow[0, ..., 0], sign * x[:, ::step])
            np.testing.assert_array_equal(cut_flow[0, ..., 1], y)
        flips.add(bool(crop.flip))
    assert flips == {True, False}


@pytest.mark.parametrize("name", RANDOM)
def test_a_training_map_is_the_same_in_tf_data_and_knows_its_shape(name):
    def view(rgb, flow):
        crop = RANDOM[name](augment.frame_size(rgb), (0, 5))
        return tuple(augment.resize(augment.cut(clip, crop), 24) for clip in (rgb, flow))

    clips = tf.constant(noise()), tf.constant(noise(2))
    eager, mapped = view(*clips), through_dataset(view, *clips)
    for one, other, channels in zip(eager, mapped, (3, 2), strict=True):
        assert one.shape == (3, 24, 24, channels)
        np.testing.assert_allclose(one, other, atol=1e-6)
    graph = tf.function(view).get_concrete_function(
        tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([None, None, None, 2])
    )
    assert [shape.as_list() for shape in graph.output_shapes] == [
        [None, 24, 24, channels] for channels in (3, 2)
    ]


def test_an_input_pipeline_with_all_of_it_resumes_from_a_checkpoint(tmp_path):
    clip = tf.constant(noise())

    def view(n):
        crop = random_cropping.multi_scale_crop(augment.frame_size(clip), 16, tf.stack([n, 3]))
        return augment.resize(augment.cut(clip, crop), 16)

    dataset = tf.data.Dataset.range(6).map(view, num_parallel_calls=2)
    expected = [element.numpy() for element in dataset]
    iterator = iter(dataset)
    for _ in range(4):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "at_4"))
    resumed = iter(dataset)
    tf.train.Checkpoint(iterator=resumed).read(path).assert_consumed()
    np.testing.assert_array_equal(list(resumed), expected[4:])


def test_streams_of_two_sizes_are_refused():
    crop = cropping.center_crop(FRAME, 24)
    flow = tf.constant(noise(2, frame=(30, 30)))  # which the crop would not fit into
    line = "made for frames of 40x52 .height x width., got 30x30: all streams of a video must"
    with pytest.raises(ValueError, match=line):
        augment.cut(flow, crop)
    with pytest.raises(tf.errors.InvalidArgumentError, match=line):
        through_dataset(lambda clip: augment.cut(clip, crop), flow)


@pytest.mark.parametrize("shape", [(3, 40, 52, 10), (40, 52, 3), (3, 40, 52, 1)])
def test_a_clip_of_another_layout_is_refused(shape):
    with pytest.raises(ValueError, match=r"^expected a clip \[T, H, W, C\] .* got \("):
        augment.cut(tf.zeros(shape), cropping.center_crop(FRAME, 24))


def test_resize_refuses_other_dtypes_and_ranks():
    with pytest.raises(ValueError, match="^resize takes uint8 or float32 .* got float64"):
        augment.resize(tf.zeros((1, 4, 4, 3), tf.float64), 2)
    with pytest.raises(ValueError, match="^resize takes uint8 or float32 .* got uint8 .4, 4, 3."):
        augment.resize(tf.zeros((4, 4, 3), tf.uint8), 2)
