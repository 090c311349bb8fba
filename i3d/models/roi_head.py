"""RoIAlign and the head that scores the actions of each person, in keras.ops.

    regions = roi_align(maps, boxes, size=8, scale=1 / 16)      # [B, N, 8, 8, C]
    logits = roi_head(maps_of_clip, boxes, clips, num_classes=81, dropout=0.5)

Both directions of a region are independent: a weight matrix over rows and one over columns give
all bilinear samples of a bin and their mean, so that two products of matrices make the regions.

Sources: He et al. 2017, "Mask R-CNN" (arXiv:1703.06870), section 3, and torchvision's roi_align
for samples and borders; head of Feichtenhofer et al. 2019 (arXiv:1812.03982), section 5, with
the details and options of MMAction2's AVA models.
"""

from typing import Any

import keras
from keras import layers, ops

STRIDE = 16  # pixels of the picture per cell of the last maps, along each side
SIZE = 8  # bins of a region along each side
_STEPS = 4096.0  # of a pixel, that boxes are rounded to


def roi_align(
    maps: Any,
    boxes: Any,
    size: int = SIZE,
    scale: float = 1 / STRIDE,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> Any:
    """Returns the regions of boxes as float32 [B, N, size, size, C].

    Args:
      maps: float32 [B, H, W, C].
      boxes: float32 [B, N, 4] of x1, y1, x2, y2 in pixels. An empty box gives zeros where
        sampling is adaptive.
      size: bins along each side.
      scale: cells of the map per pixel.
      sampling_ratio: samples of a bin along each side; 0: adaptive, one for each cell that the
        bin begins (rounded up).
      aligned: whether the centre of the first cell is at half a cell. False is the older way:
        at 0, and boxes are at least one cell wide and high.
    """
    cells = ops.cast(boxes, "float32") * scale
    if aligned:
        cells = cells - 0.5
    height, width = ops.shape(maps)[1], ops.shape(maps)[2]
    how = (size, sampling_ratio, aligned)
    rows = _axis_weights(cells[..., 1], cells[..., 3], height, *how)
    columns = _axis_weights(cells[..., 0], cells[..., 2], width, *how)
    x = ops.einsum("bnjw,bhwc->bnjhc", columns, maps)
    return ops.einsum("bnih,bnjhc->bnijc", rows, x)


def _axis_weights(low, high, length, size, sampling_ratio, aligned):
    """Returns the weight of each cell in each bin along one axis, float32 [B, N, size, length].

    Samples outside the map by more than a cell count as zeros; those nearer are moved to its
    border. As a sample is never more than a cell from the next, few can lie in the map.
    """
    extent = high - low if aligned else ops.maximum(high - low, 1.0)
    step = extent / size
    count = ops.ceil(step) if sampling_ratio == 0 else ops.full_like(step, sampling_ratio)
    step, low, count = (x[..., None] for x in (step, low, ops.maximum(count, 0.0)))
    begin = low + ops.arange(size, dtype="float32") * step  # of each bin, [B, N, size]
    samples = ops.maximum(count, 1.0)
    first, many = ops.zeros_like(begin), sampling_ratio
    if sampling_ratio == 0:
        apart = ops.maximum(step / samples, 1e-6)
        first = ops.maximum(ops.floor((-1.0 - begin) / apart) - 1.0, 0.0)
        many = 2 * length + 6
    number = first[..., None] + ops.arange(many, dtype="float32")  # [B, N, size, many]
    place = begin[..., None] + (number + 0.5) * step[..., None] / samples[..., None]
    last = ops.cast(length, "float32")
    there = (number < count[..., None]) & (place >= -1.0) & (place <= last)
    place = ops.clip(place, 0.0, last - 1.0)[..., None]
    weights = ops.maximum(1.0 - ops.abs(place - ops.arange(length, dtype="float32")), 0.0)
    weights = weights * ops.cast(there, "float32")[..., None]
    return ops.sum(weights, axis=-2) / samples[..., None]


def roi_head(
    maps: Any,
    boxes: Any,
    clips: Any,
    num_classes: int,
    dropout: float = 0.0,
    temporal: str = "mean",
    context: bool = False,
) -> Any:
    """Returns the logits of each box, float32 [B, N, num_classes]; the layer is "Logits".

    Args:
      maps: list of [B, T, H, W, C], one of each pathway; joined in this order.
      boxes: float32 [B, N, 4] of x1, y1, x2, y2 in [0, 1] of the picture.
      clips: the network's input [B, T, height, width, C], whose size boxes are parts of.
      num_classes: the background, which is the first, included.
      dropout: rate before the spatial pooling, in training mode only.
      temporal: how frames are pooled, "mean" or "max".
      context: whether the map of the whole picture, pooled to the size of a region, is appended
        to the channels of each.
    """
    over_time = [Pool(temporal, (1,), name=f"time_{index}")(x) for index, x in enumerate(maps)]
    joined = over_time[0]
    if len(over_time) > 1:
        joined = layers.Concatenate(dtype="float32", name="time")(over_time)
    regions = Regions(context, name="roi_features")([joined, boxes, clips])
    if dropout:
        regions = layers.Dropout(dropout, dtype="float32", name="Logits-dropout")(regions)
    features = Pool("max", (2, 3), name="features")(regions)
    initial = keras.initializers.RandomNormal(stddev=0.01)
    dense = layers.Dense(num_classes, kernel_initializer=initial, dtype="float32", name="Logits")
    return dense(features)


@keras.saving.register_keras_serializable("i3d")
class Regions(layers.Layer):
    """RoIAlign of boxes in [0, 1], 8 x 8 bins, adaptive sampling; computes in float32."""

    def __init__(self, context=False, **keywords):
        """context: whether the whole map, averaged over 8 x 8 bins, follows in the channels."""
        super().__init__(**{**keywords, "dtype": "float32"})
        self.context = context

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "context": self.context}

    def compute_output_shape(self, shapes):
        """Returns (B, N, 8, 8, C), twice the channels with context."""
        maps, boxes, _ = shapes
        return (maps[0], boxes[1], SIZE, SIZE, maps[-1] * (2 if self.context else 1))

    def call(self, inputs):
        """Takes maps [B, H, W, C], boxes [B, N, 4] and clips [B, T, height, width, 3].

        Boxes are rounded to 1/4096 of a pixel: whole pixels, divided and multiplied by the size
        of the picture, must not get another number of samples.
        """
        maps, boxes, clips = inputs
        _, _, height, width, _ = ops.shape(clips)
        size = ops.cast(ops.stack([width, height, width, height]), "float32")
        regions = roi_align(maps, ops.round(boxes * size * _STEPS) / _STEPS)
        if not self.context:
            return regions
        rows, columns = (_adaptive_weights(ops.shape(maps)[axis]) for axis in (1, 2))
        whole = ops.einsum("ih,jw,bhwc->bijc", rows, columns, maps)[:, None]
        many = (1, ops.shape(boxes)[1], 1, 1, 1)
        return ops.concatenate([regions, ops.tile(whole, many)], axis=-1)


