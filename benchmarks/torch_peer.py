"""The same network with the same weights in PyTorch, to be timed beside ours.

    run = torch_peer.compiled(model, "bfloat16")   # keras.Model, not folded
    logits = run(clips)                            # float32 [B, T, H, W, C] -> float32 [B, K]

Layer by layer as published PyTorch code runs it: eager, batch normalisation apart from the
convolutions, channels last in memory, 2-D convolutions where all kernels span one frame.
"""

import keras
import numpy as np
import torch
from keras import layers
from torch.nn import functional

from i3d.models.resnet_blocks import CentredConv3D, CentredMaxPool3D
from i3d.models.slowfast import EveryFrame

LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def has_twin(model):
    """Tells whether every layer of a keras.Model is one that is known here."""
    return all(isinstance(layer, tuple(_STEPS)) for layer in model.layers)


def compiled(model, precision):
    """Returns a function from float32 clips [B, T, H, W, C], numpy, to float32 logits [B, K].

    Args:
      model: keras.Model for which `has_twin` is true.
      precision: "float32" or "bfloat16", of weights and of all that is computed.
    """
    dtype = getattr(torch, precision)
    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv3D)]
    of_frames = all(conv.kernel_size[0] == 1 for conv in convs)
    steps = [(layer, _step(layer)(layer, dtype, of_frames)) for layer in model.layers[1:]]

    @torch.inference_mode()
    def run(clips):
        x = torch.from_numpy(clips).to(dtype).movedim(-1, 1)
        x = x.transpose(1, 2).flatten(0, 1) if of_frames else x
        x = x.contiguous(memory_format=LAST[x.ndim])
        values = {id(model.input): x}
        for layer, step in steps:
            given = [values[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
            y = step(*given)
            if of_frames and isinstance(layer, layers.GlobalAveragePooling3D):
                y = y.unflatten(0, (len(clips), -1)).mean(1)  # over the segments
            values[id(layer.output)] = y
        return values[id(model.output)].float().numpy()

    return run


def _conv(layer, dtype, of_frames):
    kernel = torch.from_numpy(np.array(layer.kernel)).permute(4, 3, 0, 1, 2).to(dtype)
    strides, sides = layer.strides, [(size - 1) // 2 for size in layer.kernel_size]
    if of_frames:
        kernel, strides, sides = kernel[:, :, 0], strides[1:], sides[1:]
    kernel = kernel.contiguous(memory_format=LAST[kernel.ndim])
    function = functional.conv2d if of_frames else functional.conv3d
    return lambda x: function(x, kernel, None, strides, sides)


def _norm(layer, dtype, of_frames):
    names = ("moving_mean", "moving_variance", "gamma", "beta")
    values = [torch.from_numpy(np.array(getattr(layer, name))).to(dtype) for name in names]
    return lambda x: functional.batch_norm(x, *values, training=False, eps=layer.epsilon)


def _pool(layer, dtype, of_frames):
    window, strides = layer.pool_size, layer.strides
    sides = [(size - 1) // 2 for size in window]
    if of_frames:
        return lambda x: functional.max_pool2d(x, window[1:], strides[1:], sides[1:])
    return lambda x: functional.max_pool3d(x, window, strides, sides)


def _dense(layer, dtype, of_frames):
    kernel, bias = (torch.from_numpy(np.array(w)).to(dtype) for w in (layer.kernel, layer.bias))
    return lambda x: functional.linear(x, kernel.T, bias)


def _step(layer):
    return next(step for kind, step in _STEPS.items() if isinstance(layer, kind))


_STEPS = {  # kind of layer -> (layer, dtype, of_frames) -> function of tensors
    layers.InputLayer: None,
    CentredConv3D: _conv,
    CentredMaxPool3D: _pool,
    layers.BatchNormalization: _norm,
    layers.ReLU: lambda *_: torch.relu,
    layers.Add: lambda *_: torch.add,
    layers.Concatenate: lambda *_: lambda *given: torch.cat(given, 1),
    EveryFrame: lambda layer, *_: lambda x: x[:, :, :: layer.step],
    layers.GlobalAveragePooling3D: lambda *_: lambda x: x.mean(tuple(range(2, x.ndim))),
    layers.Dense: _dense,
}
