"""OmniSource's SlowOnly network: one trunk for videos and images, a head for each.

    model = omni("omni_slowonly_r50", num_classes=400)                          # of clips alone
    model = omni("omni_slowonly_r50", num_classes=400, image_classes=1000)      # of both
    model({"clips": clips, "images": images})     # {"logits": ..., "image_logits": ...}

Source: Duan et al. 2020 (arXiv:2003.13042); heads and layer names as in MMAction2 1.2.0. Images
go through the kernels of the clips, with weights summed over time, and the same normalisations.
"""

import keras
from keras import layers, ops

from i3d.models import resnet3d, resnet_blocks

CONFIGS = {"omni_slowonly_r50": resnet3d.SLOW}
_TRUNK_MOMENTUM = 0.99  # of the moving statistics that both kinds of input share
_IMAGE_DROPOUT = 0.2  # for a video dropout of 0.5, in that proportion


def omni(
    name: str,
    num_classes: int = 400,
    channels: int | None = None,
    frames: int | None = None,
    size: int | None = None,
    width: float = 1.0,
    dropout: float = 0.0,
    image_classes: int = 0,
) -> keras.Model:
    """Returns the model of a row of CONFIGS: clips [B, T, H, W, C] float32 -> logits [B, K].

    Endpoints are layers: those of `resnet3d`, and "pooled", the mean of layer4 over time and
    space, [B, 2048 * width]. "features" is the hidden layer of the head, [B, 2 * K] float32,
    which the last dense layer takes. With `image_classes` the model takes {"clips": as above,
    "images": [N, H, W, C]} and gives {"logits": [B, K], "image_logits": [N, image_classes]}; B
    and N, and the sizes, may differ where `size` is None. Inputs are normalised with ImageNet's
    mean and deviation.

    Args:
      name: one of CONFIGS.
      num_classes: K.
      channels: C; None is 3.
      frames: T; None accepts any.
      size: height and width in pixels; None accepts any.
      width: multiplies every filter count of the trunk (1.0 is the published network).
      dropout: rate before the head of clips, in training mode only; the recipe uses 0.5. That of
        images is 0.4 times as large, 0.2 in the recipe.
      image_classes: number of classes of images; 0 for the network of clips alone.

    Raises:
      ValueError: an argument out of its range.
    """
    resnet_blocks.check_arguments(num_classes, width, dropout, frames)
    if image_classes < 0:
        raise ValueError(f"image_classes: expected 0 or more, got {image_classes}")
    channels = channels or CONFIGS[name].channels
    clips = keras.Input((frames, size, size, channels), name="clips")
    maps = resnet3d.trunk(clips, CONFIGS[name], width)
    trunk = keras.Model(clips, maps)
    for layer in trunk.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = _TRUNK_MOMENTUM
    logits = clip_head(maps, num_classes, dropout)
    if not image_classes:
        return keras.Model(clips, logits, name=name)
    images = keras.Input((size, size, channels), name="images")
    image_logits = image_head(of_images(trunk, images), image_classes, dropout)
    inputs = {"clips": clips, "images": images}
    return keras.Model(inputs, {"logits": logits, "image_logits": image_logits}, name=name)


def clip_head(maps, num_classes, dropout):
    """Mean, a hidden layer of twice the classes, and the dense layer "Logits"."""
    x = resnet_blocks.pooled(maps, name="pooled")
    x = layers.Dense(2 * num_classes, dtype="float32", name="fc3d-2")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype="float32", name="fc3d-3")(x)
    x = layers.ReLU(dtype="float32", name="features")(x)
    return resnet_blocks.head(x, num_classes, dropout)


def image_head(maps, num_classes, dropout):
    """Mean, normalisation and the dense layer "image_logits"."""
    x = resnet_blocks.pooled(maps, name="image_pooled")
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype="float32", name="fc2d-2")(x)
    if dropout:
        x = layers.Dropout(_IMAGE_DROPOUT / 0.5 * dropout, name="image_logits-dropout")(x)
    return layers.Dense(num_classes, dtype="float32", name="image_logits")(x)


def of_images(trunk, images):
    """Applies the layers of a model of clips to images [N, H, W, C] -> maps [N, 1, h, w, c].

    Every image is seen as a clip that stands still and has no ends: what the middle of a long
    clip of equal frames gives.
    """
    found = {id(trunk.input): ops.expand_dims(images, axis=1)}
    for layer in trunk.layers[1:]:
        source, target = layer.input, layer.output  # of clips; not told after the next call
        both = isinstance(source, list)
        x = [found[id(tensor)] for tensor in source] if both else found[id(source)]
        spans_time = isinstance(layer, layers.Conv3D) and layer.kernel_size[0] > 1
        found[id(target)] = layer(x, still=True) if spans_time else layer(x)
    return found[id(trunk.output)]
