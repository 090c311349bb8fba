"""Loads TF1 checkpoints of I3D, DeepMind's and those fine-tuned from them.

    load_tf1(model, "checkpoints/rgb_imagenet/model.ckpt")

A layer `Mixed_3b-Branch_0-Conv3d_0a_1x1-conv_3d` holds what the checkpoint calls
`RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w`; the Kinetics-600 checkpoint
has the same names without the first two scopes, and other programs have scopes of their own.
What else a `tf.train.Saver()` saves (steps, the slots of optimizers, other networks) is known by
its name and left alone. The file is read without TensorFlow.
"""

import math
import os
import re
from typing import Any

import numpy as np

from i3d.data.tfrecord import masked_crc
from i3d.weights import tf1_index
from i3d.weights.errors import Misfit, NoHead, WeightsError, listed, other_head
from i3d.weights.pytorch.i3d_ports import absorb_scale

FIRST = "Conv3d_1a_7x7/conv_3d/w"
HEAD = "Logits/Conv3d_0c_1x1/conv_3d/b"
_OWN = re.compile(r"(Conv3d_|Mixed_|Logits/)")  # how names of the network begin
_AVERAGE = "/ExponentialMovingAverage"


def load_tf1(
    model: Any, prefix: str | os.PathLike, head: bool = True, averages: bool = False
) -> None:
    """Loads a TF1 checkpoint into an Inception I3D model; on an error nothing is changed.

    Args:
      model: `i3d.models.inception_i3d(...)` up to Logits or Predictions, not folded.
      prefix: path before `.index` and `.data-00000-of-00001`.
      head: False leaves the model's own head as it is.
      averages: True takes the exponential moving averages of the variables that have one.

    Raises:
      WeightsError: the file cannot be read, has no averages, or a variable is missing, left over
        or misshapen.

    Source: variable names and shapes of the five published checkpoints. Batch normalisation
    is stored as [C] in four of them and as [1, 1, 1, 1, C] in the Kinetics-600 one.
    """
    stored = tf1_index.read(prefix)
    own = variables(model)
    if not head:
        own = {name: variable for name, variable in own.items() if not name.startswith("Logits/")}
    names = _names(stored, own)
    if averages:
        names = _averaged(prefix, stored, names)
    problems = _problems(stored, own, names)
    if problems:
        raise Misfit(f"{prefix} does not fit {model.name}: " + "; ".join(problems))
    values = {name: _numbers(prefix, full, stored[full]) for name, full in names.items()}
    values = absorb_scale(values, "/conv_3d/", "/batch_norm/", ("w", "gamma", "moving_mean"), True)
    for name, variable in own.items():  # all were read before any is assigned
        variable.assign(values[name].reshape(variable.shape))


def head_classes(prefix: str | os.PathLike) -> int:
    """Returns the number of classes of a checkpoint, by its head.

    Raises:
      WeightsError: it cannot be read; NoHead: it has none.
    """
    stored = tf1_index.read(prefix)
    scope = next((name[: -len(HEAD)] for name in stored if _ends(name, HEAD)), None)
    if scope is None:
        raise NoHead(f"{prefix}: no head found, so that its number of classes is unknown")
    return max(stored[scope + HEAD].shape, default=1)


def channels(prefix: str | os.PathLike) -> int | None:
    """Returns the channels that the first convolution takes, None without or with several.

    Raises:
      WeightsError: it cannot be read.
    """
    shapes = [v.shape for name, v in tf1_index.read(prefix).items() if _ends(name, FIRST)]
    found = {shape[3] for shape in shapes if len(shape) == 5}
    return found.pop() if len(found) == 1 else None


