"""Resizes pictures by antialiased bicubic interpolation: Pillow itself, as CLIP's preprocessing.

    picture = bicubic.resized(picture, *bicubic.scaled_size((240, 320), 256))    # 256 x 341

OpenCV's bicubic has no antialiasing: pictures that are made smaller differ by up to 20 levels.
"""

import numpy as np


def scaled_size(frame, short_side):
    """Returns (height, width) of frames resized to a shorter side, the longer one cut to an int.

    Args:
      frame: (height, width), ints or integer scalars of tf.data.
      short_side: pixels.

    Source: torchvision's Resize.
    """
    height, width = frame
    if isinstance(height, int) and isinstance(width, int):
        shorter = min(height, width)
    else:
        import tensorflow as tf

        shorter = tf.minimum(height, width)
    return short_side * height // shorter, short_side * width // shorter


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns uint8 RGB [height, width, 3] of uint8 RGB [H, W, 3]."""
    from PIL import Image  # in a tenth of a second, and rarely needed

    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.array(image.resize((width, height), Image.Resampling.BICUBIC))
