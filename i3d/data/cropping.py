"""Fixed crops for tests: the boxes, computed before any pixel is touched.

    left, right, middle = cropping.three_crops((256, 340), 256)
    crops = cropping.of_spec(spec)                       # (height, width) -> the Crops of a view

A `Crop` is made from the size of the frames, ints or int32 scalars of a tf.data graph;
`augment.cut` and `i3d.inference.pixels.cut` take it. TensorFlow is imported for the latter alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from i3d.spec import InputSpec

# Corners and centre, in quarters (x, y) of the room that a crop leaves.
PLACES = ((0, 0), (4, 0), (0, 4), (4, 4), (2, 2))


class Crop(NamedTuple):
    """Which part of every frame is kept; each number is an int or an int32 scalar.

    Attributes:
      frame: (height, width) of the frames that it was made for.
      top, left, height, width: pixels.
      flip: bool; mirror left to right after cutting.
    """

    frame: Any
    top: Any
    left: Any
    height: Any
    width: Any
    flip: Any = False


def of_spec(spec: InputSpec) -> Callable[[Any], Sequence[Crop]]:
    """Returns a function from (height, width) of frames to the Crops of their views."""
    if spec.crops == 3:
        return lambda frame: three_crops(frame, spec.crop)
    if spec.crops == 10:
        return lambda frame: ten_crops(frame, spec.crop)
    even = spec.interpolation == "bicubic"
    return lambda frame: [center_crop(frame, spec.crop, even)]


def center_crop(frame, size, even_offsets=False):
    """Returns the Crop in the middle.

    Args:
      frame: (height, width) of the frames.
      size: of the crop, pixels: one int, or (height, width).
      even_offsets: an offset that ends in a half goes to the even pixel, as in torchvision's
        CenterCrop; else to the one before.

    Raises:
      ValueError: the frames are smaller than the crop; in a graph that does not know their size a
        tf.errors.InvalidArgumentError. The same holds for every fixed-size crop here.
    """
    (height, width), (rows, columns) = fitting(frame, size)
    down, right = height - rows, width - columns
    top, left = down // 2, right // 2
    if even_offsets:
        top, left = top + down % 2 * (top % 2), left + right % 2 * (left % 2)
    return Crop(frame, top, left, rows, columns)


def three_crops(frame, size):
    """Returns 3 Crops in published order: left, right, middle (of tall frames top, bottom, middle).

    `size` must be the height or the width of the frames, so that the three cover them.

    Source: MMAction2's ThreeCrop.
    """
    (height, width), (rows, columns) = fitting(frame, size)
    height, width = checked(
        (height, width),
        (height == rows) | (width == columns),
        "three crops of {}x{} (height x width) need frames of that height or that width, got "
        "{}x{}: resize them so that the shorter side fits",
        *(rows, columns, height, width),
    )
    y, x = (height - rows) // 2, (width - columns) // 2
    return tuple(Crop(frame, n * y, n * x, rows, columns) for n in (0, 2, 1))


def ten_crops(frame, size):
    """Returns 10 Crops: the corners (upper left and right, lower left and right) and the centre.

    Each is followed by its mirror image. Source: MMAction2's TenCrop.
    """
    (height, width), (rows, columns) = fitting(frame, size)
    y, x = (height - rows) // 4, (width - columns) // 4
    return tuple(
        Crop(frame, down * y, right * x, rows, columns, flip)
        for right, down in PLACES
        for flip in (False, True)
    )


def height_and_width(size):
    """Returns (height, width) of one int or of two."""
    return tuple(size) if isinstance(size, tuple | list) else (size, size)


def fitting(frame, size):
    """Returns the frame's and the crop's (height, width), known to fit."""
    (height, width), (rows, columns) = frame, height_and_width(size)
    frame = checked(
        frame,
        (rows <= height) & (columns <= width),
        "a crop of {}x{} (height x width) needs frames at least that large, got {}x{}: resize "
        "them first",
        *(rows, columns, height, width),
    )
    return frame, (rows, columns)


def checked(guarded, holds, text, *values):
    """Returns `guarded`, or raises one line: at once if `holds` is known, else as the graph runs.

    What is computed from the result waits for the check, so that no later op fails before it.
    """
    if not isinstance(holds, bool):
        import tensorflow as tf  # here, so that decoding processes do without

        known = tf.get_static_value(holds)
        if known is None:
            check = tf.debugging.Assert(holds, [tf.strings.format(text, values)])
            with tf.control_dependencies([check]):
                return tf.nest.map_structure(tf.identity, guarded)
        holds = bool(known)
    if not holds:
        raise ValueError(text.format(*(int(value) for value in values)))
    return guarded
