"""Resize and centre crop of whole pictures as a layer: frames of any size in, views out.

    views = CentreViews(spec)(frames)      # uint8 [B, N, H, W, 3] -> float32 [B, N, crop, crop, 3]

Each side is a product with a matrix whose rows hold the weights of the pixels: it runs wherever
products run, for sizes that are known only then, and computes nothing outside of the crop.
"""

import keras
from keras import layers, ops

from i3d import spec as input_spec


@keras.saving.register_keras_serializable("i3d")
class CentreViews(layers.Layer):
    """Levels 0..255 of the centre crop of resized pictures, not rounded.

    Those of decoding (i3d.inference.pixels, i3d.data.cropping) are whole numbers, at most one away.
    Rounding would make a level of a rounding error, which each runtime has its own of.
    """

    def __init__(self, spec, **keywords):
        """spec: InputSpec, of which the resize, the crop and the interpolation are taken."""
        super().__init__(**keywords)
        self.spec = input_spec.from_json(spec) if isinstance(spec, dict) else spec

    def get_config(self):
        """Returns what the constructor takes."""
        return super().get_config() | {"spec": self.spec.to_json()}

    def compute_output_spec(self, frames):
        """Returns float32 [B, N, crop, crop, C]."""
        batch, count, *_, channels = frames.shape
        side = self.spec.crop
        return keras.KerasTensor((batch, count, side, side, channels), "float32")

    def call(self, frames):
        """Returns the views."""
        count, channels, side = frames.shape[1], frames.shape[4], self.spec.crop
        height, width = (ops.cast(ops.shape(frames)[axis], "float32") for axis in (2, 3))
        rows, columns = self._resized(height, width)
        x = ops.reshape(frames, (-1, *ops.shape(frames)[2:4], channels))
        x = ops.cast(x, "float32")
        x = self._bounded(ops.einsum("nhwc,jw->nhjc", x, self._weights(width, columns)))
        x = self._bounded(ops.einsum("nhjc,ih->nijc", x, self._weights(height, rows)))
        return ops.reshape(x, (-1, count, side, side, channels))

    @property
    def _bicubic(self):
        return self.spec.interpolation == "bicubic"

    def _bounded(self, x):
        """Returns levels in range, which cubic weights leave at edges."""
        return ops.clip(x, 0.0, 255.0) if self._bicubic else x

    def _resized(self, height, width):
        """Returns the size of resized pictures, whole numbers as float32 scalars."""
        side = self.spec.crop_side
        if isinstance(side, tuple):
            return tuple(ops.convert_to_tensor(float(n)) for n in side)
        shorter = ops.minimum(height, width)
        more = 0.0 if self._bicubic else 0.5
        # A thousandth, as a whole quotient may come out a little smaller.
        return tuple(
            ops.floor(side * n / shorter + more + 1e-3 * (1 - more)) for n in (height, width)
        )

    def _weights(self, size, resized):
        """Returns float32 [crop, size]: how much of each pixel is in each of the crop."""
        room = resized - self.spec.crop
        first = ops.floor(room / 2)
        if self._bicubic:  # halves go to the even pixel
            first = ops.round(room / 2)
        scale = size / resized
        places = ops.arange(self.spec.crop, dtype="float32")
        centres = (first + places + 0.5) * scale - 0.5
        pixels = ops.arange(ops.cast(size, "int32"), dtype="float32")
        if not self._bicubic:
            centres = ops.clip(centres, 0.0, size - 1)
            return ops.relu(1 - ops.abs(pixels[None] - centres[:, None]))
        weights = _cubic((pixels[None] - centres[:, None]) / ops.maximum(scale, 1.0))
        return weights / ops.sum(weights, axis=1, keepdims=True)


def _cubic(distance):
    """Returns the weights of Keys' cubic convolution with a = -0.5, as Pillow has it."""
    x = ops.abs(distance)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return ops.where(x < 1, near, ops.where(x < 2, far, 0.0))
