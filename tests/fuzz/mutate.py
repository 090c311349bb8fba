"""Mutations of files by a seeded random: damage, lies about sizes, and other values in JSON.

    of_bytes(random.Random("7"), data)

Each takes a random.Random and the bytes of a good file, and returns those of another.
"""

import copy
import io
import json
import struct
import zipfile
from random import Random

from i3d.data import tfrecord

_WHOLE = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
_WHOLE += (2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
_TEXTS = (
    b"0", b"-1", b"1", b"-0", b"1.5", b"1e400", b"-1e400", b"NaN", b"Infinity", b"2147483648",
    b"9223372036854775808", b"-9223372036854775809", b"9" * 5000, b"1" * 400, b"0x10", b"1_0",
    b"\xc2\xb2", b"\xd9\xa3", b"", b" ", b"\t", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff",
    b"\r", b"\n", b"\r\n", b'"', b"'", b",", b";", b"/", b"\\", b"..", b"../" * 30, b"/etc/passwd",
    b"*", b"[", b"{", b"(" * 300, b"a" * 5000, b" " * 5000, b"a " * 3000, b"\x1b[2J",
    b"\xe2\x80\xae", b"\xed\xa0\x80", b"HandstandPushups " * 40,
)  # fmt: skip
_VALUES = (
    None, True, False, 0, -1, 1, 1.5, 1e300, float("inf"), float("nan"), 2**31, 2**63, -(2**63),
    10**400, 10**9, "", "x", "\0", "../..", "/etc", "\ud800", "a" * 5000, [], {}, [[]], {"": {}},
    [0] * 3000, ["a", "a"], "__import__('os')", "1", "-1", "nan",
)  # fmt: skip
_DEEP = "\x07deep\x07"


def of_bytes(rng: Random, data: bytes) -> bytes:
    """Flips bits, sets, cuts, removes, doubles and moves bytes, and writes sizes that lie."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        _BYTES[rng.randrange(len(_BYTES))](rng, data)
    return bytes(data)


def of_text(rng: Random, data: bytes) -> bytes:
    """Puts other numbers, words, signs and blanks into a text, and its lines in disorder."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.randrange(4)
        if kind == 0:
            data = of_bytes(rng, data)
        elif kind == 1:
            lines = data.split(b"\n")
            lines.insert(rng.randrange(len(lines) + 1), rng.choice((*lines, *_TEXTS)))
            del lines[rng.randrange(len(lines)) :: rng.choice((2, 5, 1000))]
            data = b"\n".join(lines)
        else:
            start = rng.randrange(len(data) + 1)
            end = start + rng.choice((0, 0, 1, 2, 5))
            data = data[:start] + rng.choice(_TEXTS) + data[end:]
    return data


def of_json(rng: Random, data: bytes) -> bytes:
    """Puts values of other types into JSON, takes keys away, nests it; or as `of_text`."""
    if rng.random() < 0.3:
        return of_text(rng, data)
    found = json.loads(data)
    for _ in range(rng.choice((1, 1, 2))):
        found = _changed(rng, found)
    deep = rng.choice(("[", '{"a":')) * rng.choice((100, 2000, 100_000))
    return json.dumps(found).replace(json.dumps(_DEEP), deep).encode()


def in_zip(member):
    """Returns a mutation by which one part of an archive is mutated, its checksum right again."""

    def mutated(rng, data):
        if rng.random() < 0.3:
            return of_bytes(rng, data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(sorted(parts))
        parts[name] = member(rng, parts[name])
        buffer = io.BytesIO()
        way = zipfile.ZIP_DEFLATED if rng.random() < 0.2 else zipfile.ZIP_STORED
        with zipfile.ZipFile(buffer, "w", way) as archive:
            for each, content in parts.items():
                archive.writestr(each, content)
        return buffer.getvalue()

    return mutated


def of_beginning(rng: Random, data: bytes) -> bytes:
    """As `of_bytes`, in the first bytes alone, where headers are."""
    cut = rng.choice((16, 64, 128, 256))
    return of_bytes(rng, data[:cut]) + data[cut:]


def in_records(rng: Random, data: bytes) -> bytes:
    """Mutates the content of a record, or its length; checksums are right again."""
    if rng.random() < 0.2:
        return of_bytes(rng, data)
    parts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        parts.append(data[at + 12 : at + 12 + length])
        at += length + tfrecord.LEAST_BYTES
    chosen = rng.randrange(len(parts))
    length = None
    if rng.random() < 0.3:
        length = rng.choice(_WHOLE)
    else:
        parts[chosen] = of_bytes(rng, parts[chosen])
    return b"".join(_record(p, length if i == chosen else None) for i, p in enumerate(parts))


def _record(data, length):
    head = struct.pack("<Q", len(data) if length is None else length)
    checks = [struct.pack("<I", tfrecord.masked_crc(part)) for part in (head, data)]
    return head + checks[0] + data + checks[1]


def in_index(rng: Random, data: bytes) -> bytes:
    """Mutates blocks of the index of a TF1 checkpoint, a table of LevelDB; checksums are right."""
    if rng.random() < 0.3:
        return of_bytes(rng, data)
    blocks, changed = _blocks(data), bytearray(data)
    for _ in range(rng.choice((1, 1, 3))):
        offset, size = rng.choice(blocks)
        place = offset + rng.randrange(size)
        other = (
            bytes([rng.randrange(256)]) if rng.random() < 0.5 else _as_varint(rng.choice(_WHOLE))
        )
        other = other[: offset + size - place]
        changed[place : place + len(other)] = other
    for offset, size in blocks:
        end = offset + size + 1
        changed[end : end + 4] = struct.pack("<I", tfrecord.masked_crc(changed[offset:end]))
    return bytes(changed)


def _blocks(data):
    """Returns (offset, size) of the blocks of a small table: entries, nothing more, their index."""
    at, values = len(data) - 48, []
    for _ in range(4):
        value, at = _varint(data, at)
        values.append(value)
    listed = [tuple(values[:2]), tuple(values[2:])]
    return [(0, min(listed)[0] - 5), *listed]  # 5 bytes after each: compression and checksum


def _varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value, shift = value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def _as_varint(value):
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


# Each of these changes a bytearray.


def _span(rng, data):
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 16, 64, 256, 4096)))


