"""Formats a frame mAP: the protocol, the mean, its groups and classes.

print(described(found, names))
as_json(found, names)                              # for --json
"""

import math
from collections.abc import Mapping
from typing import Any

from i3d.detection.metrics import FrameMAP
from i3d.runtime.text import counted
from i3d.weights.cards import class_names

AVA = "ava"  # the list of AVA's names in i3d/weights/labels


def names_of_ava() -> dict[int, str]:
    """Returns {id: name} of the 60 actions of AVA that are scored."""
    return {number: name for number, name in enumerate(class_names(AVA), 1) if name}


def described(found: FrameMAP, names: Mapping[int, str]) -> str:
    """Returns the protocol and the mean, the groups where the names are AVA's, and each class.

    Args:
      found: FrameMAP.
      names: {id: name}.
    """
    known = [value for value in found.per_class.values() if not math.isnan(value)]
    of = f"mean over {len(known)} of {len(found.per_class)} classes"
    lines = [
        f"frame mAP at an IoU of 0.5, protocol {found.protocol}: "
        f"{counted(found.key_frames, 'key frame')}, {counted(sum(found.truths.values()), 'label')}",
        f"{'mAP':<22}{_percent(found.mean)}, {of}",
    ]
    if _is_ava(names, found):
        lines += [f"{name:<22}{_percent(mean)}" for name, mean in found.groups.items()]
    return "\n".join([*lines, "", "Average precision of each class", *_classes(found, names)])


def _classes(found, names):
    """Returns a line for each class, the best first."""
    left = max((len(_name(names, action)) for action in found.per_class), default=0)
    ranked = sorted(found.per_class.items(), key=lambda pair: (math.isnan(pair[1]), -pair[1]))
    lines = [f"{action:>4}  {_name(names, action):<{left}}  " for action, _ in ranked]
    return [
        f"{line}{_percent(value)} of {found.truths[action]:>6,}"
        for line, (action, value) in zip(lines, ranked, strict=True)
    ]


def as_json(found: FrameMAP, names: Mapping[int, str]) -> dict[str, Any]:
    """Returns what --json writes; averages in [0, 1], null where there is none."""
    classes = [
        {
            "id": action,
            "name": _name(names, action),
            "average_precision": _number(value),
            "truths": found.truths[action],
        }
        for action, value in found.per_class.items()
    ]
    groups = {name: _number(mean) for name, mean in found.groups.items()}
    return {
        "protocol": found.protocol,
        "iou": 0.5,
        "map": _number(found.mean),
        "key_frames": found.key_frames,
        **({"groups": groups} if _is_ava(names, found) else {}),
        "classes": classes,
    }


def _is_ava(names, found):
    """Returns whether the ids are AVA's, which the groups are of."""
    ava = names_of_ava()
    return all(names.get(action, "") == ava.get(action) for action in found.per_class)


def _name(names, action):
    return names.get(action, str(action))


def _number(value):
    return None if math.isnan(value) else value


def _percent(value):
    return "     - %" if math.isnan(value) else f"{100 * value:6.2f} %"
