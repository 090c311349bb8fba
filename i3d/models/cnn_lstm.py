"""A recurrent baseline: a ResNet-50 on every frame, an LSTM over the frames.

    model = cnn_lstm("cnn_lstm_r50", num_classes=101, frames=16)   # [B, 16, 224, 224, 3]

Source: Donahue et al. 2015, "Long-term Recurrent Convolutional Networks" (arXiv:1411.4389),
one LSTM layer of 256 units, predictions averaged over time; their CaffeNet is a ResNet-50 here.
"""

import keras
from keras import layers

from i3d.models import resnet3d, resnet_blocks

CONFIGS = {"cnn_lstm_r50": resnet3d.Network()}
UNITS = 256


def cnn_lstm(
    name: str,
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: [B, T, H, W, C] float32 -> logits [B, K].

    "features" [B, 256 * width] is the mean of the LSTM's outputs over time, so the logits are
    the mean of those of all frames.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count and the LSTM's units.
      dropout: rate before the head, in training mode only.

    Raises:
      ValueError: an argument out of its range.
    """
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    x = resnet3d.trunk(inputs, CONFIGS[name], width)
    x = FrameMean(dtype="float32", name="frame_features")(x)
    units = max(1, round(UNITS * width))
    x = layers.LSTM(units, return_sequences=True, dtype="float32", name="lstm")(x)
    x = layers.GlobalAveragePooling1D(dtype="float32", name="features")(x)
    return keras.Model(inputs, resnet_blocks.head(x, num_classes, dropout), name=name)


@keras.saving.register_keras_serializable("i3d")
class FrameMean(layers.Layer):
    """Mean over space: [B, T, H, W, C] -> [B, T, C]."""

    def call(self, x):
        """Returns the mean of each frame."""
        return keras.ops.mean(x, axis=(2, 3))
