"""Optical flow as colours: hue is the direction, saturation the length.

    picture = coloured(field, full_px=10.0)                # uint8 RGB [H, W, 3]
    with_legend(picture, full_px=10.0)                     # draws the wheel into a corner

Source of the wheel: Baker et al. 2007, "A database and evaluation methodology for optical flow".
"""

import cv2
import numpy as np

from i3d.visual import text

# Hues from one colour to the next: more where the eye tells more of them apart.
_CORNERS = (
    ((255, 0, 0), 15), ((255, 255, 0), 6), ((0, 255, 0), 4), ((0, 255, 255), 11),
    ((0, 0, 255), 13), ((255, 0, 255), 6),
)  # fmt: skip
_PERCENT = 99  # of a field is shorter than its full colour
_LEAST_PX = 2.0  # of a full colour, so that noise of a still scene stays pale
_SHARE, _LEAST_SIDE = 1 / 4, 24  # of the wheel in a picture
_LEAST_TEXT_PX, _TEXT_SHARE = 10, 1 / 24  # of the number, of the height of the picture
_GREY = (90, 90, 90)


def _hues():
    """Returns the colours of the wheel, float32 [55, 3], from right over down, left and up."""
    following = [*_CORNERS[1:], _CORNERS[0]]
    parts = [
        np.linspace(first, second, count, endpoint=False)
        for (first, count), (second, _) in zip(_CORNERS, following, strict=True)
    ]
    return np.concatenate(parts).astype(np.float32)


HUES = _hues()


def coloured(field: np.ndarray, full_px: float) -> np.ndarray:
    """Returns a flow field as a picture, uint8 RGB [H, W, 3].

    Right is red, down yellow, left between cyan and blue, up violet; white is no motion, and a
    full colour is `full_px` or more.

    Args:
      field: float [H, W, 2], pixels per frame, x then y.
      full_px: pixels per frame that get the full colour, above 0.
    """
    x, y = np.moveaxis(np.asarray(field, np.float32), -1, 0)
    length, turns = cv2.cartToPolar(x, y)
    place = turns * np.float32(len(HUES) / (2 * np.pi))
    low = place.astype(np.int32)
    share = (place - low)[..., None]
    hue = HUES[low % len(HUES)] * (1 - share) + HUES[(low + 1) % len(HUES)] * share
    saturation = np.minimum(length / full_px, 1)[..., None]
    return np.rint(255 - saturation * (255 - hue)).astype(np.uint8)


def full_colour(field: np.ndarray) -> float:
    """Returns pixels per frame that 99 % of a field [..., 2] are below, at least 2."""
    length = np.linalg.norm(np.asarray(field, np.float32), axis=-1)
    return max(_LEAST_PX, float(np.percentile(length, _PERCENT)))


def disc(side: int) -> np.ndarray:
    """Returns the wheel itself, uint8 RGB [side, side, 3], white outside."""
    place = (np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1
    field = np.stack(np.meshgrid(place, place), axis=-1)
    field[np.linalg.norm(field, axis=-1) > 1] = 0
    return coloured(field, 1.0)


def with_legend(picture: np.ndarray, full_px: float) -> np.ndarray:
    """Returns a copy of a picture with the wheel and its full colour in the lower right corner.

    Args:
      picture: uint8 RGB [H, W, 3].
      full_px: pixels per frame that have the full colour.
    """
    height, width = picture.shape[:2]
    side = min(max(_LEAST_SIDE, round(min(height, width) * _SHARE)), height, width)
    words, size = f"{full_px:.1f} px", max(_LEAST_TEXT_PX, side // 5, round(height * _TEXT_SHARE))
    across, line = text.extent(words, size)[2] + 2, text.extent("Ag", size)[3] + 2
    box = np.full((side + line, max(side, across), 3), 255, np.uint8)
    left = (box.shape[1] - side) // 2
    box[:side, left : left + side] = disc(side)
    text.write(box, words, (box.shape[1] - across) // 2 + 1, side, size, (0, 0, 0))
    cv2.rectangle(box, (0, 0), (box.shape[1] - 1, len(box) - 1), _GREY)
    box = box[:height, :width]
    picture = picture.copy()
    picture[height - box.shape[0] :, width - box.shape[1] :] = box
    return picture
