"""Images in a folder, and animations; their levels are 10, 20, ... in order."""

from pathlib import Path

import cv2
import numpy as np


def picture(level, height=24, width=32):
    return np.full((height, width, 3), level, np.uint8)


def written(folder, *names, height=24, width=32):
    """Writes an image of each name; returns the path of the folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, 1):
        cv2.imwrite(f"{folder}/{name}", picture(10 * number, height, width))
    return str(folder)


def animation(path, count, size=(24, 32), milliseconds=100):
    """Writes a GIF or WebP file of so many pictures; returns its path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    made = cv2.Animation()
    made.frames = [np.full((*size, 4), 10 * n, np.uint8) for n in range(1, count + 1)]
    made.durations = [milliseconds] * count
    assert cv2.imwriteanimation(str(path), made, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return str(path)
