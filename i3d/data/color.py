"""Colours of pictures: brightness, contrast, saturation, hue and grey, and their random changes.

    clip = color.jittered(clip, rng, chance=0.8)          # uint8 [T, H, W, 3], of each frame anew
    clip = color.grayscale(clip, rng, chance=0.2)
    picture = color.contrast(picture, 1.3)                # uint8 [H, W, 3]

Made by OpenCV, which is many times as fast as Pillow and lets other threads work. Brightness and
contrast are Pillow's, grey is within one level of it and saturation within two. A turned hue, which
both round to 256 steps of the circle, differs by about a level in the mean.
"""

import cv2
import numpy as np

# Factors are drawn within 1 -+ these; the hue is turned by this share of the circle at most.
BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.4, 0.4, 0.2, 0.1
_LEVELS = np.arange(256, dtype=np.float32)


def jittered(clip: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """Returns a clip with other colours, at this chance; else the clip itself.

    Of each frame brightness, contrast, saturation and hue are changed, in an order and by factors
    that are drawn for that frame.

    Args:
      clip: uint8 RGB [T, H, W, 3].
      rng: numpy.random.Generator.
      chance: in [0, 1].

    Source: ActionCLIP's training, which takes torchvision's ColorJitter.
    """
    if rng.random() >= chance:
        return clip
    return np.stack([_jittered(frame, rng) for frame in clip])


def _jittered(frame, rng):
    spread = np.array([BRIGHTNESS, CONTRAST, SATURATION, HUE])
    values = rng.uniform([1, 1, 1, 0] - spread, [1, 1, 1, 0] + spread).tolist()
    changes = brightness, contrast, saturation, turned_hue
    for number in rng.permutation(4):
        frame = changes[number](frame, values[number])
    return frame


def grayscale(clip: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """Returns a clip in grey, of three equal channels, at this chance; else the clip itself.

    Args:
      clip, rng, chance: as for `jittered`.
    """
    if rng.random() >= chance:
        return clip
    return np.stack([grey(frame) for frame in clip])


def grey(picture: np.ndarray) -> np.ndarray:
    """Returns the luma of uint8 RGB [H, W, 3] in three equal channels."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.merge([luma, luma, luma])


def brightness(picture: np.ndarray, factor: float) -> np.ndarray:
    """Returns uint8 [H, W, 3] with levels multiplied by a factor of at least 0."""
    return looked_up(picture, np.float32(factor) * _LEVELS)


def contrast(picture: np.ndarray, factor: float) -> np.ndarray:
    """Returns uint8 [H, W, 3] whose distances from the mean luma are multiplied by a factor."""
    mean = np.float32(int(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean() + 0.5))
    return looked_up(picture, mean + np.float32(factor) * (_LEVELS - mean))


def saturation(picture: np.ndarray, factor: float) -> np.ndarray:
    """Returns uint8 [H, W, 3] whose distances from their grey are multiplied by a factor."""
    return cv2.addWeighted(picture, factor, grey(picture), 1 - factor, 0)


def turned_hue(picture: np.ndarray, turn: float) -> np.ndarray:
    """Returns uint8 [H, W, 3] whose hue is turned by a share of the circle, from -1 to 1."""
    picture = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV_FULL)
    picture[..., 0] += np.uint8(int(turn * 255) % 256)  # beyond 255 it begins again
    return cv2.cvtColor(picture, cv2.COLOR_HSV2RGB_FULL)


def looked_up(picture: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Returns uint8 [H, W, 3] with levels n replaced by levels[n], or levels[n, channel].

    Args:
      picture: uint8 [H, W, 3].
      levels: [256] or [256, 3], clipped to 0..255 and cut to whole numbers.
    """
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return cv2.LUT(picture, table if table.ndim == 1 else table[None])
