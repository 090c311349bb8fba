"""Frames as the published codes resize them."""

import numpy as np
import pytest
import tensorflow as tf

from i3d.evaluation.frechet.protocols import PROTOCOLS, of_name
from i3d.runtime.command import UserError


def frames(height, width):
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(64, 64), (100, 37), (224, 224), (300, 240)])
@pytest.mark.parametrize("name", ["official", "styleganv", "cdfvd"])
def test_squashed_frames_are_tensorflows(name, size):
    found = PROTOCOLS[name].resized(frames(*size))
    expected = tf.raw_ops.ResizeBilinear(
        images=frames(*size), size=[224, 224], half_pixel_centers=name != "official"
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("size", [(64, 80), (101, 50), (224, 224)])
def test_cropped_frames_keep_their_aspect(size):
    found = PROTOCOLS["videogpt"].resized(frames(*size))
    scale = 224 / min(size)
    target = [224 if own == min(size) else int(np.ceil(own * scale)) for own in size]
    whole = tf.raw_ops.ResizeBilinear(images=frames(*size), size=target, half_pixel_centers=True)
    top, left = ((side - 224) // 2 for side in target)
    np.testing.assert_allclose(found, whole[:, top : top + 224, left : left + 224], atol=1e-3)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(UserError, match="expected one of official, styleganv"):
        of_name("stylegan")
