"""Reads a pickle of nested dicts of NumPy arrays as data: nothing in it is imported or called.

tree = read(file)                       # {"params": {"Conv_0": {"kernel": float32 [...]}}}

Only what NumPy's arrays of float32, or of the types that are asked for, are pickled by is
understood; anything else is refused.
"""

import math
from collections.abc import Collection
from typing import IO, Any

import numpy as np

from i3d.weights.pytorch import unpickle

_NEW_ARRAY = {  # the second since NumPy 2
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
}
_OF_BUFFER = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"}  # protocol 5
_ENCODE, _NO_BYTES = "_codecs.encode", "__builtin__.bytes"  # protocol 2 has bytes as text
_MOST_AXES = 32
_MOST_ENTRIES = 10_000


def read(
    file: IO[bytes], types: Collection[str] = ("float32",), most: int = _MOST_ENTRIES
) -> dict[str, Any]:
    """Returns the dict that a pickle holds, of arrays and such dicts.

    Args:
      file: at the first byte of the pickle. Memory is bounded by a small multiple of its length.
      types: of the numbers that arrays may have, "float32" or "float64"; little-endian.
      most: number of arrays and dicts that there may be.

    Raises:
      ValueError: it is damaged, or holds anything else.
    """
    found = unpickle.carried_out(_Machine(), file)
    if not isinstance(found, dict):
        raise ValueError("expected a dict of arrays")
    left = most
    dicts = [found]  # a damaged one may hold itself
    while dicts:
        entries = dicts.pop()
        left -= 1 + len(entries)
        if left < 0:
            raise ValueError(f"expected at most {most} arrays")
        for name, value in entries.items():
            if isinstance(value, dict):
                dicts.append(value)
            elif isinstance(value, _Array):
                entries[name] = value.numbers(types)
            elif not isinstance(value, np.ndarray):  # done: one array under two names
                raise ValueError(f"{name:.80}: expected an array of {' or '.join(types)}")
    return found


class _Type:
    """numpy.dtype of little-endian float32 or float64; its name and code are "" of others."""

    def __init__(self, code="", *_):
        self.code = code.removeprefix("<") if code in ("f4", "<f4", "f8", "<f8") else ""

    def set(self, state):
        self.code = self.code if state[1] == "<" else ""

    @property
    def name(self):
        return {"f4": "float32", "f8": "float64"}.get(self.code, "")


class _Array:
    """numpy.ndarray: made empty, then given its shape and numbers."""

    def __init__(self):
        self.shape, self.type = (), _Type()
        self.data: bytes | bytearray = b""

    def set(self, state):
        _, shape, kind, by_columns, data = state
        self.fill(shape, kind, by_columns is False, data)

    def fill(self, shape, kind, by_rows, data):
        axes = all(isinstance(size, int) and 0 <= size < 1 << 40 for size in shape)
        if not isinstance(kind, _Type) or not by_rows:
            raise ValueError("expected arrays of little-endian numbers, row by row")
        if not axes or len(shape) > _MOST_AXES or not isinstance(data, bytes | bytearray):
            raise ValueError("an array of another form than NumPy writes")
        self.shape, self.data, self.type = shape, data, kind

    def numbers(self, types):
        if self.type.name not in types:
            raise ValueError(f"expected arrays of little-endian {' or '.join(types)}")
        if int(self.type.code[1:]) * math.prod(self.shape) != len(self.data):
            raise ValueError("an array of fewer or more numbers than its shape")
        return np.frombuffer(self.data, f"<{self.type.code}").reshape(self.shape)


class _Machine(unpickle.Machine):
    """The stack machine, with arrays in the place of PyTorch's tensors."""

    def __init__(self):
        super().__init__()
        self._encoded = {}  # one text may be named again and again

    def _push_call(self, function, arguments):
        name = function.name if isinstance(function, unpickle.Foreign) else ""
        if name in _NEW_ARRAY:
            self.stack.append(_Array())
        elif name in _OF_BUFFER:
            self.stack.append(_Array())
            data, kind, shape, order = arguments
            self.stack[-1].fill(shape, kind, order == "C", data)
        elif name == "numpy.dtype":
            self.stack.append(_Type(*arguments))
        elif name == _NO_BYTES and not arguments:
            self.stack.append(b"")
        elif name == _ENCODE and arguments[1:] == ("latin1",):
            self.stack.append(self._latin1(arguments[0]))
        else:
            raise ValueError(f"expected NumPy arrays alone, got {name:.80}")

    def _latin1(self, text):
        if text not in self._encoded:
            self._encoded[text] = text.encode("latin1")
        return self._encoded[text]

    def _build(self):
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Type)):
            raise ValueError("expected NumPy arrays alone")
        self.stack[-1].set(state)
