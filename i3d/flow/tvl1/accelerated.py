"""TV-L1 optical flow of many pairs at once in keras.ops: for GPUs, and as a part of a model.

    flow = tvl1_flow(previous, following)        # [B, H, W], twice -> float32 [B, H, W, 2]
    flow = TvL1Flow()(grey)                      # a layer: [B, T, H, W] -> [B, T - 1, H, W, 2]

The method, its settings and its stopping rule are those of `i3d.flow.tvl1.pair`, whose constants
it takes; each pair stops by itself, while the others go on. On a processor, that one is faster.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from i3d.flow.tvl1.pair import EPSILON, SCALE_STEP, WARPS, check_size, pyramid_shapes
from i3d.flow.tvl1.solve import INNER_ITERATIONS, LAMBDA, OUTER_ITERATIONS, TAU, THETA
from i3d.flow.tvl1.warp import CUBIC

_SMALLEST_GRADIENT = float(np.finfo(np.float32).eps)


@keras.saving.register_keras_serializable("i3d")
class TvL1Flow(layers.Layer):
    """Flow between consecutive grey frames: [B, T, H, W] -> float32 [B, T - 1, H, W, 2].

    Values are grey levels in [0, 255], of any type; flow is in pixels per frame, x then y. H and W
    are fixed when the layer is built.
    """

    def __init__(self, step=1, **keywords):
        """step: of each so many fields, the first is computed and given."""
        super().__init__(**keywords)
        self.step = step

    def get_config(self):
        """Returns what the constructor takes."""
        return super().get_config() | {"step": self.step}

    def compute_output_shape(self, shape):
        """Returns [B, ceil((T - 1) / step), H, W, 2]."""
        count = shape[1] and -(-(shape[1] - 1) // self.step)
        return (shape[0], count, *shape[2:], 2)

    def compute_output_spec(self, frames):
        """Returns the float32 output for symbolic frames, without running the method."""
        return keras.KerasTensor(self.compute_output_shape(frames.shape), "float32")

    def call(self, frames):
        """Returns the flow, see the class."""
        height, width = frames.shape[2:]
        frames = ops.cast(frames, "float32")
        earlier, later = frames[:, : -1 : self.step], frames[:, 1 :: self.step]
        count = ops.shape(later)[1]
        flow = tvl1_flow(*(ops.reshape(x, (-1, height, width)) for x in (earlier, later)))
        return ops.reshape(flow, (-1, count, height, width, 2))


def tvl1_flow(previous: Any, following: Any) -> Any:
    """Returns the TV-L1 flow of pairs of grey images, float32 [B, H, W, 2], pixels, x then y.

    Args:
      previous, following: tensors [B, H, W], grey levels in [0, 255], H and W known, both at
        least 16.

    Raises:
      UserError: an image is too small.

    Source: as `i3d.flow.tvl1.pair.tvl1_flow`. Deviation: float32 rounding.
    """
    height, width = previous.shape[1:]
    check_size((height, width))
    shapes = pyramid_shapes(height, width)
    first, second = _pyramid(previous, shapes), _pyramid(following, shapes)
    flow = ops.zeros_like(ops.stack([first[-1]] * 2, axis=1))
    for scale in reversed(range(len(shapes))):
        if scale + 1 < len(shapes):
            flow = _enlarged(flow, shapes[scale + 1], shapes[scale])
        flow = _at_scale(first[scale], second[scale], flow)
    return ops.transpose(flow, (0, 2, 3, 1))


def _pyramid(image, shapes):
    """Returns the image at each scale, from full size down: list of float32 [B, H, W]."""
    images = [ops.cast(image, "float32")]
    step = 1 / SCALE_STEP
    for before, shape in zip(shapes, shapes[1:], strict=False):
        x = _stretched(images[-1], 1, before[0], shape[0], step)
        images.append(_stretched(x, 2, before[1], shape[1], step))
    return images


def _enlarged(flow, small, large):
    """Carries flow [B, 2, H, W] to the next finer scale."""
    for axis in (0, 1):
        flow = _stretched(flow, axis + 2, small[axis], large[axis], small[axis] / large[axis])
    return flow / SCALE_STEP


def _stretched(x, axis, size, target, step):
    """Linear resize along one axis, pixel centres matched, edges repeated."""
    place = (np.arange(target) + 0.5) * step - 0.5
    first = np.floor(place).astype(np.int32)
    share = np.where((first < 0) | (first >= size - 1), 0.0, place - first)
    first = np.clip(first, 0, size - 1)
    share = share.reshape([-1] + [1] * (x.ndim - 1 - axis)).astype("float32")
    after = ops.take(x, np.minimum(first + 1, size - 1), axis=axis)
    return ops.take(x, first, axis=axis) * (1 - share) + after * share


def _at_scale(first, second, flow):
    """Returns the flow [B, 2, H, W] refined at one scale; the duals live through its warps."""
    duals = ops.zeros_like(ops.stack([flow, flow], axis=2))  # [B, 2 of flow, 2 of space, H, W]
    bundle = _bundled(second)
    for _ in range(WARPS):
        flow, duals = _relaxed(flow, duals, *_constants(first, bundle, flow))
    return flow


def _bundled(image):
    """Returns image and centred gradients in x and y, edges repeated: [B, 3, H, W]."""
    edged = _edged(image, 1)
    ix = (edged[:, 1:-1, 2:] - edged[:, 1:-1, :-2]) * 0.5
    iy = (edged[:, 2:, 1:-1] - edged[:, :-2, 1:-1]) * 0.5
    return ops.stack([image, ix, iy], axis=1)


def _edged(x, width):
    """Returns [..., H, W] with so many repetitions of the edge on each side."""
    for axis in (-2, -1):
        size = x.shape[axis]
        x = ops.take(x, np.clip(np.arange(-width, size + width), 0, size - 1), axis=axis)
    return x


def _constants(first, bundle, flow):
    """Returns the gradient [B, 2, H, W], -1 / its square and the residual at no flow [B, 1, H, W].

    The image and its gradients are fetched along the flow by cubic interpolation (slope -0.75, as
    OpenCV's), with zeros outside.
    """
    height, width = first.shape[1:]
    px = ops.clip(flow[:, 0] + np.arange(width, dtype="float32"), -3.0, width + 1.0)
    py = flow[:, 1] + np.arange(height, dtype="float32")[:, None]
    py = ops.clip(py, -3.0, height + 1.0)
    column, row = ops.floor(px), ops.floor(py)
    across, down = _cubic_weights(px - column), _cubic_weights(py - row)
    # Four zeros on each side: the neighbours of the places above all lie in the padded image.
    padded = ops.pad(bundle, ((0, 0), (0, 0), (4, 4), (4, 4)))
    flat = ops.reshape(padded, (-1, 3, (height + 8) * (width + 8)))
    corner = ops.cast(row, "int32") * (width + 8) + ops.cast(column, "int32")
    fetched = 0.0
    for y in range(4):
        for x in range(4):
            place = corner + (y + 3) * (width + 8) + (x + 3)
            place = ops.broadcast_to(ops.expand_dims(place, 1), ops.shape(bundle))
            values = ops.take_along_axis(flat, ops.reshape(place, ops.shape(flat)[:2] + (-1,)), 2)
            values = ops.reshape(values, ops.shape(bundle))
            fetched = fetched + values * ops.expand_dims(across[x] * down[y], 1)
    gradient = fetched[:, 1:]
    squared = ops.sum(gradient * gradient, axis=1, keepdims=True)
    slope = -1 / ops.maximum(squared, _SMALLEST_GRADIENT)
    moved = ops.sum(gradient * flow, axis=1, keepdims=True)
    return gradient, slope, fetched[:, :1] - ops.expand_dims(first, 1) - moved


def _cubic_weights(t):
    """Returns the weights of the four neighbours at a fraction t beyond the second."""
    rest, a = 1 - t, float(CUBIC)
    first = t * rest * rest * a
    second = (t * (a + 2) - (a + 3)) * t * t + 1
    third = (rest * (a + 2) - (a + 3)) * rest * rest + 1
    return first, second, third, 1 - first - second - third


def _relaxed(flow, duals, gradient, slope, residual):
    """Iterates a warp; a pair stops where its mean squared change is at most EPSILON squared."""
    height, width = flow.shape[2:]
    limit = EPSILON * EPSILON * height * width

    def step(done, flow, duals, active):
        going = ops.reshape(active, (-1, 1, 1, 1))
        moved, turned = _iteration(flow, duals, gradient, slope, residual)
        change = ops.sum(ops.square(moved - flow), axis=(1, 2, 3))
        flow = ops.where(going, moved, flow)
        duals = ops.where(ops.expand_dims(going, 1), turned, duals)
        return done + 1, flow, duals, ops.logical_and(active, change > limit)

    def outer(done, flow, duals, active):
        going = ops.reshape(active, (-1, 1, 1, 1))
        state = (ops.zeros((), "int32"), ops.where(going, _median(flow), flow), duals, active)
        _, *state = ops.while_loop(_unfinished, step, state, maximum_iterations=INNER_ITERATIONS)
        return done + 1, *state

    start = (ops.zeros((), "int32"), flow, duals, ops.ones(ops.shape(flow)[:1], "bool"))
    _, flow, duals, _ = ops.while_loop(
        _unfinished, outer, start, maximum_iterations=OUTER_ITERATIONS
    )
    return flow, duals


def _unfinished(done, flow, duals, active):
    return ops.any(active)


def _iteration(flow, duals, gradient, slope, residual):
    """Returns flow and duals after one primal and one dual update."""
    off = residual + ops.sum(gradient * flow, axis=1, keepdims=True)
    step = ops.clip(off * slope, -LAMBDA * THETA, LAMBDA * THETA)
    along_x = duals[:, :, 0] - ops.pad(duals[:, :, 0, :, :-1], _BEFORE_X)
    along_y = duals[:, :, 1] - ops.pad(duals[:, :, 1, :-1], _BEFORE_Y)
    moved = flow + step * gradient + (along_x + along_y) * THETA
    ux = ops.pad(moved[:, :, :, 1:] - moved[:, :, :, :-1], _AFTER_X)
    uy = ops.pad(moved[:, :, 1:] - moved[:, :, :-1], _AFTER_Y)
    damping = 1 / (1 + TAU / THETA * ops.sqrt(ux * ux + uy * uy))
    duals = duals + TAU / THETA * ops.stack([ux, uy], axis=2)
    return moved, duals * ops.expand_dims(damping, 2)


_BEFORE_X, _AFTER_X = ((0, 0), (0, 0), (0, 0), (1, 0)), ((0, 0), (0, 0), (0, 0), (0, 1))
_BEFORE_Y, _AFTER_Y = ((0, 0), (0, 0), (1, 0), (0, 0)), ((0, 0), (0, 0), (0, 1), (0, 0))


def _median(flow):
    """Returns 5x5 medians of [B, 2, H, W], edges repeated."""
    height, width = flow.shape[2:]
    edged = _edged(flow, 2)
    near = [edged[:, :, y : y + height, x : x + width] for y in range(5) for x in range(5)]
    # Of any 14 of 25 numbers neither the smallest nor the largest is the median.
    kept, rest = near[:14], near[14:]
    while len(kept) > 1:
        kept = _without_extremes(kept) + rest[:1]
        rest = rest[1:]
    return kept[0]


def _without_extremes(values):
    """Returns all but the smallest and the largest of a list of tensors, place by place."""
    low, *values = values
    for i, value in enumerate(values):
        low, values[i] = ops.minimum(low, value), ops.maximum(low, value)
    high, *values = values
    for i, value in enumerate(values):
        high, values[i] = ops.maximum(high, value), ops.minimum(high, value)
    return values
