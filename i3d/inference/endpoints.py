"""The part of a model up to one of its layers: a row for each video.

ending_at(model, "Mixed_4f")          # keras.Model from clips [B, T, H, W, C] to float32 [B, 832]
outputs(model)["Mixed_4f"]            # the layer's output in this model
"""

import difflib
from typing import Any

import keras
from keras import ops

from i3d.runtime.command import UserError


def ending_at(model: keras.Model, endpoint: str) -> keras.Model:
    """Returns the part of a model up to a layer, float32 [B, C].

    Maps are averaged over space and time, tokens of a transformer over their positions. Where the
    layer is given each frame of a video apart, as in the image towers of CLIP, its frames are
    averaged too.

    Args:
      model: from clips [B, T, H, W, C].
      endpoint: name of the layer.

    Raises:
      UserError: there is no such layer; the message names the nearest.
    """
    x = named(model, endpoint, "--endpoint")
    axes = tuple(range(1, len(x.shape) - 1))
    x = ops.cast(x, "float32") if x.dtype != "float32" else x
    x = ops.mean(x, axes) if axes else x
    ending = keras.Model(model.input, x, name=model.name)
    frames = _rows_per_clip(ending)
    if frames == 1:
        return ending
    x = ops.mean(ops.reshape(x, (-1, frames, x.shape[-1])), axis=1)
    return keras.Model(model.input, x, name=model.name)


def named(model: keras.Model, name: str, flag: str) -> Any:
    """Returns the output of a layer in this model.

    Args:
      model: its layers may be those of another model too.
      name: of the layer.
      flag: that gives the name, for the message.

    Raises:
      UserError: there is no such layer; the message names the nearest.
    """
    found = outputs(model)
    names = [layer.name for layer in model.layers if layer.name in found]
    if name not in names:
        near = " or ".join(difflib.get_close_matches(name, names, 3, cutoff=0))
        raise UserError(f"{flag}: {model.name} has no layer {name!r}; did you mean {near}?")
    return found[name]


def outputs(model: keras.Model) -> dict[str, Any]:
    """Returns {name of a layer: its output in this model}; other models may use the layer too."""
    found: dict[str, Any] = {}
    waiting = list(model.outputs)
    while waiting:
        place = waiting.pop()
        name = place._keras_history.operation.name
        if name not in found:
            found[name] = place
            waiting += before(place)
    return found


def before(place: Any) -> list[Any]:
    """Returns the tensors that a tensor of a model is computed from."""
    operation, node, _ = place._keras_history
    return operation._inbound_nodes[node].input_tensors


def _rows_per_clip(model):
    """Returns how many rows a model gives of a clip: 1, or the number of its frames."""
    return model.compute_output_shape((1, *model.input_shape[1:]))[0] or 1
