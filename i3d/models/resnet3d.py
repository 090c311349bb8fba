"""Residual networks for video from one table: SlowOnly, C2D, inflated, non-local, factorised.

    model = resnet3d("slowonly_r50_8x8x1", num_classes=400)     # clips [B, T, 224, 224, 3]
    model = resnet3d("i3d_r50_32x2x1", num_classes=400, frames=32)

Sources: Feichtenhofer et al. 2019 (arXiv:1812.03982), the slow pathway alone; Carreira &
Zisserman 2017 (arXiv:1705.07750), inflation, with the ResNet-50 of Wang et al. 2018
(arXiv:1711.07971), tables 1 and 2. Details and layer names as in MMAction2's checkpoints; the
last four rows are those of pytorchvideo's hub (version 0.1.5), by its names.
"""

from typing import NamedTuple

import keras

from i3d.models import resnet_blocks
from i3d.models.non_local import non_local

DEPTHS_50, DEPTHS_101 = (3, 4, 6, 3), (3, 4, 23, 3)  # blocks of a stage, ResNet-50 and -101
NONE, ALL, ODD, EVEN = (False,), (True,), (False, True), (True, False)  # repeated over blocks


class Network(NamedTuple):
    """One network; what depends on the stage has an entry for each."""

    inflate: tuple = (NONE, NONE, NONE, NONE)  # blocks whose first kernel spans 3 frames
    channels: int = 3
    depths: tuple = DEPTHS_50
    stem_kernel: int = 1  # frames that the first kernel spans
    stem_stride: int = 1  # in time, as the next two
    pool_stride: int = 1
    pool2: bool = False  # halves time after layer1
    shift: bool = False  # temporal shift in every block
    non_local: str = ""  # kind of the blocks after every second block of layer2 and layer3
    non_local_first: int = 1  # the first block of these stages that one follows
    pool: bool = True  # max pooling after the stem
    pool_centred: bool = True  # its windows are centred by padding
    strides: tuple = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2))  # (t, h, w) of each stage
    factorised: bool = False  # 3x3 convolutions of blocks follow ones over 3 frames
    window: tuple = ()  # (t, h, w) of the average pooling before the head; (): the whole map


SLOW = Network(inflate=(NONE, NONE, ALL, ALL))
I3D = Network(
    inflate=(ALL, EVEN, EVEN, ODD), stem_kernel=5, stem_stride=2, pool_stride=2, pool2=True
)
C2D = Network(pool_centred=False, pool2=True)
CONFIGS = {
    "slowonly_r50_4x16x1": SLOW,
    "slowonly_r50_8x8x1": SLOW,
    "slowonly_r101_8x8x1": SLOW._replace(depths=DEPTHS_101),
    "slowonly_r50_16x4x1_flow": SLOW._replace(channels=2),
    "i3d_r50_32x2x1": I3D,
    "i3d_r50_heavy_32x2x1": I3D._replace(inflate=(ALL,) * 4, stem_stride=1, pool_stride=1),
    "i3d_r50_nl_gaussian": I3D._replace(non_local="gaussian"),
    "i3d_r50_nl_embedded_gaussian": I3D._replace(non_local="embedded_gaussian"),
    "i3d_r50_nl_dot_product": I3D._replace(non_local="dot_product"),
    "c2d_r50_nopool_8x8x1": Network(),
    "c2d_r101_nopool_8x8x1": Network(depths=DEPTHS_101),
    "c2d_r50_8x8x1": C2D,
    "c2d_r50_16x4x1": C2D,
    "slow_r50": SLOW._replace(window=(8, 7, 7)),
    "c2d_r50": Network(pool2=True, window=(4, 7, 7)),
    "i3d_r50": I3D._replace(stem_stride=1, pool_stride=1, window=(4, 7, 7)),
    "r2plus1d_r50": Network(
        pool=False,
        strides=((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)),
        factorised=True,
        window=(4, 7, 7),
    ),
}
ENDPOINTS = ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "features", "Logits")
NON_LOCAL_STAGES = (2, 3)


def resnet3d(
    name: str,
    num_classes: int = 400,
    channels: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    Endpoints are layers: ENDPOINTS, and "pool2" where the row has it; "r2plus1d_r50" has no
    "maxpool". "features" is the mean of layer4 over time and space, [B, 2048 * width]. Inputs
    are normalised as the weights expect (ImageNet's mean and deviation for MMAction2's RGB ones,
    0.45 and 0.225 of 255 for pytorchvideo's).

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C; None is the published network's (3, or 2 for flow).
      frames: T; None accepts any, at least 5 where pool2 is.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count (1.0 is the published network).
      dropout: rate before the head, in training mode only; the recipes use 0.5.

    Raises:
      ValueError: an argument out of its range.
    """
    return build(CONFIGS[name], name, num_classes, channels, frames, size, width, dropout)


def build(network, name, num_classes, channels, frames, size, width, dropout):
    """Returns the model of any `Network`, see `resnet3d`."""
    resnet_blocks.check_arguments(num_classes, width, dropout, frames, min_frames(network))
    inputs = keras.Input((frames, size, size, channels or network.channels), name="clips")
    features = resnet_blocks.pooled(trunk(inputs, network, width), window=network.window)
    logits = resnet_blocks.head(features, num_classes, dropout)
    return keras.Model(inputs, logits, name=name)


def min_frames(network):
    """Returns the fewest frames that leave one full step to every layer."""
    return network.stem_stride * network.pool_stride + 1 if network.pool2 else 1


def trunk(x, network, width):
    """Applies stem and stages: clips [B, T, H, W, C] -> maps of layer4."""
    filters = max(1, round(64 * width))
    row = network
    pool_stride = row.pool_stride if row.pool else 0
    x = resnet_blocks.stem(
        x, filters, row.stem_kernel, row.stem_stride, pool_stride, centred=row.pool_centred
    )
    for index in range(1, 5):
        x = stage(x, network, index, filters * 2 ** (index - 1))
        if index == 1 and network.pool2:
            x = resnet_blocks.max_pool(x, (2, 1, 1), (2, 1, 1), "pool2")
    return x


def stage(x, network, index, filters, prefix=""):
    """Applies the blocks of one stage; its output is the layer `layer<index>`."""
    name, depth = f"{prefix}layer{index}", network.depths[index - 1]
    inflate = network.inflate[index - 1]
    for block in range(depth):
        second = block % 2 == network.non_local_first
        looks = bool(network.non_local) and index in NON_LOCAL_STAGES and second
        last = name if block == depth - 1 else None
        x = resnet_blocks.bottleneck(
            x,
            filters,
            stride=network.strides[index - 1] if block == 0 else 1,
            kernel_t=3 if inflate[block % len(inflate)] else 1,
            name=f"{name}-{block}",
            end=None if looks else last,
            shift=network.shift,
            factorised=network.factorised,
        )
        if looks:
            x = non_local(x, network.non_local, f"{name}-{block}-non_local_block", last)
    return x
