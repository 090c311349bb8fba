"""The pickle inside a PyTorch file, read as data: nothing it names is imported or called.

value, storages = torch_pickle.read(file)     # file at the first byte of the pickle
value["state_dict"]["conv1.weight"]           # Tensor(storage=Storage("FloatStorage", "0", ...))

The opcodes are interpreted here on plain lists, dicts and tuples. A tensor becomes a description
of where its numbers lie; everything else that the file wants made (an optimizer's state, a config
object, os.system("...")) becomes a Foreign, which only remembers its name.
"""

import pickletools
from dataclasses import dataclass

_MAX_DIMENSIONS = 64  # as NumPy's


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
    machine = _Machine()
    try:
        return machine.run(file), machine.storages
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as e:
        raise ValueError(f"damaged pickle ({type(e).__name__}: {str(e)[:80]})") from e


def _ordered_dict(items=()):
    return {key: value for key, value in items if isinstance(key, str)}


def _tensor(storage, offset, shape, strides, *_):
    if not isinstance(storage, Storage) or not len(shape) == len(strides) <= _MAX_DIMENSIONS:
        raise ValueError("a tensor without storage, or with other strides than dimensions")
    _check_counts(offset, *shape, *strides)
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _check_counts(*values):
    for value in values:
        if not isinstance(value, int) or value < 0:
            raise ValueError("expected a count")


# All that is made of the file's calls.
_MADE = {
    "collections.OrderedDict": _ordered_dict,
    "torch.Size": lambda dimensions: dimensions,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
}

_LITERALS = frozenset(
    "NONE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING "
    "SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES "
    "BINBYTES8 BYTEARRAY8".split()
)
_NEW = {
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": lambda: Foreign("builtins.set"),
}


class _Machine:
    """The stack machine; the method `_name` carries out the opcode NAME."""

    def __init__(self):
        self.stack, self.marks, self.memo, self.storages = [], [], {}, {}

    def run(self, file):
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name in _LITERALS:
                self.stack.append(argument)
            elif opcode.name in _NEW:
                self.stack.append(_NEW[opcode.name]())
            elif opcode.name == "STOP":
                return self.stack.pop()
            else:
                getattr(self, "_" + opcode.name.lower())(argument)

    def _since_mark(self):
        items, self.stack = self.stack, self.marks.pop()
        return items

    def _push_call(self, function, arguments):
        name = function.name if isinstance(function, Foreign) else type(function).__name__
        made = _MADE[name](*arguments) if name in _MADE else Foreign(name)
        self.stack.append(made)

    def _proto(self, _):
        pass

    _frame = _readonly_buffer = _proto

    def _mark(self, _):
        self.marks.append(self.stack)
        self.stack = []

    def _pop(self, _):
        self.stack = self.stack[:-1] if self.stack else self.marks.pop()

    def _pop_mark(self, _):
        self._since_mark()

    def _dup(self, _):
        self.stack.append(self.stack[-1])

    def _put(self, index):
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def _get(self, index):
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    def _list(self, _):
        items = self._since_mark()
        self.stack.append(items)

    def _tuple(self, _):
        items = self._since_mark()
        self.stack.append(tuple(items))

    def _frozenset(self, _):
        self._since_mark()
        self.stack.append(Foreign("builtins.frozenset"))

    def _dict(self, _):
        items = self._since_mark()
        self.stack.append(_ordered_dict(zip(items[::2], items[1::2], strict=True)))

    def _tuple1(self, _):
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def _tuple2(self, _):
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def _tuple3(self, _):
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def _append(self, _):
        self._extend([self.stack.pop()])

    def _appends(self, _):
        self._extend(self._since_mark())

    def _extend(self, items):
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def _additems(self, _):
        self._since_mark()  # sets are Foreign

    def _setitem(self, _):
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, _):
        self._update(self._since_mark())

    def _update(self, items):
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(_ordered_dict(zip(items[::2], items[1::2], strict=True)))

    def _global(self, argument):
        self.stack.append(Foreign(argument.replace(" ", ".", 1)))

    def _stack_global(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Foreign(f"{module:s}.{name:s}"))

    def _reduce(self, _):
        arguments, function = self.stack.pop(), self.stack.pop()
        self._push_call(function, arguments)

    _newobj = _reduce

    def _newobj_ex(self, _):
        self.stack.pop()  # keyword arguments: no tensor has them
        self._reduce(None)

    def _obj(self, _):
        function, *arguments = self._since_mark()
        self._push_call(function, arguments)

    def _inst(self, argument):
        self._push_call(Foreign(argument.replace(" ", ".", 1)), self._since_mark())

    def _build(self, _):
        self.stack.pop()  # an object's state: none of ours has any

    def _binpersid(self, _):
        tag, kind, key, *rest = self.stack.pop()
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
