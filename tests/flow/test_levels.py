"""Stored levels of flow into pixels, and back."""

import numpy as np

import i3d
from i3d.data import schema


def test_levels_are_pixels_of_the_bound():
    levels = np.array([1, 128, 129, 255], np.uint8)
    pixels = i3d.flow.levels_to_pixels(levels)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, [-20, 0, 20 / 127, 20], rtol=1e-6)
    np.testing.assert_allclose(i3d.flow.levels_to_pixels(levels, 15.0), pixels * 0.75, rtol=1e-6)


def test_there_and_back_and_as_records_hold_them():
    levels = np.arange(1, 256, dtype=np.uint8).reshape(1, -1)
    both = np.stack([levels, levels[:, ::-1]], -1)
    field = i3d.flow.levels_to_pixels(both)
    np.testing.assert_array_equal(i3d.flow.pixels_to_levels(field), both)
    image = schema.flow_to_levels(field)
    split = np.stack(np.split(i3d.flow.levels_to_pixels(image), 2), -1)
    np.testing.assert_array_equal(split, field)
    np.testing.assert_array_equal(schema.levels_to_flow(image), field)
    assert i3d.flow.pixels_to_levels(np.array([-99.0, 99.0])).tolist() == [1, 255]
