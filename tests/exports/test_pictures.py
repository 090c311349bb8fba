"""Resize and centre crop inside a graph, against what decoding does."""

import keras
import numpy as np
import pytest

from i3d.data import cropping
from i3d.exports.pictures import CentreViews
from i3d.inference.pixels import cut, resized
from i3d.spec import InputSpec

SIZES = [(240, 320), (36, 50), (50, 36), (31, 47), (97, 200), (33, 33)]


def expected(picture, spec):
    small = resized(picture, spec.crop_side, spec.interpolation)
    (crop,) = cropping.of_spec(spec)(small.shape[:2])
    return cut(small, crop).astype(float)


def textured(height, width):
    """Returns uint8 [height, width, 3]: waves and noise."""
    random = np.random.default_rng(height)
    y, x = np.mgrid[:height, :width]
    wave = 90 * np.sin(y / 5)[..., None] * np.cos(x[..., None] / (4, 7, 9)) + 128
    return np.clip(wave + random.normal(0, 20, wave.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fields", [{"resize": 36}, {"resize": (40, 44)}, {"resize": 32}])
def test_bilinear(size, fields):
    spec = InputSpec(crop=32, range=(-1.0, 1.0), **fields)
    _check(size, spec, 0.9)  # OpenCV cuts, and does not round


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resize", [36, 33])
def test_bicubic(size, resize):
    pytest.importorskip("PIL", reason="the extra clip is not installed")
    spec = InputSpec(crop=32, resize=resize, range=(-1.0, 1.0), interpolation="bicubic")
    _check(size, spec, 1.05)  # Pillow rounds after each side


def _check(size, spec, most):
    frames = np.stack([textured(*size), textured(*size)[::-1]])
    found = keras.ops.convert_to_numpy(CentreViews(spec)(frames[None]))
    assert found.shape == (1, 2, 32, 32, 3)
    apart = np.abs(found[0] - np.stack([expected(frame, spec) for frame in frames]))
    print(f"{size}: {apart.mean():.2f} levels, at most {apart.max():.2f}")
    assert apart.max() <= most


def test_it_is_made_again_from_its_config():
    layer = CentreViews(InputSpec(crop=32, resize=(40, 44), range=(-1.0, 1.0)))
    again = CentreViews.from_config(layer.get_config())
    assert again.spec == layer.spec
