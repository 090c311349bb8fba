"""What engines took for a network on this processor, kept in the user's cache folder.

    key = key_of(network, shapes)
    seconds = get(key)                  # {"keras": 0.063, "openvino": 0.031}, None if not measured
    put(key, seconds)

A file is i3d/engines/KEY.json, written atomically; a damaged one counts as none. It may be deleted
at any time; where the folder cannot be written to, nothing is kept.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from i3d.runtime import files, json_file
from i3d.runtime.command import UserError

_MOST_BYTES = 1 << 16
_PACKAGES = ("keras", "tensorflow", "openvino")


def key_of(network: Any, precision: str, shapes: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    """Returns all that decides how long engines take, as JSON has it.

    Args:
      network: inference.network.Network.
      precision: "float32" or "bfloat16".
      shapes: of its inputs.
    """
    model = network.model
    return {
        "model": network.card.model if network.card else model.name,
        "outputs": [list(output.shape) for output in model.outputs],
        "weights": model.count_params(),
        "precision": precision,
        "shapes": [list(shape) for shape in shapes],
        "processor": processor(),
        "threads": len(os.sched_getaffinity(0)),
        "versions": [importlib.metadata.version(name) for name in _PACKAGES],
    }


def processor() -> str:
    """Returns the name of the processor and all of its flags."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return f"{platform.machine()} {platform.processor()}"
    lines = info.read_text().splitlines()
    fields = dict(line.partition(":")[::2] for line in reversed(lines))
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    return f"{fields.get('model name', platform.machine())} {fields.get('flags', '')}"


def get(key: dict[str, Any]) -> dict[str, float] | None:
    """Returns {engine: seconds} as `put` wrote it, None where there is none or it is damaged."""
    try:
        found = json_file.read(_path(key), _MOST_BYTES)
    except (UserError, OSError):
        return None
    seconds = found.get("seconds")
    if found.get("of") != key or not isinstance(seconds, dict):
        return None
    known = all(isinstance(s, float) and math.isfinite(s) and s > 0 for s in seconds.values())
    return seconds if known and set(seconds) == {"keras", "openvino"} else None


def put(key: dict[str, Any], seconds: dict[str, float]) -> None:
    """Writes {engine: seconds}; does nothing where the folder cannot be written to."""
    with contextlib.suppress(OSError):
        files.write_text(_path(key), json.dumps({"of": key, "seconds": seconds}, indent=1) + "\n")


def _path(key):
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return files.user_cache("engines") / f"{name}.json"
