"""Encodes and decodes tf.train.Example without TensorFlow.

    data = encoded({"id": [b"jump"], "label": 3, "fps": 25.0, "frames": [jpeg, jpeg]})
    decoded(data)["frames"]                            # list of bytes

TensorFlow takes 500 MB, and protobuf several copies of a video. `encoded` gives the bytes that
TensorFlow would write. Source: https://protobuf.dev/programming-guides/encoding, and TensorFlow's
example.proto and feature.proto.
"""

import struct
from collections.abc import Collection, Iterator

import numpy as np

from i3d.runtime.command import BadData

_BYTES, _FLOATS, _INTS = 1, 2, 3  # fields of a Feature
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types


class ExampleError(BadData):
    """Bytes that are no tf.train.Example."""


Value = list[bytes] | float | int | tuple[int, ...] | np.ndarray


def encoded(features: dict[str, Value]) -> bytes:
    """Returns the bytes of an Example.

    Args:
      features: a list of bytes, one float, an array of floats, one int or a tuple of them under
        each name.
    """
    entries = []
    for name in sorted(features):  # as protobuf sorts maps where it is to be deterministic
        entries += _field(1, [*_field(1, [name.encode()]), *_field(2, _feature(features[name]))])
    return b"".join(_field(1, entries))


# Each of these returns a list of bytes, to be joined once.


def _feature(value):
    if isinstance(value, list):
        return _field(_BYTES, [piece for one in value for piece in _field(1, [one])])
    if isinstance(value, float | np.ndarray):
        packed = np.asarray(value, "<f4").tobytes()
        return _field(_FLOATS, _field(1, [packed]) if packed else [])
    values = value if isinstance(value, tuple) else (value,)
    varints = [varint(value % 2**64) for value in values]  # two's complement
    return _field(_INTS, _field(1, varints) if varints else [])


def _field(number, pieces):
    """Returns a field of a message that holds bytes, a text or a message."""
    return [varint(number << 3 | _LENGTH), varint(sum(map(len, pieces))), *pieces]


def varint(value: int) -> bytes:
    """Returns a count in seven bits a byte, the lowest first."""
    pieces = bytearray()
    while value > 127:
        pieces.append(value & 127 | 128)
        value >>= 7
    return bytes([*pieces, value])


def decoded(data: bytes, names: Collection[str] | None = None) -> dict[str, list]:
    """Returns {name: list of bytes, floats or ints} of an Example.

    Work and memory are bounded by the length of `data`.

    Args:
      data: bytes, or a memoryview of which nothing is read but what is asked for.
      names: of the features that are wanted; None for all.

    Raises:
      ExampleError: it is none.
    """
    found: dict[str, list] = {}
    try:
        for features in _messages(memoryview(data), 1):
            for entry in _messages(features, 1):
                keys = [bytes(key).decode() for key in _messages(entry, 1)]
                key = keys[-1] if keys else ""
                if names is None or key in names:
                    found[key] = [value for one in _messages(entry, 2) for value in _values(one)]
    except (UnicodeDecodeError, struct.error) as error:
        raise ExampleError(str(error)) from error
    return found


def _values(feature) -> Iterator:
    """Yields the values of a Feature."""
    for kind, wire, content in _fields(feature):
        if kind not in (_BYTES, _FLOATS, _INTS):
            continue
        if wire != _LENGTH:
            raise ExampleError(f"a list of wire type {wire}")
        for number, wire, value in _fields(content):
            if number != 1:
                continue
            if kind == _BYTES:
                yield bytes(_of_length(wire, value))
            elif kind == _FLOATS:
                packed = value if wire in (_LENGTH, _FIXED32) else _of_length(wire, value)
                yield from struct.unpack(f"<{len(packed) // 4}f", packed)
            elif wire == _VARINT:
                yield _signed(value)
            else:
                yield from map(_signed, _varints(_of_length(wire, value)))


def _messages(data, number):
    return [_of_length(wire, value) for n, wire, value in _fields(data) if n == number]


def _of_length(wire, value):
    if wire != _LENGTH:
        raise ExampleError(f"expected a field with a length, got wire type {wire}")
    return value


def _fields(data) -> Iterator[tuple]:
    """Yields (number, wire type, int or memoryview) of each field of a message."""
    at, end = 0, len(data)
    while at < end:
        tag, at = (data[at], at + 1) if data[at] < 128 else _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _read_varint(data, at)
        else:
            length = {_FIXED64: 8, _FIXED32: 4}.get(wire)
            if wire == _LENGTH:
                short = at < end and data[at] < 128
                length, at = (data[at], at + 1) if short else _read_varint(data, at)
            if length is None or not number or at + length > end:
                raise ExampleError("a field is cut off or of an unknown type")
            value, at = data[at : at + length], at + length
        yield number, wire, value


def _varints(data):
    at = 0
    while at < len(data):
        value, at = _read_varint(data, at)
        yield value


def _read_varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value & 2**64 - 1, at
    raise ExampleError("a number is cut off or too long")


def _signed(value):
    return value - 2**64 if value >= 2**63 else value
