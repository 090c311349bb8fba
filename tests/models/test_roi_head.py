"""RoIAlign against torchvision's, and what the head does with regions."""

import re

import keras
import numpy as np
import pytest

from i3d.models.roi_head import Regions, roi_align
from tests.golden import ava as golden

GOLDEN = golden.roi_align()
CASES = sorted(name for name in GOLDEN if name.startswith("out"))


@pytest.mark.parametrize("case", CASES)
def test_roi_align_is_torchvisions(case):
    """Whole, outside, empty, reversed and huge boxes, in every setting."""
    size, sampling, kind = re.fullmatch(r"out(\d)_sampling(\d)_(\w+)", case).groups()
    maps, boxes = GOLDEN["map"].transpose(0, 2, 3, 1), GOLDEN["boxes"]
    expected = GOLDEN[case].transpose(0, 2, 3, 1)
    for index in range(len(maps)):
        own = boxes[:, 0] == index
        options = (int(size), 1 / 16, int(sampling), kind == "aligned")
        found = roi_align(maps[index][None], boxes[own, 1:][None], *options)
        found = keras.ops.convert_to_numpy(found)[0, ..., : expected.shape[-1]]
        np.testing.assert_allclose(found, expected[own], atol=1e-5)


def test_whole_pixels_keep_their_samples():
    """A region of 8 cells has one sample a bin, whatever the division by the width rounds to."""
    random = np.random.default_rng(0)
    maps = random.normal(size=(1, 16, 22, 3)).astype("f")
    for width in (340, 341, 349, 351):
        box = np.array([[16, 16, 144, 144]], "f")
        clips = np.zeros((1, 1, 256, width, 3), "f")
        found = Regions()([maps, (box / np.array([width, 256] * 2, "f"))[None], clips])
        np.testing.assert_allclose(found, roi_align(maps, box[None]), atol=1e-5)


def test_padding_boxes_give_zeros_and_context_is_the_mean_of_bins():
    random = np.random.default_rng(0)
    maps = random.normal(size=(2, 16, 8, 3)).astype("f")
    boxes = np.array([[[0, 0, 1, 1], [0, 0, 0, 0]]] * 2, "f")
    clips = np.zeros((2, 4, 256, 128, 3), "f")
    regions = np.asarray(Regions(context=True)([maps, boxes, clips]))
    assert regions.shape == (2, 2, 8, 8, 6)
    assert not regions[:, 1, ..., :3].any() and regions[:, 0, ..., :3].any()
    expected = maps.reshape(2, 8, 2, 8, 3).mean(axis=2)
    np.testing.assert_allclose(regions[:, 1, ..., 3:], expected, atol=1e-6)
