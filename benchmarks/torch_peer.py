"""Builds the same network with the same weights in PyTorch, to be timed beside ours.

    run = torch_peer.compiled(model, "bfloat16")   # keras.Model, not folded
    logits = run(clips)                            # float32 [B, T, H, W, C] -> float32 [B, K]

    KERAS_BACKEND=torch python -m benchmarks.torch_peer x3d_s_13x6x1 bfloat16 1

The command answers each line of its input with logits in JSON, of one batch of `subjects`.

Layer by layer as published PyTorch code runs it: eager, batch normalisation apart from the
convolutions, channels last in memory, 2-D convolutions where all kernels span one frame.
"""

import json
import sys

import keras
import numpy as np
import torch
from keras import layers
from torch.nn import functional

from benchmarks import subjects
from i3d import models
from i3d.models.blocks import FullWindowAverage3D
from i3d.models.resnet_blocks import CentredConv3D, CentredMaxPool3D
from i3d.models.slowfast import EveryFrame

LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def has_twin(model):
    """Returns whether every layer of a keras.Model is supported here."""
    return all(isinstance(layer, tuple(_STEPS)) for layer in model.layers)


def main(name, precision, batch):
    """Computes the logits of a name in the catalogue once for each line that comes."""
    shape = subjects.shape_of(name)
    model = models.build(name, **shape)
    model.set_weights(subjects.plain_weights(model))
    run, clips = compiled(model, precision), subjects.clips_of(shape, int(batch))
    for _ in sys.stdin:
        print(json.dumps(run(clips).tolist()), flush=True)


def compiled(model, precision):
    """Returns a function from float32 clips [B, T, H, W, C], numpy, to float32 logits [B, K].

    Args:
      model: keras.Model for which `has_twin` is true.
      precision: "float32" or "bfloat16", of weights and of all that is computed.
    """
    twin = Twin(model, getattr(torch, precision))

    @torch.inference_mode()
    def run(clips):
        return twin(torch.from_numpy(clips)).float().numpy()

    return run


class Twin:
    """A network in PyTorch: clips [B, T, H, W, C] -> logits [B, K], tensors on one device.

    Attributes:
      weights: the tensors that can be trained, for an optimizer.
      training: True normalises by the statistics of the batch.
    """

    def __init__(self, model, dtype, device="cpu"):
        """Copies the weights of a keras.Model for which `has_twin` is true."""
        self.dtype, self.device, self.training, self.weights = dtype, device, False, []
        convs = [layer for layer in model.layers if isinstance(layer, layers.Conv3D)]
        self.of_frames = all(conv.kernel_size[0] == 1 for conv in convs)
        self._input, self._output = id(model.input), id(model.output)
        self._steps = [
            ([id(t) for t in keras.tree.flatten(layer.input)], id(layer.output), step(layer, self))
            for layer, step in ((layer, _step(layer)) for layer in model.layers[1:])
        ]

    def __call__(self, clips):
        """Returns logits; where kernels span one frame, it is the mean over the frames."""
        x = clips.to(self.device, self.dtype).movedim(-1, 1)
        x = x.transpose(1, 2).flatten(0, 1) if self.of_frames else x
        values = {self._input: x.contiguous(memory_format=LAST[x.ndim])}
        for inputs, output, step in self._steps:
            y = step(*(values[name] for name in inputs))
            if self.of_frames and y.ndim == 2 and len(y) > len(clips):
                y = y.unflatten(0, (len(clips), -1)).mean(1)  # over the segments
            values[output] = y
        return values[self._output]

    def weight(self, variable):
        """Returns a variable of a layer as a tensor that counts among the weights."""
        self.weights.append(self.constant(variable))
        return self.weights[-1]

    def constant(self, variable):
        """Returns a variable of a layer as a tensor."""
        array = np.array(keras.ops.convert_to_numpy(variable))
        return torch.from_numpy(array).to(self.device, self.dtype)


def _conv(layer, twin):
    kernel = twin.constant(layer.kernel).permute(4, 3, 0, 1, 2)
    window, strides = layer.kernel_size, layer.strides
    if twin.of_frames:
        kernel, window, strides = kernel[:, :, 0], window[1:], strides[1:]
    kernel = kernel.contiguous(memory_format=LAST[kernel.ndim])
    twin.weights.append(kernel)
    bias = twin.weight(layer.bias) if layer.use_bias else None
    function = functional.conv2d if twin.of_frames else functional.conv3d
    padded = _padding(layer, window, strides, 0.0)

    def conv(x):
        x, sides = padded(x)
        return function(x, kernel, bias, strides, sides, 1, layer.groups)

    return conv


def _padding(layer, window, strides, value):
    """Returns x -> (x, sides) that pads as a layer does: evenly, or as TensorFlow's SAME."""
    if isinstance(layer, CentredConv3D | CentredMaxPool3D):
        return lambda x: (x, [(size - 1) // 2 for size in window])

    def padded(x):
        sizes = zip(x.shape[2:], window, strides, strict=True)
        totals = [max(k - (s if n % s == 0 else n % s), 0) for n, k, s in sizes]
        if not any(total % 2 for total in totals):
            return x, [total // 2 for total in totals]
        sides = [side for total in reversed(totals) for side in (total // 2, total - total // 2)]
        return functional.pad(x, sides, value=value), 0

    return padded


def _norm(layer, twin):
    mean, variance = twin.constant(layer.moving_mean), twin.constant(layer.moving_variance)
    beta = twin.weight(layer.beta)
    gamma = twin.weight(layer.gamma) if layer.scale else torch.ones_like(beta)

    def norm(x):
        return functional.batch_norm(
            x, mean, variance, gamma, beta, training=twin.training, eps=layer.epsilon
        )

    return norm


def _pool(layer, twin):
    window, strides = layer.pool_size, layer.strides
    if twin.of_frames:
        window, strides = window[1:], strides[1:]
    function = functional.max_pool2d if twin.of_frames else functional.max_pool3d
    padded = _padding(layer, window, strides, -float("inf"))

    def pool(x):
        x, sides = padded(x)
        return function(x, window, strides, sides)

    return pool


def _average(layer, twin):
    return lambda x: functional.avg_pool3d(x.float(), layer.pool_size, 1).to(x.dtype)


def _mean(layer, _):
    return lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=layer.keepdims)


def _dense(layer, twin):
    kernel = twin.weight(layer.kernel)
    bias = twin.weight(layer.bias) if layer.use_bias else None
    activation = _ACTIVATIONS[layer.activation.__name__]
    return lambda x: activation(functional.linear(x, kernel.T, bias))


def _step(layer):
    return next(step for kind, step in _STEPS.items() if isinstance(layer, kind))


_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
}
_STEPS = {  # kind of layer -> (layer, twin) -> function of tensors
    layers.InputLayer: None,
    layers.Conv3D: _conv,
    layers.MaxPooling3D: _pool,
    FullWindowAverage3D: _average,
    layers.BatchNormalization: _norm,
    layers.ReLU: lambda *_: torch.relu,
    layers.Activation: lambda layer, _: _ACTIVATIONS[layer.activation.__name__],
    layers.Add: lambda *_: torch.add,
    layers.Multiply: lambda *_: torch.mul,
    layers.Concatenate: lambda *_: lambda *given: torch.cat(given, 1),
    EveryFrame: lambda layer, _: lambda x: x[:, :, :: layer.step],
    layers.GlobalAveragePooling3D: _mean,
    layers.Dense: _dense,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
