"""Reads a pickle of nested dicts of NumPy arrays as data: nothing in it is imported or called.

tree = read(file)                       # {"params": {"Conv_0": {"kernel": float32 [...]}}}

Only what NumPy's arrays of float32 are pickled by is understood; anything else is refused.
"""

import math
from typing import IO, Any

import numpy as np

from i3d.weights.pytorch import unpickle

_NEW_ARRAY = {  # the second since NumPy 2
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
}
_MOST_AXES = 32
_MOST_ENTRIES = 10_000


def read(file: IO[bytes]) -> dict[str, Any]:
    """Returns the dict that a pickle holds, of float32 arrays and such dicts.

    Args:
      file: at the first byte of the pickle. Memory is bounded by a small multiple of its length.

    Raises:
      ValueError: it is damaged, or holds anything else.
    """
    found = unpickle.carried_out(_Machine(), file)
    if not isinstance(found, dict):
        raise ValueError("expected a dict of arrays")
    left = _MOST_ENTRIES
    dicts = [found]  # a damaged one may hold itself
    while dicts:
        entries = dicts.pop()
        left -= 1 + len(entries)
        if left < 0:
            raise ValueError(f"expected at most {_MOST_ENTRIES} arrays")
        for name, value in entries.items():
            if isinstance(value, dict):
                dicts.append(value)
            elif isinstance(value, _Array):
                entries[name] = value.numbers()
            elif not isinstance(value, np.ndarray):  # done: one array under two names
                raise ValueError(f"{name:.80}: expected an array of float32")
    return found


class _Type:
    """numpy.dtype, where it is that of little-endian float32."""

    def __init__(self, code="", *_):
        self.is_float32 = code in ("f4", "<f4")

    def set(self, state):
        self.is_float32 = self.is_float32 and state[1] == "<"


class _Array:
    """numpy.ndarray: made empty, then given its shape and numbers."""

    def __init__(self):
        self.shape, self.data = (), b""

    def set(self, state):
        _, shape, kind, by_columns, data = state
        axes = all(isinstance(size, int) and 0 <= size < 1 << 40 for size in shape)
        if not isinstance(kind, _Type) or not kind.is_float32 or by_columns is not False:
            raise ValueError("expected arrays of little-endian float32, row by row")
        if not axes or len(shape) > _MOST_AXES or not isinstance(data, bytes):
            raise ValueError("an array of another form than NumPy writes")
        if 4 * math.prod(shape) != len(data):
            raise ValueError("an array of fewer or more numbers than its shape")
        self.shape, self.data = shape, data

    def numbers(self):
        return np.frombuffer(self.data, "<f4").reshape(self.shape)


class _Machine(unpickle.Machine):
    """The stack machine, with arrays in the place of PyTorch's tensors."""

    def _push_call(self, function, arguments):
        name = function.name if isinstance(function, unpickle.Foreign) else ""
        if name in _NEW_ARRAY:
            self.stack.append(_Array())
        elif name == "numpy.dtype":
            self.stack.append(_Type(*arguments))
        else:
            raise ValueError(f"expected NumPy arrays alone, got {name:.80}")

    def _build(self):
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Type)):
            raise ValueError("expected NumPy arrays alone")
        self.stack[-1].set(state)
