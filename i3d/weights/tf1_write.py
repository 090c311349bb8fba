"""Encodes arrays as a TF1 checkpoint, byte for byte as TensorFlow's Saver, without TensorFlow.

data, index = encoded({"RGB/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d/b": bias, ...})

Source: LevelDB's table format, and TensorFlow's tensor_bundle.proto and tensor_shape.proto.
"""

import numpy as np

from i3d.data.example import varint
from i3d.data.tfrecord import masked_crc
from i3d.weights.tf1_index import FOOTER_BYTES, MAGIC

_FLOAT32 = 1  # its number in TensorFlow
_EACH_KEY_WHOLE = 16  # entries of a block from one key that is stored whole to the next
_MOST_BYTES = 1 << 18  # of a block; TensorFlow begins another one here
_HEADER = b"\x08\x01\x1a\x02\x08\x01"  # one file of numbers, version 1


def encoded(arrays: dict[str, np.ndarray]) -> tuple[list[bytes], bytes]:
    """Returns the pieces of the file of numbers, in order, and the bytes of the index.

    Args:
      arrays: {name: float32 array}.

    Raises:
      ValueError: an array has another type, or the index would need several blocks.
    """
    pieces, entries, offset = [], [(b"", _HEADER)], 0
    for name in sorted(arrays, key=str.encode):
        if arrays[name].dtype != np.float32:
            raise ValueError(f"{name}: expected float32, got {arrays[name].dtype}")
        pieces.append(arrays[name].astype("<f4", copy=False).tobytes())
        entries.append((name.encode(), _entry(arrays[name].shape, offset, pieces[-1])))
        offset += len(pieces[-1])
    return pieces, _table(entries)


def _entry(shape, offset, piece):
    """Returns the message of one variable."""
    sizes = b"".join(_message(2, b"\x08" + varint(size)) for size in shape)
    place = (b"\x20" + varint(offset) if offset else b"") + b"\x28" + varint(len(piece))
    checksum = b"\x35" + masked_crc(piece).to_bytes(4, "little")
    return b"\x08" + varint(_FLOAT32) + _message(2, sizes) + place + checksum


def _message(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def _table(entries):
    """Returns a table of one block, which is found by a key that no name comes after."""
    block = _block(entries, _EACH_KEY_WHOLE)
    if len(block) > _MOST_BYTES:
        raise ValueError(f"an index of {len(entries) - 1} variables does not fit into one block")
    after = bytes([entries[-1][0][0] + 1])
    meta = _block([], 1)
    index = _block([(after, _handle(b"", block))], 1)
    body = _sealed(block) + _sealed(meta)
    handles = _handle(_sealed(block), meta) + _handle(body, index)
    return body + _sealed(index) + handles.ljust(FOOTER_BYTES - len(MAGIC), b"\0") + MAGIC


def _block(entries, interval):
    """Returns entries (key, value), each key by what differs from the one before it."""
    out, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % interval == 0:
            restarts.append(len(out))
        else:
            pairs = zip(before, key, strict=False)
            shared = next(
                (i for i, (a, b) in enumerate(pairs) if a != b), min(len(before), len(key))
            )
        own = key[shared:]
        out += varint(shared) + varint(len(own)) + varint(len(value)) + own + value
        before = key
    restarts = restarts or [0]
    return out + b"".join(n.to_bytes(4, "little") for n in (*restarts, len(restarts)))


def _sealed(block):
    """Returns a block with its kind, not compressed, and its checksum."""
    return block + b"\0" + masked_crc(block + b"\0").to_bytes(4, "little")


def _handle(before, block):
    """Returns where a block lies that comes after the bytes `before`."""
    return varint(len(before)) + varint(len(block))