def variables(model: Any) -> dict[str, Any]:
    """Returns {checkpoint name without scope: Keras variable}."""
    names = {}
    for layer in model.layers:
        path = "Logits/Conv3d_0c_1x1/conv_3d" if layer.name == "Logits" else None
        path = path or layer.name.replace("-", "/")
        if path.endswith("/conv_3d"):
            names[f"{path}/w"] = layer.kernel
            if layer.use_bias:
                names[f"{path}/b"] = layer.bias
        elif path.endswith("/batch_norm") and layer.weights:
            names[f"{path}/beta"] = layer.beta
            names[f"{path}/moving_mean"] = layer.moving_mean
            names[f"{path}/moving_variance"] = layer.moving_variance
    return names


def _names(stored, own):
    """Returns {name without scope: name in the file} of the network in it that fits best."""
    scopes = {name[: -len(FIRST)]: 0 for name in stored if _ends(name, FIRST)} or {"": 0}
    for scope in scopes:
        scopes[scope] = sum(
            scope + name in stored and _same_shape(name, stored[scope + name].shape, v.shape)
            for name, v in own.items()
        )
    scope = max(scopes, key=scopes.__getitem__)
    inside = (name for name in stored if name.startswith(scope))
    return {
        name.removeprefix(scope): name
        for name in inside
        if _OWN.match(name, len(scope)) and not _is_slot(name, stored)
    }


def _is_slot(name, stored):
    """Whether a name is of what an optimizer or an average keeps for another variable."""
    owner = name.rpartition("/")[0]
    while owner:
        if owner in stored:
            return True
        owner = owner.rpartition("/")[0]
    return name.endswith(_AVERAGE)


def _averaged(prefix, stored, names):
    """Returns the names with those of the averages, where there are any, in their place."""
    shadows = {n.removesuffix(_AVERAGE): n for n in stored if n.endswith(_AVERAGE)}
    found = {}
    for name, full in names.items():
        # An optimizer in a scope of its own keeps averages there, by the full name.
        ends = [shadow for owner, shadow in shadows.items() if _ends(owner, full)]
        found[name] = min(ends, key=len) if ends else full
    if found == names:
        raise WeightsError(f"{prefix}: holds no moving averages of its variables")
    return found


def _problems(stored, own, names):
    scales = {n for n in names if n.endswith("/gamma") and f"{n[:-5]}beta" in own}
    scope = next((full[: -len(name)] for name, full in names.items() if full.endswith(name)), "")
    missing = sorted(scope + name for name in own.keys() - names)
    extra = sorted(names[name] for name in names.keys() - own.keys() - scales)
    misshapen = [
        name
        for name in sorted(own.keys() & names)
        if not _same_shape(name, stored[names[name]].shape, own[name].shape)
    ]
    shapes = [
        f"{names[name]} {stored[names[name]].shape}, the model's is {tuple(own[name].shape)}"
        for name in misshapen
    ]
    problems = listed("missing", missing) + listed("left over", extra)
    problems += listed("of another shape", shapes)
    if HEAD in misshapen and not missing and not extra and len(misshapen) == 2:
        bias = names[HEAD]
        problems.append(other_head(max(stored[bias].shape, default=1), own[HEAD].shape[-1]))
    return problems


def _ends(name, end):
    """Whether a name is `end`, in whatever scope."""
    return name == end or name.endswith(f"/{end}")


def _same_shape(name, stored, wanted):
    """Compares shapes; the head's and the batch normalisation's leading ones do not count."""
    stored, wanted = tuple(stored), tuple(wanted)
    loose = "/batch_norm/" in name or name.startswith("Logits/")
    return stored == wanted or (loose and stored == (1,) * (5 - len(wanted)) + wanted)


def _numbers(prefix, name, variable):
    """Returns the array of a tf1_index.Variable; WeightsError where its bytes were changed."""
    count = math.prod(variable.shape) * variable.dtype.itemsize
    with open(variable.file, "rb") as file:
        file.seek(variable.offset)
        data = file.read(count)
    if len(data) < count or masked_crc(data).to_bytes(4, "little") != variable.check:
        raise WeightsError(f"{prefix}: not a whole TF1 checkpoint: {name}: its checksum is wrong")
    return np.frombuffer(data, variable.dtype).reshape(variable.shape)
