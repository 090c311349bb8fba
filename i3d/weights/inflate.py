"""Inflates 2-D weights to 3-D, or adapts them to other input channels.

inflate(models.build("inception_v1"), models.build("inception_i3d"), skip_head=True)
"""

from typing import TYPE_CHECKING

import numpy as np

from i3d.weights.errors import Misfit
from i3d.weights.pytorch.names import HEADS

if TYPE_CHECKING:
    import keras


def inflate(
    image_model: "keras.Model", video_model: "keras.Model", skip_head: bool = False
) -> None:
    """Copies the weights of a model into a 3-D model with the same layer names.

    Each kernel is repeated along its new time axis and divided by that length, so that a
    constant video gives the image network's activations wherever the receptive field lies
    inside the clip. Where the first convolution takes another number of channels (flow), its
    kernel is averaged over the image's channels and repeated. Everything else is copied.

    Args:
      image_model: keras.Model with 2-D convolutions, e.g. `inception_v1`; or with 3-D ones, of
        which everything is copied but a first kernel of other channels (RGB for flow).
      video_model: its twin with 3-D convolutions, e.g. `inception_i3d`; changed in place.
      skip_head: True leaves the head of the video model as it is: the layer "Logits", and hidden
        layers whose size follows from the number of classes.

    Raises:
      Misfit: a layer is missing in the image model, or its weights do not fit; nothing
        is changed then.

    Source: Carreira & Zisserman 2017 (arXiv:1705.07750), section 2.4; channel average of
    the first layer: Wang et al. 2016 (arXiv:1608.00859), section 3.3.
    """
    sources = {layer.name: layer for layer in image_model.layers}
    new: list = []
    for layer in video_model.layers:
        if not layer.weights or (skip_head and layer.name in HEADS):
            continue
        if layer.name not in sources:
            raise Misfit(f"inflate: {image_model.name} has no layer {layer.name!r}")
        first = not new
        values = sources[layer.name].get_weights()
        new.append((layer, _fitted(layer, values, first)))
    for layer, values in new:
        layer.set_weights(values)


def _fitted(layer, values, first):
    wanted = [tuple(weight.shape) for weight in layer.weights]
    if len(wanted) == len(values):
        fits = [_inflated(v, shape, first) for v, shape in zip(values, wanted, strict=True)]
        if [v.shape for v in fits] == wanted:
            return fits
    hint = "; skip_head=True leaves the head as it is" if layer.name == "Logits" else ""
    raise Misfit(
        f"inflate: layer {layer.name!r} expects weights {wanted} after inflation, "
        f"the image model's are {[v.shape for v in values]}{hint}"
    )


def _inflated(value, shape, first):
    if value.ndim < 4:  # not of a convolution
        return value
    channels = shape[-2]
    if first and value.shape[-2] != channels:
        value = np.repeat(value.mean(axis=-2, keepdims=True), channels, axis=-2)
    if value.ndim == len(shape):
        return value
    return np.repeat(value[None], shape[0], axis=0) / np.float32(shape[0])
