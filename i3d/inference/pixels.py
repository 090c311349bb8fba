"""Resizes and crops frames and flow of a view, as uint8 arrays in NumPy.

    picture = resized(picture, 256)                     # uint8 [H, W, 3]
    part = cut(picture, crop)                           # of i3d.data.cropping

As i3d.data.augment does in tf.data; decoding processes do without TensorFlow.
"""

import cv2
import numpy as np

from i3d.data import bicubic, schema
from i3d.data.cropping import Crop
from i3d.video.picture import aspect_problem
from i3d.video.source import VideoError


def resized(
    picture: np.ndarray, size: int | tuple[int, int], interpolation: str = "bilinear"
) -> np.ndarray:
    """Returns a picture of another size.

    Args:
      picture: uint8 [H, W, 3], or levels of flow [H, W, 2].
      size: pixels of the shorter side, the longer one int(side * factor + 0.5); or
        (height, width).
      interpolation: "bilinear" in OpenCV's 8-bit arithmetic, or "bicubic" (of RGB alone):
        Pillow's, antialiased, the longer side int(side * factor).

    Raises:
      VideoError: it is too long to be resized by its shorter side.

    Source: MMAction2's Resize, by whose sizes published accuracies were measured; for "bicubic"
    torchvision's.
    """
    height, width = picture.shape[:2]
    if isinstance(size, tuple):
        rows, columns = size
    else:
        if problem := aspect_problem(height, width):
            raise VideoError(problem)
        if interpolation == "bicubic":
            rows, columns = bicubic.scaled_size((height, width), size)
        else:
            factor = size / min(height, width)
            rows, columns = (int(side * factor + 0.5) for side in (height, width))
    if (rows, columns) == (height, width):
        return picture
    if interpolation == "bicubic":
        return bicubic.resized(picture, rows, columns)
    return cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR)


def cut(picture: np.ndarray, crop: Crop) -> np.ndarray:
    """Returns the part of uint8 [H, W, 3], or of levels of flow [H, W, 2], that a Crop keeps.

    A mirrored field of flow has its x negated, too.
    """
    part = picture[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    if not crop.flip:
        return part
    part = part[:, ::-1]
    if part.shape[-1] == 3:
        return part
    part = part.copy()
    part[..., 0] = 2 * schema.FLOW_ZERO - np.maximum(part[..., 0], 1).astype(np.int32)
    return part


def levels(field: np.ndarray) -> np.ndarray:
    """Returns a field of flow float32 [H, W, 2], pixels per frame, as uint8 levels [H, W, 2]."""
    return apart(schema.flow_to_levels(field))


def apart(stacked: np.ndarray) -> np.ndarray:
    """Returns levels uint8 [H, W, 2] of a stored image [2 H, W], x over y."""
    height = len(stacked) // 2
    return np.stack([stacked[:height], stacked[height:]], axis=-1)
