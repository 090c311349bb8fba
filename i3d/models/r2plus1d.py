"""R(2+1)D, R3D and MC3: residual networks of basic blocks, with 3-D or factorised convolutions.

    model = r2plus1d("r2plus1d_r34_8x8x1", num_classes=400)     # clips [B, 8, 224, 224, 3]
    model = r2plus1d("tv_r2plus1d_18", num_classes=400)         # clips [B, 16, 112, 112, 3]
    model = r2plus1d("ig65m_r2plus1d_34_32", num_classes=400)   # clips [B, 32, 112, 112, 3]

Source: Tran et al. 2018, "A Closer Look at Spatiotemporal Convolutions for Action Recognition"
(arXiv:1711.11248). The network whose name has r34 is MMAction2's, the tv_ ones are torchvision's,
the ig65m_ ones those of Ghadiyaram et al. 2019, "Large-scale weakly-supervised pre-training for
video action recognition" (arXiv:1905.00561), for clips of 8 and of 32 frames. They differ in
details, which the rows tell.
"""

from typing import NamedTuple

import keras
from keras import layers

from i3d.models import resnet_blocks


class Network(NamedTuple):
    """One network."""

    depths: tuple = (2, 2, 2, 2)
    kernel_t: tuple = (3, 3, 3, 3)  # of each stage; a stage with 1 does not stride in time
    factorised: bool = False  # every convolution but a shortcut's
    stem: str = "stem"
    stem_middle: int = 0  # channels between the stem's factors; 0: of the formula
    pool: bool = False  # max pooling after the stem
    split_shortcut: bool = False  # shortcuts are factorised too
    shared_middle: bool = False  # a block's second convolution has the middle of its first
    epsilon: float = 1e-5  # of all normalisations but those between factors
    middle_epsilon: float = 1e-5  # of those between factors


IG65M = Network(
    depths=(3, 4, 6, 3), factorised=True, stem_middle=45, epsilon=1e-3, middle_epsilon=1e-3
)
CONFIGS = {
    "r2plus1d_r34_8x8x1": Network(
        depths=(3, 4, 6, 3),
        factorised=True,
        stem="conv1",
        pool=True,
        split_shortcut=True,
        epsilon=1e-3,
    ),
    "tv_r3d_18": Network(),
    "tv_mc3_18": Network(kernel_t=(3, 1, 1, 1)),
    "tv_r2plus1d_18": Network(factorised=True, stem_middle=45, shared_middle=True),
    "ig65m_r2plus1d_34_8": IG65M,
    "ig65m_r2plus1d_34_32": IG65M,
}
ENDPOINTS = ("layer1", "layer2", "layer3", "layer4", "features", "Logits")


def r2plus1d(
    name: str,
    num_classes: int = 400,
    channels: int = 3,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    Endpoints are layers: ENDPOINTS, and "stem" ("conv1" and "maxpool" in "r2plus1d_r34_8x8x1").
    "features" is the mean of layer4 over time and space, [B, 512 * width].

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C.
      frames: T; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; MMAction2's recipe uses 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    row = CONFIGS[name]
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    inputs = keras.Input((frames, size, size, channels), name="clips")
    filters = max(1, round(64 * width))
    x = _stem(inputs, row, filters)
    for index, (depth, kernel_t) in enumerate(zip(row.depths, row.kernel_t, strict=True)):
        for block in range(depth):
            stride = 2 if index > 0 and block == 0 else 1
            last = f"layer{index + 1}" if block == depth - 1 else None
            block_name = f"layer{index + 1}-{block}"
            x = _block(x, row, filters * 2**index, kernel_t, stride, block_name, last)
    features = resnet_blocks.pooled(x)
    return keras.Model(inputs, resnet_blocks.head(features, num_classes, dropout), name=name)


def _stem(x, row, filters):
    middle = max(1, row.stem_middle * filters // 64) if row.stem_middle else None
    x = _convolution(x, row, filters, (3, 7, 7), (1, 2, 2), row.stem, middle)
    x = layers.ReLU(name=row.stem)(x)
    return resnet_blocks.max_pool(x, (1, 3, 3), (1, 2, 2), "maxpool") if row.pool else x


def _block(x, row, filters, kernel_t, stride, name, end):
    """Residual block of two convolutions; `end` names its output, None is `name`."""
    kernel = (kernel_t, 3, 3)
    strides = (stride if kernel_t > 1 else 1, stride, stride)
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = _shortcut(x, row, filters, strides, f"{name}-downsample")
    middle = _middle(x.shape[-1], filters, kernel) if row.shared_middle else None
    x = _convolution(x, row, filters, kernel, strides, f"{name}-conv1", middle)
    x = layers.ReLU(name=f"{name}-conv1")(x)
    x = _convolution(x, row, filters, kernel, (1, 1, 1), f"{name}-conv2", middle)
    x = layers.Add(name=f"{name}-add")([x, shortcut])
    return layers.ReLU(name=end or name)(x)


def _shortcut(x, row, filters, strides, name):
    if row.split_shortcut:
        return _convolution(x, row, filters, (1, 1, 1), strides, name)
    return resnet_blocks.conv_norm(x, filters, (1, 1, 1), strides, name, epsilon=row.epsilon)


def _convolution(x, row, filters, kernel, strides, name, middle=None):
    """Convolution and normalisation, in one or first over space and then over time."""
    if row.factorised:
        middle = middle or _middle(x.shape[-1], filters, kernel)
        space, time = (1, *kernel[1:]), (kernel[0], 1, 1)
        x = resnet_blocks.conv(x, middle, space, (1, *strides[1:]), f"{name}-conv-conv_s")
        x = resnet_blocks.batch_norm(x, f"{name}-conv-bn_s", epsilon=row.middle_epsilon)
        x = layers.ReLU(name=f"{name}-conv-relu")(x)
        x = resnet_blocks.conv(x, filters, time, (strides[0], 1, 1), f"{name}-conv-conv_t")
    else:
        x = resnet_blocks.conv(x, filters, kernel, strides, f"{name}-conv")
    return resnet_blocks.batch_norm(x, f"{name}-bn", epsilon=row.epsilon)


def _middle(channels, filters, kernel):
    """Returns the channels that give both factors the weights of a whole 3 x h x w kernel.

    The 3 stands even where the kernel spans one frame, as in the published networks.
    """
    area = kernel[1] * kernel[2]
    return max(1, 3 * channels * filters * area // (channels * area + 3 * filters))
