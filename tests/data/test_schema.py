"""Ranges and units of what is stored, and what storing flow as JPEG costs."""

import statistics

import cv2
import numpy as np
import pytest
import tensorflow as tf

from data_prep.jpeg import jpeg
from i3d.data import schema
from i3d.flow import methods
from i3d.spec import FPS
from i3d.video import frames as video_frames

LEVEL_PX = 20 / 127


def smooth_field(height=256, width=340, seed=0):
    """Returns a field as films have it: smooth, up to 12 pixels, before a still background."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 2)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 24)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    field *= np.maximum(0, 1 - (x**2 + y**2) / 0.5)[..., None]
    return field / np.abs(field).max() * np.float32(12)


def stored(field):
    """Returns (the field after storing, bytes stored)."""
    data = jpeg(schema.flow_to_levels(field))
    levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return schema.levels_to_flow(levels), len(data)


def test_no_motion_is_level_128_exactly_and_stays_so():
    still = np.zeros((32, 48, 2), np.float32)
    assert (schema.flow_to_levels(still) == 128).all()
    back, _ = stored(still)
    assert (back == 0).all() and back.dtype == np.float32


def test_levels_are_x_over_y():
    field = np.zeros((4, 6, 2), np.float32)
    field[1, 2] = 20, -20
    levels = schema.flow_to_levels(field)
    assert levels.shape == (8, 6) and levels.dtype == np.uint8
    assert levels[1, 2] == 255 and levels[4 + 1, 2] == 1
    assert (np.delete(levels.ravel(), [1 * 6 + 2, 5 * 6 + 2]) == 128).all()
    np.testing.assert_array_equal(schema.levels_to_flow(levels), field)


def test_every_level_comes_back():
    levels = np.arange(1, 256, dtype=np.uint8).reshape(1, 255)
    both = np.concatenate([levels, levels[:, ::-1]])
    np.testing.assert_array_equal(schema.flow_to_levels(schema.levels_to_flow(both)), both)


def test_flow_is_rounded_to_the_nearest_level():
    values = np.random.default_rng(0).uniform(-20, 20, (64, 64, 2)).astype(np.float32)
    error = schema.levels_to_flow(schema.flow_to_levels(values)) - values
    assert np.abs(error).max() <= LEVEL_PX / 2 + 1e-5
    assert abs(error.mean()) < 0.003  # truncating would give -0.08


def test_flow_beyond_the_bound_is_clipped():
    field = np.float32([[(20.0, -20.0), (35.0, -35.0), (1e9, -np.inf)]])
    assert schema.flow_to_levels(field).tolist() == [[255, 255, 255], [1, 1, 1]]
    assert schema.flow_to_unit(field).tolist() == [[[1, -1]] * 3]
    assert schema.flow_to_unit(np.float32([[(10.0, -5.0)]])).tolist() == [[[0.5, -0.25]]]


def test_rgb_to_unit():
    unit = schema.rgb_to_unit(np.uint8([[[0, 255, 51]]]))
    np.testing.assert_allclose(unit, [[[-1, 1, -0.6]]], atol=1e-6)
    assert unit.dtype == np.float32


def test_storing_a_field_as_jpeg():
    field = smooth_field()
    back, size = stored(field)
    error = back - field
    assert abs(error.mean()) < 0.003
    assert np.sqrt((error**2).mean()) <= 0.05
    assert size < 20_000
    assert np.abs(back[..., 0] - back[..., 1]).max() > 5  # x and y were told apart


def test_serialised_is_an_example_of_the_features():
    record = schema.serialised(
        id="a/ü", label=1, fps=25.0, start_s=1.5, source_height=3, source_width=4,
        frames=[b"f0", b"f1"], flow=[b"g0"],
    )  # fmt: skip
    feature = tf.train.Example.FromString(record).features.feature
    assert feature["id"].bytes_list.value[:] == ["a/ü".encode()]
    assert feature["frames"].bytes_list.value[:] == [b"f0", b"f1"]
    assert feature["flow"].bytes_list.value[:] == [b"g0"]
    assert feature["start_s"].float_list.value[:] == [1.5]
    numbers = {"label", "fps", "start_s", "source_height", "source_width"}
    assert set(feature) == numbers | {"id", "frames", "flow"}


def test_serialised_is_what_protobuf_writes():
    """Also at the lengths where a size takes one byte more."""
    for size in (0, 127, 128, 16_383, 16_384):
        for label in (-1, 0, 127, 128, 70_000):
            record = schema.serialised(
                id="x" * (size % 300), label=label, fps=12.5, start_s=0.1, source_height=1080,
                source_width=1920, frames=[b"f" * size, b""], flow=[b"g" * size],
            )  # fmt: skip
            example = tf.train.Example.FromString(record)
            assert example.SerializeToString(deterministic=True) == record
            feature = example.features.feature
            assert feature["label"].int64_list.value[:] == [label]
            assert feature["source_width"].int64_list.value[:] == [1920]
            assert feature["frames"].bytes_list.value[:] == [b"f" * size, b""]
            np.testing.assert_allclose(feature["start_s"].float_list.value, [0.1], rtol=1e-6)


@pytest.mark.parametrize("labels", [(), (0,), (2, 0, 1), (127, 128, 70_000), (-1, 5)])
def test_several_labels_are_what_protobuf_writes(labels):
    record = schema.serialised(
        id="a", label=labels, fps=25.0, start_s=0.0, source_height=3, source_width=4, frames=[b"f"]
    )
    example = tf.train.Example.FromString(record)
    assert example.SerializeToString(deterministic=True) == record
    feature = example.features.feature
    assert feature["labels"].int64_list.value[:] == list(labels) and "label" not in feature
    parsed = schema.parsed(tf.constant(record), multi_label=True)
    assert parsed["labels"].numpy().tolist() == list(labels)


def test_without_flow_there_is_no_such_feature():
    record = schema.serialised(
        id="a", label=0, fps=25.0, start_s=0.0, source_height=3, source_width=4, frames=[b"f"]
    )
    names = set(tf.train.Example.FromString(record).features.feature)
    assert "frames" in names and "flow" not in names


def clip_errors(path, method, pairs=12):
    """Returns (bias in pixels, RMSE in pixels, mean bytes) of storing the flow of a clip."""
    frames = video_frames.read_frames(path, end_s=(pairs + 1) / FPS)
    bias, square, sizes = [], [], []
    for field in methods.flow_fields(frames, method):
        back, size = stored(field)
        error = back - np.clip(field, -20, 20)
        bias.append(error.mean())
        square.append((error**2).mean())
        sizes.append(size)
    return np.mean(bias), np.sqrt(np.mean(square)), np.mean(sizes)


@pytest.mark.parametrize("method", ["dis", "tvl1"])
def test_storing_the_flow_of_real_clips(clips, method):
    chosen = []
    for name, count in (("hmdb51", 2), ("kth", 1), ("ucf101", 2), ("ut_interaction", 1)):
        found = sorted(path for path in (clips / name).rglob("*") if path.is_file())
        chosen += found[len(found) // (2 * count) :: -(-len(found) // count)]
    assert len(chosen) == 6, f"expected clips of four sets in {clips}"
    errors = zip(*(clip_errors(path, method) for path in chosen), strict=True)
    bias, rmse, size = (statistics.median(np.abs(values)) for values in errors)
    print(f"{method}: |bias| {bias:.4f} px, RMSE {rmse:.4f} px, {size / 1000:.2f} kB a field")
    assert bias < 0.003
    assert rmse <= 0.05
    assert size <= 8000
