"""Preprocessing as the first layer of a network: converts uint8 views to the range it expects.

    layer = Preprocessing(range=(-1.0, 1.0))                 # RGB 0..255 -> [-1, 1]
    layer = Preprocessing(flow=True, frames=5, mean=(128.0,) * 2, std=(128.0,) * 2)
    network = with_preprocessing(model, layer, (64, 224, 224, 3))     # takes uint8

So whatever runs the network (a command, an export, a page) gives it the same numbers, and moves
a quarter of the bytes.
"""

import keras
from keras import layers, ops

FLOW_ZERO = 128.0  # the level of no motion
FLOW_LEVELS = 127.0  # of motion in one direction, up to the bound


@keras.saving.register_keras_serializable("i3d")
class Preprocessing(layers.Layer):
    """Converts uint8 [B, N, H, W, C] to float32 [B, N, H, W, C], or stacks frames of segments.

    RGB enters as 0..255, flow as the levels that records hold: 128 + round(127 * motion / bound).
    Computes in float32 under any precision.
    """

    def __init__(self, flow=False, frames=0, range=(-1.0, 1.0), mean=(), std=(), **keywords):
        """Keeps its arguments.

        Args:
          flow: whether views are levels of flow.
          frames: of a segment: each `frames` consecutive ones are stacked in the channels, x and y
            of each field in turn: [B, N / frames, H, W, frames * C]; 0: clips stay as they are.
          range: (low, high) of the output; not read with `mean`.
          mean, std: of the levels of each channel; (): `range` counts.
        """
        super().__init__(dtype="float32", **keywords)
        self.flow, self.frames, self.range = flow, frames, tuple(range)
        self.mean, self.std = tuple(mean), tuple(std)

    def get_config(self):
        """Returns what the constructor takes."""
        own = {name: getattr(self, name) for name in ("flow", "frames", "range", "mean", "std")}
        config = super().get_config()
        config.pop("dtype")
        return config | own

    def compute_output_spec(self, inputs):
        """Returns the shape and type of the output."""
        _, count, height, width, channels = inputs.shape
        if self.frames:
            count, channels = count and count // self.frames, channels * self.frames
        shape = (inputs.shape[0], count, height, width, channels)
        return keras.KerasTensor(shape, dtype="float32")

    def call(self, inputs):
        """Returns the converted views."""
        x = ops.cast(inputs, "float32")
        if self.mean:
            x = self._standardised(x)
        elif self.flow:
            x = self._flow_in_range(x)
        else:
            low, high = self.range
            x = x * ((high - low) / 255) + low
        return self._stacked(x) if self.frames else x

    def _standardised(self, x):
        """Rows of W * C numbers broadcast faster than C numbers do; W may not be known."""
        if x.shape[-2] is None:
            mean, std = (ops.convert_to_tensor(v, "float32") for v in (self.mean, self.std))
            return (x - mean) / std
        shape = ops.shape(x)
        rows = ops.reshape(x, (-1, x.shape[-2] * x.shape[-1]))
        mean, std = (
            ops.tile(ops.convert_to_tensor(v, "float32"), [x.shape[-2]])
            for v in (self.mean, self.std)
        )
        return ops.reshape((rows - mean) / std, shape)

    def _flow_in_range(self, x):
        low, high = self.range
        unit = ops.clip((x - FLOW_ZERO) * (1 / FLOW_LEVELS), -1.0, 1.0)
        if (low, high) == (-1.0, 1.0):
            return unit
        return (unit + 1) * ((high - low) / 2) + low

    def _stacked(self, x):
        _, _, height, width, channels = x.shape
        count = ops.shape(x)[1] // self.frames
        if self.frames == 1:
            return x
        x = ops.reshape(x, (-1, count, self.frames, height, width, channels))
        x = ops.transpose(x, (0, 1, 3, 4, 2, 5))
        return ops.reshape(x, (-1, count, height, width, self.frames * channels))


def with_preprocessing(
    model: keras.Model, layer: Preprocessing, view_shape: tuple[int | None, ...]
) -> keras.Model:
    """Returns a keras.Model from uint8 [B, N, H, W, C] to what `model` gives; weights are shared.

    Args:
      model: keras.Model of clips; or of {"clips": ..., "boxes": ...}, whose result takes
        {"views": uint8, "boxes": float32 [B, N, 4]}.
      layer: Preprocessing.
      view_shape: (N, H, W, C) of a view, None where it varies.
    """
    inputs = keras.Input(view_shape, dtype="uint8", name="views")
    if not isinstance(model.input, dict):
        return keras.Model(inputs, model(layer(inputs)), name=model.name)
    boxes = keras.Input((None, 4), name="boxes")
    outputs = model({"clips": layer(inputs), "boxes": boxes})
    return keras.Model({"views": inputs, "boxes": boxes}, outputs, name=model.name)
