"""TV-L1 optical flow of a pair of grey images, many times faster than OpenCV's DualTVL1.

The method and its settings are those of cv2.optflow.DualTVL1OpticalFlow_create() of OpenCV 5: five
scales 0.8 apart with 5 warps each, tau 0.25, lambda 0.15, theta 0.3, a 5x5 median before each 30
iterations, stop at epsilon 0.01. OpenCV 4 rounds warps to 1/32 pixel, so it differs more.
Main name: `tvl1_flow`. Example: `flow = tvl1_flow(previous, following)`; flow[y, x] is (dx, dy).

The first call compiles, for about ten seconds. The machine code is kept in `__pycache__` beside
this file or, where that cannot be written, in the user's cache folder; the environment variable
NUMBA_CACHE_DIR names another place. It holds code for each type of processor apart. Where nothing
can be written, each process compiles, and one says so.
"""

import sys
import threading
from multiprocessing import current_process
from pathlib import Path

import numpy as np
from numba import njit

from i3d.flow.tvl1 import images as tvl1_images
from i3d.flow.tvl1 import lanes, median, solve
from i3d.flow.tvl1 import warp as tvl1_warp
from i3d.flow.tvl1.images import BORDER, bundle, resize
from i3d.flow.tvl1.median import RING
from i3d.flow.tvl1.solve import BLOCK, CONSTANTS, MOST_TOGETHER, relax
from i3d.flow.tvl1.warp import SCRATCH, warp
from i3d.runtime.command import UserError

SCALES, SCALE_STEP = 5, 0.8
WARPS = 5
EPSILON = 0.01
SMALLEST_SIDE = 16  # of an image, and of the images of the pyramid, pixels

_buffers = threading.local()


def tvl1_flow(previous: np.ndarray, following: np.ndarray) -> np.ndarray:
    """TV-L1 optical flow from one grey image to the next.

    Several threads may call it at once: the interpreter is free meanwhile. Each thread keeps its
    buffers, about 110 bytes a pixel, for the next images of the same shape.

    Args:
      previous, following: uint8 [H, W], both sides at least 16 pixels.

    Returns:
      float32 [H, W, 2]: displacement in pixels per frame, x (to the right) then y (down).

    Raises:
      UserError: an image is too small.
      ValueError: an image is no uint8 array [H, W], or the shapes differ.

    Source: Zach, Pock, Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", 2007;
    Sanchez, Meinhardt-Llopis, Facciolo, "TV-L1 Optical Flow Estimation", 2013; order of steps,
    median filter and settings are those of OpenCV's DualTVL1. Deviation: float32 rounding.
    """
    _check(previous, following)
    shapes = pyramid_shapes(*previous.shape)
    sizes = _buffer_sizes(shapes)
    if getattr(_buffers, "sizes", None) != sizes:
        _buffers.arrays = _aligned_zeros(sizes)
        _buffers.sizes = sizes
    flow = np.empty((*previous.shape, 2), np.float32)
    # Copies, so that read-only or strided images need no machine code of their own.
    images = np.array(previous, order="C"), np.array(following, order="C")
    _pair_flow(*images, np.array(shapes), _buffers.arrays, flow)
    return flow


def _check(previous, following):
    for name, image in (("previous", previous), ("following", following)):
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 2:
            found = f"{getattr(image, 'dtype', type(image).__name__)} {list(np.shape(image))}"
            raise ValueError(f"{name} must be a grey image, uint8 [H, W], but it is {found}.")
    if previous.shape != following.shape:
        raise ValueError(
            f"Both images must have one shape, but they have {list(previous.shape)} and "
            f"{list(following.shape)}: resize one of them."
        )
    check_size(previous.shape)


def check_size(shape: tuple[int, int]) -> None:
    """Raises UserError where images of this (height, width) are too small."""
    if min(shape) < SMALLEST_SIDE:
        raise UserError(
            f"Images must have at least {SMALLEST_SIDE} pixels a side, but they are "
            f"{list(shape)}: enlarge them."
        )


def pyramid_shapes(height, width):
    """[(height, width)] from full size down; the smaller ones have sides >= SMALLEST_SIDE."""
    shapes = [(height, width)]
    while len(shapes) < SCALES:
        height, width = round(height * SCALE_STEP), round(width * SCALE_STEP)
        if min(height, width) < SMALLEST_SIDE:
            break
        shapes.append((height, width))
    return shapes


def _buffer_sizes(shapes):
    """Numbers of float32 in each buffer of `_pair_flow`, in its order."""
    height, width = shapes[0]
    blocks = (width + 15) // 16
    images = sum(_image_size(*shape) for shape in shapes)
    state = (height + 1) * (blocks + 1) * BLOCK
    bundled = (height + 2 * BORDER) * (blocks + 1) * 64
    constants = height * blocks * CONSTANTS
    return images, images, state, state, bundled, constants, RING * blocks, SCRATCH * blocks


