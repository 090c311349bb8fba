"""Loads HDF5 weight files of Keras 1, 2 and 3; sizes are checked before anything is read.

kind = layout("rgb.h5")                          # "layers" (Keras 3) or "layer_names" (1, 2)
arrays = read("rgb.h5")                          # {"Conv3d_1a_7x7_conv/kernel": array, ...}
load(model, "rgb.h5")                            # dlpbc's port of I3D into inception_i3d
"""

import contextlib
import math
import re
import warnings

import h5py
import numpy as np

from i3d.weights import clip_h5, h5_texts
from i3d.weights.clip_zoo import takes_text
from i3d.weights.errors import Misfit, NoHead, WeightsError, of_texts, other_head
from i3d.weights.pytorch import load as pytorch
from i3d.weights.pytorch.i3d_ports import absorb_scale, dlpbc
from i3d.weights.pytorch.names import Entry, weights

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# What h5py and Keras raise for damaged files, by where they notice it.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    SystemError,
)
_SPARE_BYTES = 1 << 26  # that a file may unpack to, beyond four times its size
_MOST_OBJECTS = 100_000
_NUMBERS = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)  # the last: truth values
_MOST_TEXT = 1 << 28  # bytes
# What Keras 1 calls the arrays of a layer -> what Keras 2 does.
_KINDS = {
    "W": "kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}
_HEAD = "Conv3d_6a_1x1_conv/kernel"
_FIRST = "Conv3d_1a_7x7_conv/kernel"
_LOCALIZER_HEAD = "layers/class_conv/vars/0"  # i3d.models.segment_layers.ClassConv


def is_h5(path):
    """Returns whether `path` is an HDF5 file, by its first bytes."""
    with open(path, "rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


def layout(path):
    """Returns "layers" for weights of Keras 3, "layer_names" for those of Keras 1 and 2.

    Raises:
      WeightsError: it is neither, or damaged.
    """
    with _opened(path) as file:
        if _is_old(file):
            return "layer_names"
        if any(name in file for name in ("layers", "_layer_checkpoint_dependencies", "vars")):
            return "layers"
    raise WeightsError(f"{path}: an HDF5 file without weights of Keras")


def head_classes(path):
    """Returns the number of classes of a file, by its head.

    Raises:
      WeightsError: it cannot be used; NoHead: it has none.
    """
    if layout(path) == "layer_names":
        shapes = _old_shapes(path)
        if _HEAD in shapes:
            return shapes[_HEAD][-1]
    else:
        with _opened(path) as file:
            if clip_h5.holds_clip(file):
                raise of_texts(path)
            if _LOCALIZER_HEAD in file:
                return int(file[_LOCALIZER_HEAD].shape[-1])
            names = [name for name in file.get("layers", ()) if re.fullmatch(r"dense(_\d+)?", name)]
            names.sort(key=lambda name: int(name.partition("_")[2][:9] or 0))
            if names:
                return int(file[f"layers/{names[-1]}/vars/0"].shape[-1])
    raise NoHead(f"{path}: no head found, so that its number of classes is unknown")


def channels(path):
    """Returns the channels that the first convolution of an I3D takes, None where it is no I3D."""
    if layout(path) == "layer_names":
        shape = _old_shapes(path).get(_FIRST, ())
    else:
        with _opened(path) as file:
            place = "layers/conv3d/vars/0"
            shape = file[place].shape if place in file else ()
    return shape[3] if len(shape) == 5 else None


def load(model, path, head=True):
    """Loads Keras weights into a model; on an error nothing is changed. See `i3d.weights.load`.

    Files of Keras 1 and 2 are those of dlpbc's port, for `inception_i3d`.

    Raises:
      WeightsError: they are not this model's, or cannot be used.
    """
    if layout(path) == "layers":
        _load_new(model, path, head)
    elif model.name != "inception_i3d":
        raise Misfit(
            f"{path}: weights of Keras 1 or 2, which are read for inception_i3d alone (dlpbc's "
            f"port); the model is {model.name}"
        )
    else:
        _load_old(model, path, head)


def _load_old(model, path, head):
    wanted = {}
    for layer, variable in weights(model):
        key = f"{dlpbc(layer)}/{variable.name}"
        if head or layer != "Logits":
            wanted[key] = Entry(variable, key, lambda a, v=variable: _flat_head(a, v))
    arrays = absorb_scale(read(path), "_conv/", "_bn/", ("kernel", "gamma", "moving_mean"), True)
    extra = [key for key in arrays if key not in wanted]
    pytorch.assign(model, path, wanted, arrays, extra)


def _flat_head(array, variable):
    """The head is a 1x1x1 convolution there and a dense layer here."""
    return array.reshape(array.shape[-2:]) if len(variable.shape) == 2 else array


def _load_new(model, path, head):
    if not str(path).endswith(".weights.h5"):
        raise WeightsError(f"{path}: weights of Keras 3; their name must end in .weights.h5")
    with _opened(path) as file:
        _check(file)
        source = clip_h5.source(model, path, file, head) if takes_text(model.name) else model
    _load_all(source, path)
    if source is not model:
        clip_h5.copy_towers(source, model)


def _load_all(model, path):
    try:
        with warnings.catch_warnings(action="error"):  # Keras only warns of what it leaves out
            # Keras names this one where it retries a layer that it could not load.
            warnings.filterwarnings("ignore", "Skipping nested container")
            model.load_weights(path)
    except (*_DAMAGE, UserWarning) as error:
        line = f"{path}: not weights of {model.name}: {_reason(str(error))}"
        head = re.search(r"\b1 objects could not be loaded.*?name=Logits\b", str(error))
        ours = pytorch.num_outputs(model)
        if head and (theirs := head_classes(path)) != ours:
            line += f"; {other_head(theirs, ours)}"
        raise Misfit(line) from error


def _reason(text):
    """Returns the line that counts of what Keras says of weights that do not fit."""
    count = re.search(r"(\d+) objects could not be loaded.*?name=([^,>]+)", text)
    shapes = re.search(r"variable\.shape=(\(.*?\)), Received: value\.shape=(\(.*?\))", text)
    if count and not shapes:
        return f"{count[1]} layers are missing, the first is {count[2]}"
    if not count or not shapes:
        return text.partition("\n")[0]
    return (
        f"{count[1]} layers do not fit, the first is {count[2]}: expected {shapes[1]}, the file "
        f"has {shapes[2]}"
    )


def read(path):
    """Returns {"<layer>/<kind>": array} of a file of Keras 1 or 2, kinds as in Keras 2.

    Raises:
      WeightsError: it cannot be read.
    """
    with _opened(path) as file:
        return {key: np.asarray(dataset[()]) for key, dataset in _old_datasets(file).items()}


def _old_shapes(path):
    with _opened(path) as file:
        return {key: tuple(dataset.shape) for key, dataset in _old_datasets(file).items()}


def _is_old(file):
    attributes = _old_root(file).attrs
    return "layer_names" in attributes or "layer_names0" in attributes


def _old_root(file):
    return file["model_weights"] if "model_weights" in file else file


def _old_datasets(file):
    """Returns {"<layer>/<kind>": dataset}; a network inside another one has its layers' names."""
    _check(file)
    root, found = _old_root(file), {}
    for layer in _names(root, "layer_names"):
        for name in _names(root[layer], "weight_names"):
            *scopes, kind = name.partition(":")[0].split("/")
            kind = re.sub(rf"^{re.escape(layer)}_", "", kind)
            own = layer if not scopes or _is_port(layer) else scopes[-1]
            found[f"{own}/{_KINDS.get(kind, kind)}"] = root[layer][name]
    return found


def _is_port(layer):
    return re.fullmatch(r"Conv3d_\w+_(conv|bn)", layer) is not None


def _names(group, attribute):
    """Returns the names in an attribute, which Keras cuts into several where they are many."""
    parts = [_attribute(group, attribute)] if attribute in group.attrs else []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(_attribute(group, f"{attribute}{len(parts)}"))
    names = [name for part in parts for name in part]
    return [name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names]


def _attribute(group, name):
    """Returns an attribute of names, unless many refer to one text as large as the file."""
    stored = group.attrs.get_id(name)
    size = min(group.file.id.get_filesize(), 1 << 20)
    if stored.dtype.kind == "O" and math.prod(stored.shape) * size > _MOST_TEXT:
        raise ValueError(f"{name} has {stored.shape} texts of any length")
    return group.attrs[name]


@contextlib.contextmanager
def _opened(path):
    """Yields the h5py.File; errors that its damage raises become a WeightsError."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except WeightsError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(
            f"{path}: not a Keras .weights.h5 or .h5 file, or a damaged one: {reason}"
        ) from error


def _check(file):
    """Raises ValueError where the objects of a file, read, would be far larger than the file."""
    room = 4 * file.id.get_filesize() + _SPARE_BYTES
    count, has_texts = 0, False

    def visit(name, info):  # of HDF5's own, which takes a tenth of the time of h5py's
        nonlocal room, count, has_texts
        count += 1
        if info.type == h5py.h5o.TYPE_DATASET:
            dataset = h5py.h5d.open(file.id, name)
            room -= _bytes_read(dataset, name)
            has_texts |= h5py.h5a.exists(dataset, b"dtype")  # which Keras 3 reads
        if count > _MOST_OBJECTS or room < 0:
            raise ValueError("its arrays are larger than the file can hold")

    h5py.h5o.visit(file.id, visit, info=True)
    if has_texts or _is_old(file):
        h5_texts.check(file.filename)


def _bytes_read(dataset, name):
    """Returns how many bytes a dataset takes in memory; raises ValueError if it is no weight's."""
    made = dataset.get_create_plist()
    if made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count():
        raise ValueError(f"{name!r:.200} lies in another file")
    kind = dataset.get_type()
    if kind.get_class() not in _NUMBERS:
        raise ValueError(f"{name!r:.200} holds no numbers")
    return math.prod(dataset.shape or ()) * kind.get_size()
