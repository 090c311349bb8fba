"""RandAugment of training clips, of each frame anew.

    clip = rand_augment.changed(clip, rng, number=2, magnitude=9)        # uint8 [T, H, W, 3]

Source: Cubuk et al. 2019, arXiv:1909.13719, with the 16 operations and ranges of the PyTorch port
that ActionCLIP trains with: each that is drawn is made. Pixels are those of Pillow, but that levels
which are blended are rounded here and cut there.
"""

from collections.abc import Callable

import cv2
import numpy as np

from i3d.data import color

MOST = 30  # the magnitude at which each operation is at the end of its range
_CUTOUT = (125, 123, 114)  # about the mean of natural pictures
_LEVELS = np.arange(256)
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


def changed(clip: np.ndarray, rng: np.random.Generator, number: int, magnitude: int) -> np.ndarray:
    """Returns a clip of which each frame has gone through operations that are drawn for it.

    Args:
      clip: uint8 RGB [T, H, W, 3].
      rng: numpy.random.Generator.
      number: of operations of a frame, drawn from all with replacement.
      magnitude: 0 to MOST.
    """
    return np.stack([_changed(frame, rng, number, magnitude) for frame in clip])


def _changed(frame, rng, number, magnitude):
    names = list(OPERATIONS)
    for place in rng.integers(len(names), size=number):
        operation, low, high = OPERATIONS[names[place]]
        frame = operation(frame, low + (high - low) * magnitude / MOST, rng)
    return frame


def _auto_contrast(picture, value, rng):
    """Stretches each channel from its darkest to its brightest level over all of them."""
    table = []
    for counts in _histograms(picture):
        low, high = np.flatnonzero(counts)[[0, -1]].tolist()
        scale = 255 / (high - low) if high > low else 1
        table.append(_LEVELS * scale - low * scale if high > low else _LEVELS)
    return color.looked_up(picture, np.stack(table, axis=-1))


def _equalize(picture, value, rng):
    """Makes the levels of each channel about equally frequent."""
    table = []
    for counts in _histograms(picture):
        step = (counts.sum() - counts[np.flatnonzero(counts)[-1]]) // 255
        darker = np.cumsum(counts) - counts
        table.append((darker + step // 2) // step if step else _LEVELS)
    return color.looked_up(picture, np.stack(table, axis=-1))


def _histograms(picture):
    counts = [cv2.calcHist([picture], [n], None, [256], [0, 256]).ravel() for n in range(3)]
    return [count.astype(np.int64) for count in counts]


def _invert(picture, value, rng):
    return 255 - picture


def _posterize(picture, bits, rng):
    """Keeps the highest bits of each level, one at least."""
    return picture & np.uint8(256 - 2 ** (8 - max(1, int(bits))))


def _solarize(picture, threshold, rng):
    """Inverts what is bright."""
    return color.looked_up(picture, np.where(threshold > _LEVELS, _LEVELS, 255 - _LEVELS))


def _solarize_add(picture, value, rng):
    """Adds to all levels, then inverts what is bright."""
    levels = np.minimum(_LEVELS + int(value), 255)
    return color.looked_up(picture, np.where(levels < 128, levels, 255 - levels))


def _sharpness(picture, factor, rng):
    """Blends with a smoothed picture, whose outermost pixels stay as they are."""
    smooth = picture.copy()
    smooth[1:-1, 1:-1] = cv2.filter2D(picture, -1, _SMOOTH)[1:-1, 1:-1]
    return cv2.addWeighted(picture, factor, smooth, 1 - factor, 0)


def _enhanced(change):
    return lambda picture, factor, rng: change(picture, factor)


def _rotate(picture, degrees, rng):
    from PIL import Image

    return np.asarray(Image.fromarray(picture).rotate(_either_sign(degrees, rng)))


def _affine(place):
    """Returns an operation that sets one of the six numbers from output to input pixels."""

    def operation(picture, value, rng):
        from PIL import Image

        numbers = [1, 0, 0, 0, 1, 0]
        numbers[place] = _either_sign(value, rng)
        size = picture.shape[1::-1]
        image = Image.fromarray(picture).transform(size, Image.Transform.AFFINE, numbers)
        return np.asarray(image)

    return operation


def _cutout(picture, side, rng):
    """Covers a square about a random place, as far as it lies in the picture."""
    begin = [int(max(0, rng.uniform(0, size) - side / 2)) for size in picture.shape[1::-1]]
    left, top = begin
    picture = picture.copy()
    picture[top : top + int(side) + 1, left : left + int(side) + 1] = _CUTOUT
    return picture


def _either_sign(value, rng):
    return -value if rng.random() > 0.5 else value


# Each with what it takes at magnitude 0 and at MOST. The geometric ones look up the nearest pixel,
# and leave black where there is none.
OPERATIONS: dict[str, tuple[Callable[..., np.ndarray], float, float]] = {
    "auto_contrast": (_auto_contrast, 0, 1),
    "equalize": (_equalize, 0, 1),
    "invert": (_invert, 0, 1),
    "rotate": (_rotate, 0, 30),  # degrees
    "posterize": (_posterize, 0, 4),  # bits that are kept
    "solarize": (_solarize, 0, 256),  # the level from which on it inverts
    "solarize_add": (_solarize_add, 0, 110),  # levels
    "color": (_enhanced(color.saturation), 0.1, 1.9),
    "contrast": (_enhanced(color.contrast), 0.1, 1.9),
    "brightness": (_enhanced(color.brightness), 0.1, 1.9),
    "sharpness": (_sharpness, 0.1, 1.9),
    "shear_x": (_affine(1), 0, 0.3),
    "shear_y": (_affine(3), 0, 0.3),
    "cutout": (_cutout, 0, 40),  # pixels
    "translate_x": (_affine(2), 0, 100),  # pixels
    "translate_y": (_affine(5), 0, 100),
}