def _image_size(height, width):
    return 16 + height * ((width + 15) // 16 + 1) * 16


def _aligned_zeros(sizes):
    """Each array starts on a cache line: sixteen numbers then never lie across two."""
    *starts, end = np.cumsum([0] + [size + -size % 16 for size in sizes])
    room = np.zeros(end + 16, np.float32)
    first = -room.ctypes.data // 4 % 16
    return tuple(room[first + start :][:size] for start, size in zip(starts, sizes, strict=True))


@njit(nogil=True)
def _image_place(shapes, scale):
    """(first row, row length, block length) of a scale in the images of a pyramid."""
    start = 0
    for s in range(scale):
        start += 16 + shapes[s, 0] * ((shapes[s, 1] + 15) // 16 + 1) * 16
    return start + 16, ((shapes[scale, 1] + 15) // 16 + 1) * 16, 16


@njit(nogil=True)
def _fill_pyramid(image, shapes, pyramid, rows):
    place = _image_place(shapes, 0)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            pyramid[place[0] + y * place[1] + x] = image[y, x]
    step = 1 / SCALE_STEP
    for s in range(1, len(shapes)):
        source, target = _image_place(shapes, s - 1), _image_place(shapes, s)
        shape, smaller = (shapes[s - 1, 0], shapes[s - 1, 1]), (shapes[s, 0], shapes[s, 1])
        resize(pyramid, source, shape, pyramid, target, smaller, (step, step), np.float32(1), rows)


@njit(nogil=True)
def _enlarge(state, small, to, large, rows):
    """Carries the flow to the next finer scale."""
    row, to_row = ((small[1] + 15) // 16 + 1) * BLOCK, ((large[1] + 15) // 16 + 1) * BLOCK
    scale, gain = (small[0] / large[0], small[1] / large[1]), np.float32(1 / SCALE_STEP)
    for plane in (0, 16):
        place, to_place = (row + plane, row, BLOCK), (to_row + plane, to_row, BLOCK)
        resize(state, place, small, to, to_place, large, scale, gain, rows)


@njit(nogil=True)
def _write_flow(state, flow):
    height, width = flow.shape[:2]
    row = ((width + 15) // 16 + 1) * BLOCK
    for y in range(height):
        for x in range(width):
            i = (y + 1) * row + x // 16 * BLOCK + x % 16
            flow[y, x, 0], flow[y, x, 1] = state[i], state[i + 16]


@njit(nogil=True)
def _scale_flow(shapes, s, buffers, offsets, state, spare):
    """Refines the flow in `state` at one scale; returns (state, spare), exchanged or not."""
    first, second, _, _, bundled, constants, ring, scratch = buffers
    height, width = shapes[s]
    place = _image_place(shapes, s)
    errors, mask = np.empty(MOST_TOGETHER), np.empty(16, np.float32)
    for lane in range(16):
        mask[lane] = lane <= (width - 1) % 16
    bundle(second, place, height, width, mask, bundled)
    limit = EPSILON * EPSILON * height * width
    iterations = 100  # no warp before: expect many
    for _ in range(WARPS):
        warp(first, place, bundled, state, constants, height, width, mask, scratch, offsets)
        state, spare, iterations = relax(
            state, spare, constants, height, width, mask, errors, ring, limit, iterations
        )
    return state, spare


def _compile(cache):
    # numba looks for changes in this file alone; a value of the closure makes it see the others'.
    modules = (tvl1_images, lanes, median, solve, tvl1_warp)
    stamps = tuple(Path(module.__file__).stat().st_mtime_ns for module in modules)

    @njit(nogil=True, cache=cache)
    def pair_flow(previous, following, shapes, buffers, flow):
        stamps  # noqa: B018
        first, second, state, spare, _, _, _, scratch = buffers
        _fill_pyramid(previous, shapes, first, scratch)
        _fill_pyramid(following, shapes, second, scratch)
        offsets = np.empty((shapes[0, 1] + 15) // 16 * 16, np.int32)
        for s in range(len(shapes) - 1, -1, -1):
            height, width = shapes[s]
            row = ((width + 15) // 16 + 1) * BLOCK
            spare[: (height + 1) * row] = 0
            if s + 1 < len(shapes):
                coarse = (shapes[s + 1, 0], shapes[s + 1, 1])
                _enlarge(state, coarse, spare, (height, width), scratch)
            state[:row] = 0
            state, spare = _scale_flow(shapes, s, buffers, offsets, spare, state)
        _write_flow(state, flow)

    return pair_flow


try:
    _pair_flow = _compile(cache=True)
except RuntimeError:  # numba can write nowhere
    if current_process().name in ("MainProcess", "SpawnProcess-1"):  # else each worker says so
        print(
            "TV-L1 is compiled for each process (ten seconds): no place to keep compiled code "
            "can be written; set NUMBA_CACHE_DIR to a folder of yours",
            file=sys.stderr,
        )
    _pair_flow = _compile(cache=False)
