"""Two-stream network in one graph, against its parts: grey, flow of pairs, both networks."""

import cv2
import keras
import numpy as np
import pytest

from i3d.flow import pixels_to_levels, tvl1_flow
from i3d.inference import checkpoint, joint_graph, network
from i3d.runtime.command import UserError
from tests.flow.test_tvl1 import moved_texture


@pytest.fixture(scope="module")
def networks():
    return [network.load(checkpoint.card_of(None, name)) for name in ("demo_rgb", "demo_flow")]


def frames_of(rgb):
    return ((rgb.spec.length or rgb.spec.min_frames) - 1) * rgb.spec.stride + 2


def test_grey_is_opencvs():
    colours = np.random.default_rng(0).integers(0, 256, (2, 90, 70, 3), np.uint8)
    found = keras.ops.convert_to_numpy(joint_graph.Grey()(colours))
    expected = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in colours]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_logits_are_the_sum_of_both(networks):
    rgb, flow = networks
    crop, stride = rgb.spec.crop, rgb.spec.stride
    count = frames_of(rgb)
    sides = (crop + 2, crop + 6)
    both = moved_texture(*sides, (1.5, 0.5))
    frames = np.stack([np.stack([both[t % 2]] * 3, -1) for t in range(count)])
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    fields = [tvl1_flow(*pair) for pair in zip(grey[::stride], grey[1::stride], strict=False)]
    seen = frames[::stride] if rgb.spec.whole else frames[:-1:stride]
    cut = (slice(None), slice(1, 1 + crop), slice(3, 3 + crop))
    expected = rgb(seen[cut][None]) + flow(pixels_to_levels(np.array(fields))[cut][None])
    found = joint_graph.joined(rgb, flow, (count, *sides))(frames[None])
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.long
def test_networks_that_do_not_fit(networks):
    rgb, flow = networks
    with pytest.raises(UserError, match="in this order"):
        joint_graph.joined(flow, rgb, (65, 256, 256))
    with pytest.raises(UserError, match="frames.*, got 3"):
        joint_graph.joined(rgb, flow, (3, 256, 256))
    with pytest.raises(UserError, match="hold the crop"):
        joint_graph.joined(rgb, flow, (frames_of(rgb), 20, 256))
