"""Finds the state dict of a model in the file of a training program.

    tensors = find({"epoch": 3, "net": {...}, "optimizer": {...}, "ema": {...}})     # of "net"
    tensors = find(value, averages=True)                                             # of "ema"

Which it is follows from the names under which dicts of tensors lie, and from how many they hold.
"""

import re

from i3d.weights.pytorch.unpickle import Foreign, Tensor

# Where most programs put it; they come first where others hold as many tensors.
PLACES = ("state_dict", "model_state_dict", "model_state", "model", "state_dict_ema")
_AVERAGES = frozenset("ema avg average averaged averages swa shadow polyak teacher".split())
_OTHERS = re.compile("optim|sched|scaler|criterion|loss|momentum|callback|discriminator")
BESIDE = "fusion_model_state_dict"  # ActionCLIP's second model, its head over time
_DEPTH = 6  # of dicts in dicts
_MEMBERS = 16  # of a list or tuple that is looked into
_WRAPPERS = 12  # names that may stand before a key
_LONGEST = 300  # characters of a name in TorchScript
# What is no weight: counters, and BMN's weights of samples, which are computed.
COUNTER = re.compile(
    r"(^|\.)(num_batches_tracked|n_averaged|total_ops|total_params|loss_normalizer|sample_mask"
    r"|bm_mask)$"
)


def find(value, averages=False):
    """Returns {key: Tensor} of the model in what was saved.

    What ActionCLIP saves of its second model comes after, its keys under BESIDE.

    Args:
      value: as `unpickle.read` returns it.
      averages: True for the moving averages of the weights, where both were saved.

    Raises:
      ValueError: there are no tensors by name, or no averages.
    """
    if isinstance(value, Foreign):
        raise ValueError(f"holds a {value.name:.80} as a whole; expected a state dict")
    found = [(names, tensors) for names, tensors in _dicts(value) if not _is_other(names)]
    beside = {f"{BESIDE}.{k}": t for row in found if _is_beside(row) for k, t in row[1].items()}
    found = [row for row in found if not _is_beside(row)]
    if not found:
        raise ValueError(f"no state dict: expected tensors by name, also under {', '.join(PLACES)}")
    wanted = [row for row in found if _averaged(*row) == averages and _worth(row)[0]]
    if averages and not wanted:
        wanted = [row for row in found if any(map(is_average, row[1]))]  # beside the weights
        if not wanted:
            raise ValueError("holds no moving averages of weights")
    return max(wanted or found, key=_worth)[1] | beside


def of_torchscript(value):
    """Returns {"visual.conv1.weight": Tensor, ...} of a TorchScript module's attributes.

    Raises:
      ValueError: it has no tensors, as a frozen module, or a name without end.
    """
    found, todo, seen = {}, [("", value)], set()
    while todo:
        prefix, part = todo.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        for name, item in part.items():
            key = prefix + name
            if len(key) > _LONGEST:
                raise ValueError(f"a TorchScript archive with names of over {_LONGEST} characters")
            if isinstance(item, Tensor):
                found[key] = item
            elif isinstance(item, dict):
                todo.append((f"{key}.", item))
    if not found:
        raise ValueError(
            "a TorchScript archive without parameters; expected a state dict: save "
            "model.state_dict()"
        )
    return found


def is_average(key):
    """Returns whether a key, or a name before it, is of a moving average of weights."""
    return not _AVERAGES.isdisjoint(re.split(r"[._]", key[:1000].lower()))


def parted(key):
    """Yields (what stands before, rest) of a key at its first dots, the whole key first."""
    place = 0
    for _ in range(_WRAPPERS):
        yield key[:place], key[place:]
        place = key.find(".", place) + 1
        if not place:
            return


def _dicts(value):
    """Returns [(names that lead to a dict, its tensors)] of all dicts that hold some."""
    found, todo, seen = [], [((), value)], set()
    while todo:
        names, part = todo.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            tensors = {key: item for key, item in part.items() if isinstance(item, Tensor)}
            if tensors:
                found.append((names, tensors))
            inner = part.items()
        elif isinstance(part, list | tuple) and len(part) <= _MEMBERS:
            inner = [("", item) for item in part]
        else:
            continue
        if len(names) < _DEPTH:
            todo += [
                ((*names, name), item)
                for name, item in inner
                if isinstance(item, dict | list | tuple)
            ]
    return found


def _is_other(names):
    return any(_OTHERS.search(name[:1000].lower()) for name in names)


def _is_beside(row):
    return row[0][-1:] == (BESIDE,)


def _averaged(names, tensors):
    return "n_averaged" in tensors or any(map(is_average, names))


def _worth(row):
    """Returns what orders candidates: tensors that are no plain numbers, then known places."""
    names, tensors = row
    place = names[-1] if names else ""
    rank = -PLACES.index(place) if place in PLACES else -len(PLACES)
    return sum(len(tensor.shape) > 0 for tensor in tensors.values()), rank
