"""Loads PyTorch checkpoints (.pth, .pt, .safetensors) without PyTorch.

    load_torch(model, "tsn_r50_1x1x3.pth")
    head_classes("tsn_r50_1x1x3.pth", "tsn_r50_1x1x3")              # 400

Which key belongs to which variable, and how its axes are turned: see `names`. What programs put
before all keys ("module.", "_orig_mod.", "model.", in any order) is found by the keys after it.
"""

import re
from pathlib import Path
from typing import Any

from i3d.weights.errors import Misfit, NoCheckpoint, WeightsError, listed, other_head
from i3d.weights.pytorch import heads, i3d_ports, safetensors
from i3d.weights.pytorch import state_dict as pytorch_state_dict
from i3d.weights.pytorch.names import HEADS, entries, schemes
from i3d.weights.pytorch.places import COUNTER, is_average, parted

_BACKBONE = "backbone."  # MMAction2's prefix of all but the head; absent in backbones alone


def is_torch(path: str | Path) -> bool:
    """Returns whether `path` is a PyTorch file, by its name or first bytes."""
    path = Path(path)
    known = path.suffix in (".pth", ".pt", ".safetensors")
    return known or (path.is_file() and pytorch_state_dict.is_torch(path))


def load_torch(model: Any, path: str | Path, head: bool = True, averages: bool = False) -> None:
    """Loads a state dict into a model of `i3d.models`; on an error nothing is changed.

    What stands before all keys of the model is left out, keys without it are not looked at, and
    counters are ignored.

    Args:
      model: keras.Model of the architecture that the file is of, not folded.
      path: a file of `torch.save`, or a .safetensors file.
      head: False for a file of a backbone alone, its keys with or without "backbone."; the
        model keeps its own head.
      averages: True for the moving averages of the weights that were saved beside them.

    Raises:
      NoCheckpoint: the file does not exist.
      WeightsError: it cannot be read, or a tensor is missing, left over or misshapen.
    """
    choices = []
    stored = state_dict(path, averages)
    for scheme in schemes(model.name):
        wanted = {entry.key: entry for entry in entries(model, scheme)}
        if not head:
            own = {key.removeprefix(_BACKBONE): entry for key, entry in wanted.items()}
            begin = tuple(scheme.module(layer) + "." for layer in HEADS)
            wanted = {key: entry for key, entry in own.items() if not key.startswith(begin)}
        choices.append((*wrapper(stored, wanted, averages), scheme, wanted))
    _, prefix, scheme, wanted = max(choices, key=lambda choice: choice[0])
    arrays = without(prefix, stored)
    if scheme.scaled:
        arrays = i3d_ports.absorb_scale(arrays, *scheme.scaled)
    arrays = _in_place(arrays, wanted)
    extra = [key for key in arrays if key not in wanted]
    extra = [key for key in extra if not scheme.spare or not key.startswith(scheme.spare)]
    assign(model, path, wanted, arrays, extra)


def assign(model, path, wanted, arrays, extra=()):
    """Gives arrays to variables if all fit; nothing is changed otherwise.

    Args:
      model: keras.Model, for messages.
      path: of the file, for messages.
      wanted: {key: Entry}.
      arrays: {key: array}.
      extra: keys that must not be there.

    Raises:
      Misfit: the message names what is missing, left over or misshapen.
    """
    missing = [key for key in wanted if key not in arrays]
    values = {key: _turned(wanted[key], arrays[key]) for key in wanted if key in arrays}
    misshapen = [
        f"{key} {arrays[key].shape}, the model's variable is {tuple(wanted[key].variable.shape)}"
        for key, value in values.items()
        if value is None
    ]
    problems = listed("missing", missing) + listed("left over", list(extra))
    problems += listed("of another shape", misshapen)
    if problems:
        problems += _other_head(model, wanted, arrays, values)
        raise Misfit(f"{path} does not fit {model.name}: " + "; ".join(problems))
    for key, value in values.items():
        wanted[key].variable.assign(value)


