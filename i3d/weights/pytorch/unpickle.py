"""Reads the pickle inside a PyTorch file as data: nothing it names is imported or called.

value, storages = unpickle.read(file)          # file at the first byte of the pickle
value["state_dict"]["conv1.weight"]           # Tensor(storage=Storage("FloatStorage", "0", ...))

The opcodes are interpreted here on plain lists, dicts and tuples. A tensor becomes a description
of where its numbers lie; everything else that the file wants made (an optimizer's state, a config
object, os.system("...")) becomes a Foreign, which only remembers its name; a module of TorchScript
becomes the dict of its attributes, and its code is not looked at. Time and memory are
bounded by a small multiple of the pickle's length: nothing that stands once in the file is copied
as often as it is named.
"""

import gc
import pickletools
from dataclasses import dataclass

_MAX_DIMENSIONS = 64  # as NumPy's
_MAX_COUNT = 2**128  # far beyond any; longer numbers take long to multiply
_MAX_NAME = 1000  # characters of a class and its module
_MAX_ARGUMENTS = 16  # of what is made here


@dataclass(frozen=True, slots=True)
class Foreign:
    """A class, function or object of the file that is not looked up: its full name alone."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numbers in the file.

    Attributes:
      kind: as PyTorch names it, e.g. "FloatStorage".
      key: under which the file holds it, str.
      numel: how many numbers, int.
      start: first of them that tensors count from; not 0 in old files that hold views alone.
    """

    kind: str
    key: str
    numel: int
    start: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies; offset and strides in elements, not yet held against the storage."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def read(file):
    """Reads one pickle and leaves `file` after it.

    Args:
      file: binary file object.

    Returns:
      (value, storages): what was pickled, of dict (str keys only), list, tuple, str, bytes,
      numbers, None, Tensor and Foreign; and {key: Storage} of all storages that it mentions.

    Raises:
      ValueError: not a pickle, or a damaged one.

    Source: the opcodes as `pickletools` documents them.
    """
    machine = Machine()
    return carried_out(machine, file), machine.storages


def carried_out(machine, file):
    """Returns what a Machine makes of the pickle in `file`; raises ValueError as `read` does."""
    collects = gc.isenabled()
    gc.disable()  # it would look at all that was made again and again
    try:
        return machine.run(file)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as e:
        raise ValueError(f"damaged pickle ({type(e).__name__}: {str(e)[:80]})") from e
    finally:
        if collects:
            gc.enable()


def _ordered_dict(items):
    return {key: value for key, value in items if isinstance(key, str)}


def _tensor(storage, offset, shape, strides, *_):
    if not isinstance(storage, Storage) or not len(shape) == len(strides) <= _MAX_DIMENSIONS:
        raise ValueError("a tensor without storage, or with other strides than dimensions")
    _check_counts(offset, *shape, *strides)
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _check_counts(*values):
    for value in values:
        if not isinstance(value, int) or not 0 <= value < _MAX_COUNT:
            raise ValueError("expected a count")


# All that is made of the file's calls, besides collections.OrderedDict.
_MADE = {
    "torch.Size": lambda dimensions: dimensions,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
}

_SET = Foreign("builtins.set")
_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING "
    "SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES "
    "BINBYTES8 BYTEARRAY8".split()
)


