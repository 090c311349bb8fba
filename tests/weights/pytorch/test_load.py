"""PyTorch checkpoints into models: what fits is loaded whole, what does not is named."""

import argparse
import datetime
import json
import struct
import sys

import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.weights.pytorch.load import head_classes
from i3d.weights.pytorch.names import entries
from tests.golden import mmaction_models as golden

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to write .pth with")


def build(num_classes=3):
    return models.build("tsn_r50_1x1x3", num_classes=num_classes, width=0.0625, size=None)


@pytest.fixture(scope="module")
def model():
    return build()


def torch_shape(variable):
    """Returns the shape of a variable as an image network of PyTorch has it."""
    shape = tuple(variable.shape)
    return {5: lambda: (shape[4], shape[3], *shape[1:3]), 2: lambda: shape[::-1]}.get(
        len(shape), lambda: shape
    )()


def state_dict(model, seed=0):
    """Returns random tensors under the keys that `model` takes, with the counters of PyTorch."""
    random, state = np.random.default_rng(seed), {}
    for entry in entries(model):
        values = random.standard_normal(torch_shape(entry.variable), np.float32)
        state[entry.key] = torch.from_numpy(values)
        if entry.key.endswith("running_var"):
            state[entry.key.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
    return state


def assert_holds(model, state):
    for entry in entries(model):
        expected = entry.layout(state[entry.key].float().numpy())
        np.testing.assert_array_equal(entry.variable, expected, err_msg=entry.key)


def write_safetensors(path, state):
    header, data = {}, b""
    for key, tensor in state.items():
        array = tensor.numpy()
        span = [len(data), len(data) + array.nbytes]
        header[key] = {"dtype": {"f": "F32", "i": "I64"}[array.dtype.kind], "data_offsets": span}
        header[key]["shape"] = array.shape
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write(path, state, kind):
    """Writes a state dict in one of the ways that people have it."""
    if kind == "safetensors":
        path = path.with_suffix(".safetensors")
        write_safetensors(path, state)
    elif kind == "unknown suffix":
        path = path.with_name("model_best.pth.tar")
        torch.save({"epoch": 3, "state_dict": state}, path)
    elif kind == "data parallel":
        torch.save({f"module.{key}": tensor for key, tensor in state.items()}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    return path


KINDS = ["zip", "sequence", "data parallel", "unknown suffix", "safetensors"]


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_every_kind_of_file_is_loaded_without_torch(tmp_path, model, monkeypatch, seed):
    state = state_dict(model, seed)
    path = write(tmp_path / "a.pth", state, KINDS[seed])
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail now
    i3d.weights.load(model, path)
    assert_holds(model, state)
    assert head_classes(path) == 3


def test_half_precision_is_widened(tmp_path, model):
    state = {key: tensor.bfloat16() for key, tensor in state_dict(model, seed=9).items()}
    torch.save(state, tmp_path / "a.pth")
    i3d.weights.load(model, tmp_path / "a.pth")
    assert_holds(model, state)


def without(state, key):
    return {k: tensor for k, tensor in state.items() if k != key}


KEY = "backbone.layer1.0.conv2.conv.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, KEY), f"does not fit tsn_r50_1x1x3: 1 missing: {KEY}$"),
        (lambda s: {**s, "neck.weight": torch.ones(2)}, "fit [^:]*: 1 left over: neck.weight$"),
        (
            lambda s: {**s, KEY: torch.ones(4, 4, 1, 1)},
            rf"shape: {KEY} \(4, 4, 1, 1\), the model's variable is \(1, 3, 3, 4, 4\)$",
        ),
        (lambda s: {**s, KEY: torch.ones(4)}, rf"1 of another shape: {KEY} \(4,\)"),
        (
            lambda s: {f"net_{key}": tensor for key, tensor in s.items()},
            r"267 missing: backbone.conv1.conv.weight, .* and 259 more; 267 left over: net_back",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path, model, change, message):
    before = model.get_weights()
    torch.save(change(state_dict(model)), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=message):
        i3d.weights.load(model, tmp_path / "a.pth")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_head_of_other_classes_is_named_as_such(tmp_path, model):
    state = state_dict(model)
    features = state["cls_head.fc_cls.weight"].shape[1]
    state["cls_head.fc_cls.weight"] = torch.ones(400, features)
    state["cls_head.fc_cls.bias"] = torch.ones(400)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(
        ValueError, match="its head has 400 classes, the model's 3; build with num_"
    ):
        i3d.weights.load(model, tmp_path / "a.pth")
    assert head_classes(tmp_path / "a.pth") == 400


@pytest.mark.long
def test_a_model_that_nobody_publishes_is_refused(tmp_path):
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pth")
    lstm = models.build("cnn_lstm_r50", width=0.125, num_classes=3)
    with pytest.raises(ValueError, match="cnn_lstm_r50: no PyTorch weights are published"):
        i3d.weights.load(lstm, tmp_path / "a.pth")


def test_missing_files_and_files_without_a_head(tmp_path, model):
    for name in ("a.pth", "a.safetensors", "a"):
        with pytest.raises(FileNotFoundError, match=f"{name}: no such checkpoint"):
            i3d.weights.load(model, tmp_path / name)
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="no head found"):
        head_classes(tmp_path / "a.pth")
    with pytest.raises(ValueError, match="expected a TF1 prefix, a .weights.h5 or .h5 file, or"):
        i3d.weights.load(model, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", ["tsn_r50_1x1x3", "slowonly_r50_4x16x1"])
def test_a_published_file_gives_the_published_logits(tmp_path, monkeypatch, name):
    """As released: a state dict beside meta data of foreign classes."""
    state = {key: torch.from_numpy(np.array(a)) for key, a in golden.state_dict(name).items()}
    meta = {"config": argparse.Namespace(lr=0.1), "time": datetime.datetime(2022, 9, 6)}
    torch.save({"meta": meta, "state_dict": state}, tmp_path / "a.pth")
    monkeypatch.setitem(sys.modules, "torch", None)
    model = models.build(name, num_classes=head_classes(tmp_path / "a.pth"), size=None)
    i3d.weights.load(model, tmp_path / "a.pth")
    expected = golden.runs(name)["small_s0"]
    clips = golden.clip(tuple(expected["input_shape"]))
    if name.startswith("tsn"):  # [1, segments, C, H, W]
        logits = model(clips.transpose(0, 1, 3, 4, 2))
    else:  # [1, views, C, T, H, W]
        logits = model(clips[0].transpose(0, 2, 3, 4, 1))
    difference = np.abs(np.asarray(logits) - expected["logits"]).max()
    assert difference <= 1e-4 * expected["logits"].std()
