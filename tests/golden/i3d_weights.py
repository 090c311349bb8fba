"""Deterministic synthetic weights and inputs for the kinetics-i3d oracle (numpy only).

Every value is a pure function of (name, shape, seed):

  entropy = int(sha256(utf8("<name>|<seed>")).hexdigest(), 16)
  raw     = numpy.random.PCG64(numpy.random.SeedSequence(entropy)).random_raw(n)      # uint64
  u       = (raw >> 11) * 2**-53          # float64 in [0,1); == Generator(PCG64(...)).random(n)

Only SeedSequence and the PCG64 bit stream are used (both under numpy's compatibility
guarantee); no ziggurat/log/exp/sqrt-of-data, so results are bit-identical on any IEEE-754 machine
and any numpy >= 1.17.  Values fill the array in C order, so a BatchNorm vector has the same values
as (64,) and as (1,1,1,1,64).

`name` is the CHECKPOINT key exactly as stored: 'RGB/inception_i3d/Conv3d_1a_7x7/conv_3d/w',
'Flow/inception_i3d/...', and for the Kinetics-600 checkpoint the prefix-less
'Conv3d_1a_7x7/conv_3d/w'.
"""

import hashlib
import math

import numpy as np


def _uniform01(tag, n):
    entropy = int(hashlib.sha256(tag.encode("utf-8")).hexdigest(), 16)
    bits = np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(n)
    return (np.asarray(bits, dtype=np.uint64) >> np.uint64(11)).astype(np.float64) * (2.0**-53)


def make_weight(name, shape, seed):
    """float32 array for one checkpoint variable."""
    shape = tuple(int(s) for s in shape)
    n = 1
    for s in shape:
        n *= s
    u = _uniform01("%s|%d" % (name, seed), n)
    sym = 2.0 * u - 1.0  # [-1, 1)
    leaf = name.rsplit("/", 1)[-1]
    if leaf == "w":  # (kt, kh, kw, cin, cout)
        fan_in = 1
        for s in shape[:-1]:
            fan_in *= s
        if "/Logits/" in "/" + name:  # wider: gives a spread of logits of a few units
            limit = 3.0 * math.sqrt(3.0 / fan_in)
        else:
            limit = math.sqrt(6.0 / fan_in)  # He: var = limit^2/3 = 2/fan_in
        out = limit * sym
    elif leaf == "b":
        out = 0.5 * sym
    elif leaf == "beta":
        out = 0.1 + 0.3 * sym  # [-0.2, 0.4)
    elif leaf == "moving_mean":
        out = 0.2 * sym
    elif leaf == "moving_variance":
        out = 1.0 + 1.5 * u  # [1, 2.5): counters the growth from ReLU/max-pool
    elif leaf == "Momentum":  # optimiser slot (k600 checkpoint): must be ignored
        out = 7.0 + sym
    else:
        raise ValueError("unknown variable kind: %s" % name)
    return out.astype(np.float32).reshape(shape)


def make_input(stream, shape, seed):
    """float32 clip in [-1, 1]; stream 'rgb' or 'flow'; shape (B, T, H, W, C).

    0.6 * coarse blocks (4 frames x 28 x 28 pixels) + 0.4 * white noise: the coarse part has
    structure in t, y and x, so a swapped/flipped axis or a shifted padding changes the logits.
    """
    shape = tuple(int(s) for s in shape)
    b, t, h, w, c = shape
    dims = "x".join(str(s) for s in shape)
    ct, ch, cw = -(-t // 4), -(-h // 28), -(-w // 28)
    coarse = (
        2.0 * _uniform01("input/%s/%s/coarse|%d" % (stream, dims, seed), b * ct * ch * cw * c) - 1.0
    )
    coarse = coarse.reshape(b, ct, ch, cw, c)
    coarse = coarse.repeat(4, 1).repeat(28, 2).repeat(28, 3)[:, :t, :h, :w, :]
    fine = 2.0 * _uniform01("input/%s/%s/fine|%d" % (stream, dims, seed), b * t * h * w * c) - 1.0
    return (0.6 * coarse + 0.4 * fine.reshape(shape)).astype(np.float32)


def sample_indices(size, count=64):
    """Fixed flat (C-order) indices at which endpoints are sampled."""
    return np.array([(k * 2654435761 + 40503) % int(size) for k in range(count)], dtype=np.int64)


def array_sha256(a):
    """sha256 of the little-endian C-order bytes."""
    a = np.ascontiguousarray(a)
    return hashlib.sha256(a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes()).hexdigest()


if __name__ == "__main__":  # self-test
    w = make_weight("RGB/inception_i3d/Conv3d_1a_7x7/conv_3d/w", (7, 7, 7, 3, 64), 0)
    e = int(hashlib.sha256(b"x|0").hexdigest(), 16)
    g = np.random.Generator(np.random.PCG64(np.random.SeedSequence(e))).random(1000)
    assert (g == _uniform01("x|0", 1000)).all()
    print("numpy", np.__version__)
    print("w   ", array_sha256(w), w.ravel()[:3])
    x = make_input("rgb", (1, 16, 224, 224, 3), 0)
    print("x   ", array_sha256(x), x.min(), x.max())
    for n, s in [("beta", (64,)), ("moving_mean", (64,)), ("moving_variance", (64,))]:
        a = make_weight("RGB/inception_i3d/Conv3d_1a_7x7/batch_norm/" + n, s, 1)
        print(n, array_sha256(a), a[:2])
