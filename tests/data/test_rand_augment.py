"""Each operation of RandAugment against Pillow's, and how they are drawn."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from i3d.data import rand_augment

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
SMOOTH = cv2.resize(NOISE[:8, :10], (96, 80), interpolation=cv2.INTER_CUBIC)
PICTURES = [NOISE, SMOOTH, SMOOTH // 3 + 40, np.full((20, 30, 3), 77, np.uint8), NOISE[:6, :5]]


class Sign:
    """A generator whose every draw is this number."""

    def __init__(self, number):
        self._number = number

    def random(self):
        return self._number

    def uniform(self, low, high):
        return low + (high - low) * self._number


def affine(image, place, value):
    numbers = [1, 0, 0, 0, 1, 0]
    numbers[place] = value
    return image.transform(image.size, Image.Transform.AFFINE, numbers)


def added_and_solarized(image, value):
    added = np.minimum(np.asarray(image).astype(int) + int(value), 255).astype(np.uint8)
    return ImageOps.solarize(Image.fromarray(added), 128)


def covered(image, side):
    width, height = image.size
    left, top = (int(max(0, 0.7 * n - side / 2)) for n in image.size)
    image = image.copy()
    box = left, top, min(width, left + side), min(height, top + side)
    ImageDraw.Draw(image).rectangle(box, (125, 123, 114))
    return image


def enhanced(name):
    return lambda image, value: getattr(ImageEnhance, name)(image).enhance(value)


# By the published ranges: what each does at a value; those of either sign, negative.
PILLOW = {
    "auto_contrast": lambda image, value: ImageOps.autocontrast(image),
    "equalize": lambda image, value: ImageOps.equalize(image),
    "invert": lambda image, value: ImageOps.invert(image),
    "rotate": lambda image, value: image.rotate(-value),
    "posterize": lambda image, value: ImageOps.posterize(image, max(1, int(value))),
    "solarize": ImageOps.solarize,
    "solarize_add": added_and_solarized,
    "color": enhanced("Color"),
    "contrast": enhanced("Contrast"),
    "brightness": enhanced("Brightness"),
    "sharpness": enhanced("Sharpness"),
    "shear_x": lambda image, value: affine(image, 1, -value),
    "shear_y": lambda image, value: affine(image, 3, -value),
    "cutout": covered,
    "translate_x": lambda image, value: affine(image, 2, -value),
    "translate_y": lambda image, value: affine(image, 5, -value),
}
LEVELS_OFF = {"color": 2, "contrast": 1, "sharpness": 1}  # by rounding


@pytest.mark.parametrize("name", rand_augment.OPERATIONS)
def test_every_operation_is_that_of_pillow(name):
    operation, low, high = rand_augment.OPERATIONS[name]
    for magnitude in (0, 9, 17, 30):
        value = low + (high - low) * magnitude / 30
        for picture in PICTURES:
            before = picture.copy()
            found = operation(picture, value, Sign(0.7))
            expected = np.asarray(PILLOW[name](Image.fromarray(picture), value))
            assert found.dtype == np.uint8
            off = np.abs(found.astype(int) - expected).max()
            assert off <= LEVELS_OFF.get(name, 0), (name, magnitude, picture.shape)
            np.testing.assert_array_equal(picture, before)


def test_geometry_goes_both_ways():
    for name in ("rotate", "shear_x", "shear_y", "translate_x", "translate_y"):
        operation, low, high = rand_augment.OPERATIONS[name]
        one, other = (operation(SMOOTH, high / 3, Sign(number)) for number in (0.2, 0.8))
        assert (one != other).any()


def test_frames_are_drawn_apart_by_the_generator_alone():
    clip, before = np.stack([SMOOTH] * 6), SMOOTH.copy()
    first, again, other = (
        rand_augment.changed(clip, np.random.default_rng(seed), 2, 9) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() and first.shape == clip.shape and first.dtype == np.uint8
    assert len({frame.tobytes() for frame in first}) >= 5
    np.testing.assert_array_equal(clip[0], before)
    np.testing.assert_array_equal(rand_augment.changed(clip, np.random.default_rng(0), 0, 9), clip)