class Machine:
    """The stack machine; the method `_name` carries out the opcode NAME."""

    def __init__(self):
        """Starts with an empty stack."""
        self.stack, self.marks, self.memo, self.storages = [], [], {}, {}
        self.steps, self.copied = 0, 0  # opcodes so far; items that OrderedDicts were made of

    def run(self, file):
        """Carries out the opcodes up to STOP; returns what lies on top then."""
        table = {code: (reader, getattr(self, name)) for code, (reader, name) in _TABLE.items()}
        read = file.read
        while (code := read(1)) != b".":
            if code not in table:
                raise ValueError(f"unknown opcode {code!r}" if code else "truncated")
            self.steps += 1
            reader, action = table[code]
            if reader is None:
                action()
            else:
                action(reader(file))
        return self.stack.pop()

    def _literal(self, value):
        self.stack.append(value)

    def _since_mark(self):
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _push_call(self, function, arguments):
        name = function.name if isinstance(function, Foreign) else type(function).__name__
        if name == "collections.OrderedDict":
            self.stack.append(self._ordered_dict(*arguments[:1]))
        elif name not in _MADE:
            self.stack.append(Foreign(name))
        elif len(arguments) <= _MAX_ARGUMENTS:
            self.stack.append(_MADE[name](*arguments))
        else:
            raise ValueError(f"{name} with {len(arguments)} arguments")

    def _ordered_dict(self, items=()):
        self.copied += len(items)
        if self.copied > self.steps:  # each pair takes several opcodes where it is made
            raise ValueError("the same pairs again and again")
        return _ordered_dict(items)

    def _proto(self, _):
        pass

    _frame = _proto

    def _readonly_buffer(self):
        pass

    def _none(self):
        self.stack.append(None)

    def _newtrue(self):
        self.stack.append(True)

    def _newfalse(self):
        self.stack.append(False)

    def _empty_list(self):
        self.stack.append([])

    def _empty_dict(self):
        self.stack.append({})

    def _empty_tuple(self):
        self.stack.append(())

    def _empty_set(self):
        self.stack.append(_SET)

    def _mark(self):
        self.marks.append(self.stack)
        self.stack = []

    def _pop(self):
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.marks.pop()

    def _pop_mark(self):
        self._since_mark()

    def _dup(self):
        self.stack.append(self.stack[-1])

    def _put(self, index):
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self):
        self.memo[len(self.memo)] = self.stack[-1]

    def _get(self, index):
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    def _list(self):
        items = self._since_mark()
        self.stack.append(items)

    def _tuple(self):
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _frozenset(self):
        self._since_mark()
        self.stack.append(_SET)

    def _dict(self):
        items = self._since_mark()
        self.stack.append(_ordered_dict(zip(items[::2], items[1::2], strict=True)))

    def _tuple1(self):
        self.stack[-1] = (self.stack[-1],)

    def _tuple2(self):
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _tuple3(self):
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _append(self):
        self._extend([self.stack.pop()])

    def _appends(self):
        self._extend(self._since_mark())

    def _extend(self, items):
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def _additems(self):
        self._since_mark()  # sets are Foreign

    def _setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self):
        self._update(self._since_mark())

    def _update(self, items):
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(_ordered_dict(zip(items[::2], items[1::2], strict=True)))

    def _global(self, argument):
        self.stack.append(Foreign(argument.replace(" ", ".", 1)))

    def _stack_global(self):
        name, module = self.stack.pop(), self.stack.pop()
        if len(name) + len(module) > _MAX_NAME:
            raise ValueError("the name of a class is too long")
        self.stack.append(Foreign(f"{module:s}.{name:s}"))

    def _reduce(self):
        arguments, function = self.stack.pop(), self.stack.pop()
        self._push_call(function, arguments)

    _newobj = _reduce

    def _newobj_ex(self):
        self.stack.pop()  # keyword arguments: no tensor has them
        self._reduce()

    def _obj(self):
        function, *arguments = self._since_mark()
        self._push_call(function, arguments)

    def _inst(self, argument):
        self._push_call(Foreign(argument.replace(" ", ".", 1)), self._since_mark())

    def _build(self):
        state = self.stack.pop()  # an object's state: of TorchScript's modules their attributes
        module = self.stack[-1] if self.stack else None
        if isinstance(module, Foreign) and module.name.startswith("__torch__."):
            self.stack[-1] = state

    def _binpersid(self):
        saved = self.stack.pop()
        if len(saved) > _MAX_ARGUMENTS:
            raise ValueError("a storage of too many parts")
        tag, kind, key, *rest = saved
        if tag != "storage":  # old files: a module's class and its source text
            self.stack.append(Foreign(getattr(kind, "name", "module")))
            return
        _, numel, *view = rest
        start = view[0][1] if view and view[0] else 0
        _check_counts(numel, start)
        if not isinstance(key, str):
            raise ValueError("expected a storage's key")
        storage = Storage(kind.name.rsplit(".")[-1], key, numel, start)
        self.storages[storage.key] = storage
        self.stack.append(storage)


def _table():
    """Returns {opcode: (reader of its argument or None, name of the method)}, all but STOP."""
    table = {}
    for opcode in pickletools.opcodes:
        name = "_literal" if opcode.name in _LITERALS else f"_{opcode.name.lower()}"
        if hasattr(Machine, name):
            reader = opcode.arg.reader if opcode.arg else None
            table[opcode.code.encode("latin-1")] = (reader, name)
    return table


_TABLE = _table()
