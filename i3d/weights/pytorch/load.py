"""PyTorch checkpoints (.pth, .pt, .safetensors) into our models, without PyTorch.

    load_torch(model, "tsn_r50_1x1x3.pth")
    head_classes("tsn_r50_1x1x3.pth")              # 400

Which key belongs to which variable, and how its axes are turned: see `torch_names`.
"""

from pathlib import Path

from i3d.weights.errors import Misfit, NoCheckpoint, NoHead, WeightsError, listed
from i3d.weights.pytorch import safetensors
from i3d.weights.pytorch import state_dict as pytorch_state_dict
from i3d.weights.pytorch.names import entries

_WRAPPER = "module."  # what DataParallel puts before every key
_BACKBONE = "backbone."  # what MMAction2 puts before all but the head, not where there is none
_HEADS = ("cls_head.", "fc.", "classifier.")  # how keys of heads begin


def is_torch(path):
    """Tells, from its name or its first bytes, whether `path` is a file that is read here."""
    path = Path(path)
    known = path.suffix in (".pth", ".pt", ".safetensors")
    return known or (path.is_file() and pytorch_state_dict.is_torch(path))


def load_torch(model, path, head=True):
    """Loads a state dict into a model of `i3d.models`, whole or not at all.

    Keys that all begin with "module." are taken without it; num_batches_tracked is ignored.

    Args:
      model: keras.Model of the architecture that the file is of, not folded.
      path: a file of `torch.save`, or a .safetensors file.
      head: False for a file of a backbone alone, its keys with or without "backbone."; the
        model keeps its own head.

    Raises:
      NoCheckpoint: there is no such file.
      WeightsError: it cannot be read, or a tensor is missing, left over or misshapen.
    """
    arrays = state_dict(path)
    wanted = {entry.key: entry for entry in entries(model)}
    if not head:
        arrays = {key.removeprefix(_BACKBONE): array for key, array in arrays.items()}
        own = {key.removeprefix(_BACKBONE): entry for key, entry in wanted.items()}
        wanted = {key: entry for key, entry in own.items() if not key.startswith(_HEADS)}
    missing = [key for key in wanted if key not in arrays]
    extra = [key for key in arrays if key not in wanted]
    values = {key: _turned(wanted[key], arrays[key]) for key in wanted if key in arrays}
    misshapen = [
        f"{key} {arrays[key].shape}, the model's variable is {tuple(wanted[key].variable.shape)}"
        for key, value in values.items()
        if value is None
    ]
    problems = listed("missing", missing) + listed("left over", extra)
    problems += listed("of another shape", misshapen)
    if problems:
        problems += _other_head(model, wanted, arrays, values)
        raise Misfit(f"{path} does not fit {model.name}: " + "; ".join(problems))
    for key, value in values.items():
        wanted[key].variable.assign(value)


def head_classes(path):
    """Returns the number of classes of a checkpoint: the outputs of its last matrix or kernel.

    Raises:
      NoCheckpoint: there is no such file.
      WeightsError: it cannot be read, or holds no such tensor; NoHead: a backbone alone.
    """
    arrays = state_dict(path)
    outputs = [array.shape[0] for array in arrays.values() if array.ndim >= 2]
    if not outputs:
        raise WeightsError(f"{path}: no head found, so that its number of classes is unknown")
    if not any(key.startswith(_HEADS) for key in arrays):
        raise NoHead(
            f"{path}: a backbone without a head, which names no classes; train begins with it, "
            "extract_features takes it"
        )
    return outputs[-1]


def state_dict(path):
    """Returns {key: array} of a file, without wrapper and counters.

    Raises:
      NoCheckpoint, WeightsError: it cannot be read.
    """
    if not Path(path).exists():
        raise NoCheckpoint(f"{path}: no such checkpoint")
    reader = safetensors if Path(path).suffix == ".safetensors" else pytorch_state_dict
    arrays = reader.read(path)
    if all(key.startswith(_WRAPPER) for key in arrays):
        arrays = {key.removeprefix(_WRAPPER): array for key, array in arrays.items()}
    return {k: a for k, a in arrays.items() if not k.endswith("num_batches_tracked")}


def _turned(entry, array):
    """Returns the array as the variable takes it, None if it does not fit."""
    try:
        value = entry.layout(array)
    except (ValueError, IndexError):  # another number of axes
        return None
    return value if value.shape == tuple(entry.variable.shape) else None


def _other_head(model, wanted, arrays, values):
    """Returns a list with what to do, if the number of classes is all that differs."""
    ours, misfits = model.output_shape[-1], [key for key, value in values.items() if value is None]
    theirs = {arrays[key].shape[0] for key in misfits if wanted[key].variable.shape[-1] == ours}
    if not misfits or len(theirs) != 1 or len(values) != len(wanted):
        return []
    theirs = theirs.pop()
    if theirs == ours:  # what differs is the width
        return []
    return [f"its head has {theirs} classes, the model's {ours}; build with num_classes={theirs}"]
