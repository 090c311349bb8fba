"""Depthwise 3-D convolutions against the sums that define them."""

import numpy as np
import pytest

from i3d.models.depthwise import DepthwiseConv3D


def expected(x, kernel, strides):
    """Returns the sums over all taps, in float64, of clips padded by (k - 1) // 2 zeros."""
    sides = [((size - 1) // 2,) * 2 for size in kernel.shape[:3]]
    padded = np.pad(x.astype(np.float64), [(0, 0), *sides, (0, 0)])
    total = 0.0
    for t, h, w in np.ndindex(kernel.shape[:3]):
        part = padded[:, t : t + x.shape[1], h : h + x.shape[2], w : w + x.shape[3]]
        total = total + part * kernel[t, h, w, 0]
    return total[:, :: strides[0], :: strides[1], :: strides[2]]


@pytest.mark.parametrize(
    ("kernel", "strides"),
    [
        ((3, 3, 3), (1, 1, 1)),
        ((3, 3, 3), (1, 2, 2)),
        ((3, 3, 3), (2, 2, 2)),
        ((5, 1, 1), (1, 1, 1)),
        ((5, 1, 1), (2, 2, 2)),
        ((1, 3, 3), (2, 1, 1)),
    ],
)
def test_every_channel_by_itself(kernel, strides):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 5, 7, 6, 4)).astype(np.float32)
    layer = DepthwiseConv3D(4, kernel, strides)
    layer.build(x.shape)
    layer.kernel.assign(random.normal(size=(*kernel, 1, 4)))
    layer.bias.assign(random.normal(size=4))
    sums = expected(x, np.asarray(layer.kernel), strides) + np.asarray(layer.bias)
    found = np.asarray(layer(x))
    assert found.shape == sums.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(found, sums, rtol=1e-5, atol=1e-5)