def _flip(rng, data):
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng, data):
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))


def _cut(rng, data):
    del data[rng.randrange(len(data) + 1) :]


def _remove(rng, data):
    start, end = _span(rng, data)
    del data[start:end]


def _double(rng, data):
    start, end = _span(rng, data)
    data[start:start] = data[start:end] * rng.choice((1, 1, 2, 20))


def _move(rng, data):
    start, end = _span(rng, data)
    place = rng.randrange(len(data) + 1)
    data[place : place + end - start] = data[start:end]


def _clear(rng, data):
    start, end = _span(rng, data)
    data[start:end] = bytes([rng.choice((0, 255))]) * (end - start)


def _number(rng, data):
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(_WHOLE) % 256**size
    start = rng.randrange(len(data) + 1)
    data[start : start + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _append(rng, data):
    data += rng.randbytes(rng.choice((1, 8, 1000)))


_BYTES = (
    _flip,
    _flip,
    _set,
    _set,
    _cut,
    _remove,
    _double,
    _move,
    _clear,
    _number,
    _number,
    _append,
)


def _changed(rng, found):
    """Returns JSON with another value somewhere."""
    if isinstance(found, dict | list) and found and rng.random() < 0.85:
        places = list(found) if isinstance(found, dict) else range(len(found))
        place, kind = rng.choice(places), rng.random()
        if kind < 0.1:
            del found[place]
        elif kind < 0.2 and isinstance(found, dict):
            found[rng.choice(("", "x", "../x", "\0", "a" * 300, place + " "))] = found[place]
        elif kind < 0.2:
            found.insert(place, copy.deepcopy(rng.choice((found[place], *_VALUES))))
        else:
            found[place] = _changed(rng, found[place])
        return found
    if isinstance(found, str) and rng.random() < 0.4:
        return of_text(rng, found.encode(errors="replace")).decode(errors="replace")
    return _DEEP if rng.random() < 0.05 else copy.deepcopy(rng.choice(_VALUES))
