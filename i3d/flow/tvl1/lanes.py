"""Sixteen float32 numbers worked on at once in numba code: the vector type of the TV-L1 kernels.

Written in vectors, a kernel does not depend on what the compiler recognises as vectorisable. LLVM
turns the sixteen lanes into one AVX-512, two AVX2 or four NEON or SSE registers.
Main names: `load`, `store`, `splat`, `low`, `high`; + - * between vectors, or vector and float32.
Example, in a numba function: `store(out, i, load(a, i) * load(b, i) + np.float32(1))`
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 16
_FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
_INTS = ir.VectorType(ir.IntType(32), WIDTH)
# "contract" lets a * b + c become one instruction. No value of the method is infinite or NaN.
_FLAGS = ("contract", "nsz", "nnan", "ninf")


class _LanesType(types.Type):
    def __init__(self):
        super().__init__(f"float32x{WIDTH}")


_LANES = _LanesType()


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, lanes_type):
        super().__init__(data_model_manager, lanes_type, _FLOATS)


def _address(context, builder, array_type, array, index, pointed):
    """Pointer to array[index], array being one-dimensional and contiguous, seen as `pointed`."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), pointed.as_pointer())


def _elementwise(num_args, build):
    """A numba function of `num_args` vectors whose body is `build(builder, *vectors)`."""

    def codegen(context, builder, signature, args):
        return build(builder, *args)

    signature = _LANES(*(_LANES,) * num_args)
    if num_args == 1:
        return intrinsic(lambda typing_context, a: (signature, codegen))
    return intrinsic(lambda typing_context, a, b: (signature, codegen))


def _instruction(name):
    return lambda builder, a, b: getattr(builder, name)(a, b, flags=_FLAGS)


def _library(name):
    def build(builder, a):
        kind = ir.FunctionType(_FLOATS, [_FLOATS])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a])

    return build


def _chosen(comparison):
    def build(builder, a, b):
        return builder.select(builder.fcmp_ordered(comparison, a, b, flags=_FLAGS), a, b)

    return build


def _lane_order(order):
    """Picks lanes: 0 to 15 are those of a, 16 to 31 those of b."""
    indices = ir.Constant(_INTS, list(order))
    return lambda builder, a, b: builder.shuffle_vector(a, b, indices)


def _reciprocal(builder, a):
    # "arcp" allows the processor's estimate and a Newton step, which take less than a division.
    one = ir.Constant(_FLOATS, [1.0] * WIDTH)
    return builder.fdiv(one, a, flags=(*_FLAGS, "arcp"))


smaller = _elementwise(2, _chosen("<"))
larger = _elementwise(2, _chosen(">"))
root = _elementwise(1, _library(f"llvm.sqrt.v{WIDTH}f32"))
floor = _elementwise(1, _library(f"llvm.floor.v{WIDTH}f32"))
reciprocal = _elementwise(1, _reciprocal)
# The sixteen values from one or two lanes before b (a precedes it) or after a (b follows it).
one_before = _elementwise(2, _lane_order(range(15, 31)))
two_before = _elementwise(2, _lane_order(range(14, 30)))
one_after = _elementwise(2, _lane_order(range(1, 17)))
two_after = _elementwise(2, _lane_order(range(2, 18)))
# Lanes of a and b in turn, from their first or last eight; each second lane of both.
low = _elementwise(2, _lane_order(i + j for i in range(8) for j in (0, 16)))
high = _elementwise(2, _lane_order(i + j for i in range(8, 16) for j in (0, 16)))
even = _elementwise(2, _lane_order(range(0, 32, 2)))
odd = _elementwise(2, _lane_order(range(1, 32, 2)))


@intrinsic
def load(typing_context, array, index):
    """array[index:index + 16]."""

    def codegen(context, builder, signature, args):
        address = _address(context, builder, signature.args[0], *args, _FLOATS)
        return builder.load(address, align=4)

    return _LANES(array, types.intp), codegen


