"""Encodes pictures as the JPEG files of records.

data = jpeg(picture)                               # uint8 RGB [H, W, 3] or grey [H, W]
"""

import cv2

from i3d.data import schema
from i3d.video import frames as video_frames

_MAX_JPEG_SIDE = 65500  # of OpenCV's encoder, which gives an empty file beyond it


def jpeg(image):
    """Returns the JPEG file (bytes) of a uint8 image, RGB [H, W, 3] or grey [H, W].

    Raises:
      video.VideoError: a side is longer than JPEG knows.
    """
    if max(image.shape) > _MAX_JPEG_SIDE:
        height, width = image.shape[:2]
        raise video_frames.VideoError(
            f"a picture of {width}x{height} is too long for JPEG ({_MAX_JPEG_SIDE} pixels a side)"
        )
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, schema.JPEG_QUALITY])
    return encoded.tobytes()
