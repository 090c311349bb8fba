"""Multiply-adds of a network for one example, counted from the shapes of its layers.

    model = models.build("slowonly_r50_4x16x1", num_classes=400)
    count(model, (4, 224, 224, 3))                 # 20870823936: 20.9 GFLOP in papers

One multiplication and the addition to it are one operation, as the papers, PySlowFast and MMAction2
count them. Convolutions, dense and recurrent layers and the products of attention count;
normalisation, activation, pooling and sampling of regions do not.
"""

import math
from typing import Any

import keras

_ADDED = ("FramePositions", "JointSpaceTime")  # their weights are added, not multiplied


def count(model: keras.Model, shape: Any = None) -> int:
    """Returns the number of multiply-adds of a forward pass of one example.

    Of CLIP and ActionCLIP give `actionclip.video_part(model)`: texts are embedded once for all
    videos.

    Args:
      model: a network of `i3d.models`, functional; its weights are not read.
      shape: of one example, without the batch: (T, H, W, C), or a dictionary of shapes by the names
        of the inputs; None is that of the model, where it has one.

    Raises:
      ValueError: the shape is not known, or a layer is of a kind whose products are not known.
    """
    own = model.input
    if isinstance(own, dict):
        inputs = {name: _example(x, shape and shape[name]) for name, x in own.items()}
    else:
        inputs = _example(own, shape)
    total = 0

    def call(layer, *arguments, **keywords):
        nonlocal total
        output = layer.compute_output_spec(*arguments, **keywords)
        total += _of_layer(layer, arguments, output)
        return output

    # Symbolic calls of the layers would be remembered by them.
    model._run_through_graph(inputs, operation_fn=lambda layer: layer, call_fn=call)
    return total


def _example(tensor, shape):
    """Returns the KerasTensor of a batch of one."""
    shape = tuple(tensor.shape[1:] if shape is None else shape)
    if None in shape or len(shape) != len(tensor.shape) - 1:
        raise ValueError(f"shape: expected the sizes of {tensor.shape[1:]}, got {shape}")
    return keras.KerasTensor((1, *shape), tensor.dtype)


def _of_layer(layer, arguments, output):
    """Returns the multiply-adds of one call of a layer."""
    kind = type(layer).__name__
    if kind in _OWN:
        return _OWN[kind](layer, arguments, output)
    kernels = _kernels(layer)
    if not kernels and kind not in _ADDED and any(len(w.shape) > 1 for w in _weights(layer)):
        raise ValueError(f"{layer.name}: the products of a {kind} are not known")
    return kernels and math.prod(output.shape[:-1]) * kernels


def _weights(layer):
    """Returns the variables of a layer; an operation has none."""
    return getattr(layer, "weights", ())


def _kernels(layer):
    """Returns the numbers in a layer's kernels, each of which is used at every place."""
    return sum(math.prod(w.shape) for w in _weights(layer) if w.name.endswith("kernel"))


def _transformer(layer, arguments, output):
    """Linear maps of each token; queries by keys, and shares by values."""
    *_, tokens, width = output.shape
    return math.prod(output.shape[:-1]) * (_kernels(layer) + 2 * tokens * width)


def _patches(layer, arguments, output):
    """The convolution of patches; the class token is no product."""
    images, tokens, _ = output.shape
    return images * (tokens - 1) * _kernels(layer)


def _non_local(layer, arguments, output):
    """Every place of theta by every one of phi, and the shares by g."""
    theta, phi, g = (x.shape for x in arguments[0])
    return math.prod(theta[:-1]) * math.prod(phi[1:-1]) * (theta[-1] + g[-1])


def _local(layer, arguments, output):
    """Each row by the two pieces of rows around it, and the shares by the values."""
    return 2 * math.prod(output.shape) * 2 * (layer.window - 1)


def _pairs(layer, arguments, output):
    """The kernel of each row; then the samples of each pair, in this order."""
    batch, rows, _ = arguments[0].shape
    *_, pairs, filters = output.shape
    samples = (pairs - 1) * layer.kernel.shape[0] * rows * filters
    return batch * (rows * _kernels(layer) + samples)


def _cosines(layer, arguments, output):
    return math.prod(output.shape) * arguments[0][0].shape[-1]


def _recurrent(layer, arguments, output):
    return math.prod(arguments[0].shape[:-1]) * _kernels(layer)


_OWN = {
    "CLIPEncoderLayer": _transformer,
    "CLIPVisionEmbedding": _patches,
    "Gather": _non_local,
    "LSTM": _recurrent,
    "LocalAttention": _local,
    "PairConv": _pairs,
    "Similarity": _cosines,
    "TransformerEncoder": _transformer,
}