def _adaptive_weights(length):
    """Returns the weights [8, length] of means over 8 bins whose cells may overlap by one."""
    number, cell = ops.arange(SIZE), ops.arange(length)
    begin, end = number * length // SIZE, -(-(number + 1) * length // SIZE)
    inside = (cell >= begin[:, None]) & (cell < end[:, None])
    return ops.cast(inside, "float32") / ops.cast(end - begin, "float32")[:, None]


@keras.saving.register_keras_serializable("i3d")
class Pool(layers.Layer):
    """Mean or maximum over some axes, in float32."""

    def __init__(self, kind, axes, **keywords):
        """kind: "mean" or "max". axes: tuple of those that go."""
        super().__init__(**{**keywords, "dtype": "float32"})
        self.kind, self.axes = kind, tuple(axes)

    def get_config(self):
        """Returns what the constructor takes."""
        return {**super().get_config(), "kind": self.kind, "axes": self.axes}

    def compute_output_shape(self, input_shape):
        """Returns the shape without the axes."""
        return tuple(n for axis, n in enumerate(input_shape) if axis not in self.axes)

    def call(self, x):
        """Returns the pooled x; of no boxes, none."""
        if self.kind == "mean":
            return ops.mean(x, self.axes)
        return ops.max(x, self.axes, initial=float("-inf"))  # without it, x may not be empty