def wrapper(stored, wanted, averages=False):
    """Returns (how many keys of a file are wanted ones, what stands before them).

    Args:
      stored: keys of the file.
      wanted: keys of the model.
      averages: True for those whose prefix names moving averages, if there are any; else
        the others come first.
    """
    counts = {"": 0}
    for key in stored:
        for prefix, rest in parted(key):
            if rest in wanted:
                counts[prefix] = counts.get(prefix, 0) + 1
    if averages:
        counts = {prefix: n for prefix, n in counts.items() if is_average(prefix)} or counts
    # The first of those that are equally good.
    best = max(counts, key=lambda prefix: (counts[prefix], not is_average(prefix)))
    return counts[best], best


def without(prefix, arrays):
    """Returns those arrays whose keys begin with `prefix`, by the rest of their keys."""
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}


def head_classes(path: str | Path, model: str | None = None) -> int:
    """Returns the number of classes of a checkpoint: the outputs of its head.

    Args:
      path: as `load_torch`.
      model: name in the catalogue, whose head is looked for first; None looks for all at once.

    Raises:
      NoCheckpoint: the file does not exist.
      WeightsError: it cannot be read; NoHead: no head is found in it.
    """
    return heads.classes(path, shapes(path), model)


def holds_averages(path: str | Path) -> bool:
    """Returns whether moving averages of the weights lie in a file, which need not be whole."""
    try:
        return bool(_stored(path, "shapes", True))
    except WeightsError:
        return False


def num_outputs(model: Any) -> int:
    """Returns the number of classes of a model, 0 of one that gives none."""
    output = model.output
    if isinstance(output, dict):
        output = output.get("logits")
    return 0 if output is None else output.shape[-1]


def state_dict(path, averages=False):
    """Returns {key: array} of a file, without counters.

    Raises:
      NoCheckpoint, WeightsError: it cannot be read, or holds no averages.
    """
    return _stored(path, "read", averages)


def shapes(path):
    """Returns {key: shape} of a file, without counters.

    Raises:
      NoCheckpoint, WeightsError: it cannot be read.
    """
    return _stored(path, "shapes", False)


def _stored(path, function, averages):
    if not Path(path).exists():
        raise NoCheckpoint(f"{path}: no such checkpoint")
    if Path(path).suffix == ".safetensors":
        found = getattr(safetensors, function)(path)
        if averages and not any(map(is_average, found)):
            raise WeightsError(f"{path}: holds no moving averages of weights")
    else:
        found = getattr(pytorch_state_dict, function)(path, averages)
    return {key: value for key, value in found.items() if not COUNTER.search(key)}


def _in_place(arrays, wanted):
    """Returns the arrays, a head in a sequence ("fc.1.weight", after dropout) by its own name."""
    missing = [key for key in wanted if key not in arrays]
    if not 0 < len(missing) <= 2:
        return arrays
    arrays = dict(arrays)
    for key in missing:
        module, _, name = key.rpartition(".")
        pattern = re.compile(rf"{re.escape(module)}\.\d+\.{name}")
        found = [other for other in arrays if pattern.fullmatch(other)]
        if len(found) == 1:
            arrays[key] = arrays.pop(found[0])
    return arrays


def _turned(entry, array):
    """Returns the array as the variable takes it, None if it does not fit."""
    if array.dtype.kind not in "fiu":
        return None
    try:
        value = entry.layout(array)
    except (ValueError, IndexError):  # another number of axes
        return None
    return value if value.shape == tuple(entry.variable.shape) else None


def _other_head(model, wanted, arrays, values):
    """Returns a list with what to do, if the number of classes is all that differs."""
    ours, misfits = num_outputs(model), [key for key, value in values.items() if value is None]
    heads_own = [key for key in misfits if wanted[key].variable.shape[-1] == ours]
    biases = [key for key in heads_own if arrays[key].ndim == 1]  # kernels of Keras end with K
    theirs = {arrays[key].shape[:1] for key in biases or heads_own}
    if not misfits or len(theirs) != 1 or len(values) != len(wanted):
        return []
    theirs = theirs.pop()
    if theirs in ((), (ours,)):  # what differs is the width
        return []
    return [other_head(theirs[0], ours)]
