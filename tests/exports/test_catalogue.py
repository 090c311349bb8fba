"""Every model of videos as a file of other runtimes, on narrow copies with random weights."""

import pytest

from benchmarks import exports
from i3d.exports.graph import of_network

QUICK = ("tsn_r50_1x1x3", "c3d_16x1x1", "actionclip_tiny_8f", "deep_video_single")
LITERT = ("tsn_r50_1x1x3", "slowonly_r50_4x16x1", "r2plus1d_r34_8x8x1", "inception_i3d")
NARROW = 0.125


def parameters(quick, names):
    return [
        pytest.param(n, marks=pytest.mark.long if n in quick else pytest.mark.slow) for n in names
    ]


def checked(name, *formats):
    net = exports.network_of(name, NARROW)
    source = of_network(net, "logits")
    for format in formats:
        difference, size, *_ = exports.row(source, net, format)
        print(f"{name}, {format}: {difference:.1e} of the deviation, {size:.1f} MB")
        assert difference < exports.ERROR


@pytest.mark.parametrize("name", parameters(QUICK, exports.names()))
def test_saved_model_and_onnx(name):
    checked(name, "saved_model", "onnx")


@pytest.mark.parametrize("name", parameters(LITERT[1:2], LITERT))
def test_litert(name):
    checked(name, "litert")
