"""Crops of pictures and fields of flow, and their ranges, in numpy alone.

    boxes = crop_boxes(256, 340, size=224, crops=10)
    part = cut(picture, boxes[0])                       # uint8 [224, 224, C]
    values = normalised(part, recipe)                   # float32

As i3d.data.cropping and augment do in tf.data; decoding processes do without TensorFlow.
"""

import cv2
import numpy as np

from i3d.data import schema
from i3d.video.picture import aspect_problem

CROPS = (1, 3, 10)
_CORNERS = ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))  # quarters of the room (down, right)


def resized(picture, size):
    """Returns a picture of another size, bilinear, in OpenCV's 8-bit arithmetic.

    Args:
      picture: uint8 [H, W, 3].
      size: pixels of the shorter side, the longer one int(side * factor + 0.5); or
        (height, width).

    Raises:
      ValueError: it is too long to be resized by its shorter side.

    Source: MMAction2's Resize, by whose sizes published accuracies were measured.
    """
    height, width = picture.shape[:2]
    if isinstance(size, tuple):
        rows, columns = size
    else:
        if problem := aspect_problem(height, width):
            raise ValueError(problem)
        factor = size / min(height, width)
        rows, columns = (int(side * factor + 0.5) for side in (height, width))
    if (rows, columns) == (height, width):
        return picture
    return cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR)


def crop_boxes(height, width, size, crops):
    """Returns [(top, left, size, flip)] of square crops in published order.

    Args:
      height, width: of the pictures.
      size: of the crops, pixels.
      crops: 1: the centre. 3: left, right, middle (of tall pictures top, bottom, middle), where
        one side of the pictures is `size`. 10: corners (upper left and right, lower left and
        right) and centre, each followed by its mirror image.

    Raises:
      ValueError: the pictures are smaller, no side of them is as 3 crops need it, or there is no
        such number of crops.

    Source: MMAction2's CenterCrop, ThreeCrop, TenCrop.
    """
    if min(height, width) < size:
        raise ValueError(f"expected pictures of at least {size} pixels, got {width}x{height}")
    down, right = height - size, width - size
    if crops == 1:
        return [(down // 2, right // 2, size, False)]
    if crops == 3:
        if down and right:
            raise ValueError(
                f"3 crops cover pictures with a side of {size} pixels, got {width}x{height}"
            )
        return [(n * (down // 2), n * (right // 2), size, False) for n in (0, 2, 1)]
    if crops == 10:
        places = [(y * (down // 4), x * (right // 4)) for y, x in _CORNERS]
        return [(*place, size, flip) for place in places for flip in (False, True)]
    raise ValueError(f"crops: expected one of {CROPS}, got {crops}")


def cut(picture, box):
    """Returns the part of uint8 [H, W, 3], or of levels of flow [H, W, 2], that a box keeps.

    A mirrored field of flow has its x negated, too.
    """
    top, left, size, flip = box
    part = picture[top : top + size, left : left + size]
    if not flip:
        return part
    part = part[:, ::-1]
    if part.shape[-1] == 3:
        return part
    part = part.copy()
    part[..., 0] = 256 - np.maximum(part[..., 0], 1).astype(np.int32)  # about FLOW_ZERO
    return part


def levels(field):
    """Returns a field of flow float32 [H, W, 2] as uint8 levels [H, W, 2]."""
    return apart(schema.flow_to_levels(field))


def apart(stacked):
    """Returns levels uint8 [H, W, 2] of a stored image [2 H, W], x over y."""
    height = len(stacked) // 2
    return np.stack([stacked[:height], stacked[height:]], axis=-1)


def normalised(pixels, recipe):
    """Returns float32 of uint8 [..., C] as the network of a Recipe takes it.

    Either (pixels - mean) / std, or in recipe.range, flow clipped to it.
    """
    pixels = np.asarray(pixels, np.float32)
    if recipe.range is None:
        repeats = pixels.shape[-1] // len(recipe.mean)
        mean, std = (np.tile(np.float32(v), repeats) for v in (recipe.mean, recipe.std))
        return (pixels - mean) / std
    low, high = recipe.range
    if recipe.stream == "flow":
        unit = np.clip((pixels - np.float32(schema.FLOW_ZERO)) / np.float32(127), -1, 1)
        return (unit + 1) * np.float32((high - low) / 2) + np.float32(low)
    return pixels * np.float32((high - low) / 255) + np.float32(low)
