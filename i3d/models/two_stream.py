"""Two-stream networks of single frames: one for appearance, one for ten stacked flow fields.

    rgb = two_stream("two_stream_rgb", num_classes=101)         # [B, 1, 224, 224, 3]
    flow = two_stream("two_stream_flow", num_classes=101)       # [B, 1, 224, 224, 20]

Source: Simonyan & Zisserman 2014, "Two-Stream Convolutional Networks" (arXiv:1406.2199): 10
fields, x and y of each in turn; the ResNet-50 streams are those of Feichtenhofer et al. 2016
(arXiv:1611.02155). The logits of the streams are added to fuse them.
"""

import keras

from i3d.models import resnet3d

CONFIGS = {
    "two_stream_rgb": resnet3d.Network(),
    "two_stream_flow": resnet3d.Network(channels=20),
}


def two_stream(
    name: str,
    num_classes: int = 400,
    channels: int | None = None,
    frames: int = 1,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns one stream, a row of CONFIGS: [B, frames, H, W, C] float32 -> logits [B, K].

    It is a temporal segment network of one segment; with more frames, their features are
    averaged, as when a whole video is tested.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C; None is 3, or 20 for flow.
      frames: frames (or stacks of fields) of a clip; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count.
      dropout: rate before the head, in training mode only.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    return resnet3d.build(row, name, num_classes, channels, frames, size, width, dropout)