@intrinsic
def prefetch(typing_context, array, index):
    """Asks for array[index:index + 16] to be brought into the cache; any index will do."""
    word, byte = ir.IntType(32), ir.IntType(8)

    def codegen(context, builder, signature, args):
        address = _address(context, builder, signature.args[0], *args, byte)
        kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(fetch, [address, word(0), word(2), word(1)])  # to read, second level, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def load_repeated(typing_context, array, index):
    """array[index:index + 4], each value four times."""
    quad = ir.VectorType(ir.FloatType(), 4)
    order = ir.Constant(_INTS, [lane // 4 for lane in range(WIDTH)])

    def codegen(context, builder, signature, args):
        address = _address(context, builder, signature.args[0], *args, quad)
        values = builder.load(address, align=4)
        return builder.shuffle_vector(values, values, order)

    return _LANES(array, types.intp), codegen


@intrinsic
def store(typing_context, array, index, value):
    """array[index:index + 16] = value."""

    def codegen(context, builder, signature, args):
        address = _address(context, builder, signature.args[0], *args[:2], _FLOATS)
        builder.store(args[2], address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), codegen


@intrinsic
def store_offsets(typing_context, array, index, row, column, row_length):
    """array[index:index + 16] = row * row_length + 4 * column, whole numbers in an int32 array."""

    def codegen(context, builder, signature, args):
        array, index, row, column, row_length = args
        whole = [builder.fptosi(value, _INTS) for value in (row, column)]
        length = _same_in_all(builder, builder.trunc(row_length, ir.IntType(32)), _INTS)
        four = ir.Constant(_INTS, [4] * WIDTH)
        offsets = builder.add(builder.mul(whole[0], length), builder.mul(whole[1], four))
        address = _address(context, builder, signature.args[0], array, index, _INTS)
        builder.store(offsets, address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES, _LANES, types.int64), codegen


@intrinsic
def store_folded(typing_context, array, index, value):
    """array[index:index + 4] = sum of the four groups of four lanes of value."""
    quad = ir.VectorType(ir.FloatType(), 4)

    def part(builder, value, first, size):
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), size), list(range(first, first + size)))
        return builder.shuffle_vector(value, value, lanes)

    def codegen(context, builder, signature, args):
        half = builder.fadd(part(builder, args[2], 0, 8), part(builder, args[2], 8, 8))
        whole = builder.fadd(part(builder, half, 0, 4), part(builder, half, 4, 4))
        address = _address(context, builder, signature.args[0], *args[:2], quad)
        builder.store(whole, address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), codegen


def _same_in_all(builder, scalar, vector_type):
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_INTS, [0] * WIDTH))


@intrinsic
def splat(typing_context, value):
    """The float32 value in every lane."""

    def codegen(context, builder, signature, args):
        return _same_in_all(builder, args[0], _FLOATS)

    return _LANES(types.float32), codegen


@intrinsic
def lane_numbers(typing_context):
    """0.0, 1.0, ... 15.0."""

    def codegen(context, builder, signature, args):
        return ir.Constant(_FLOATS, [float(lane) for lane in range(WIDTH)])

    return _LANES(), codegen


def _reduction(name, *start):
    """A numba function from a vector to one float32."""

    def codegen(context, builder, signature, args):
        constants = [ir.Constant(ir.FloatType(), value) for value in start]
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()] * len(start) + [_FLOATS])
        full_name = f"llvm.vector.reduce.{name}.v{WIDTH}f32"
        reduce = cgutils.get_or_insert_function(builder.module, kind, full_name)
        return builder.call(reduce, [*constants, *args], fastmath=("reassoc", "nnan"))

    return intrinsic(lambda typing_context, value: (types.float32(_LANES), codegen))


total = _reduction("fadd", 0.0)


def _define_operator(python_operator, name):
    both = _elementwise(2, _instruction(name))

    @overload(python_operator)
    def _(a, b):
        a_lanes, b_lanes = isinstance(a, _LanesType), isinstance(b, _LanesType)
        if a_lanes and b_lanes:
            return lambda a, b: both(a, b)
        if a_lanes and b is types.float32:
            return lambda a, b: both(a, splat(b))
        if b_lanes and a is types.float32:
            return lambda a, b: both(splat(a), b)
        return None


_define_operator(operator.add, "fadd")
_define_operator(operator.sub, "fsub")
_define_operator(operator.mul, "fmul")
