"""State dicts as training programs save them: names before the keys, dicts in dicts, averages."""

import collections
import itertools
import json
import struct

import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.weights import start
from i3d.weights.pytorch import load
from i3d.weights.pytorch.names import entries, schemes
from tests.helpers.torch_files import write_safetensors

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to write .pth with")

NAME = "tv_r3d_18"


def state_dict(model, seed=0, scheme=None):
    """Returns random tensors under the keys of one of the model's schemes."""
    random, state = np.random.default_rng(seed), {}
    for entry in entries(model, scheme):
        shape = tuple(entry.variable.shape)
        order = {5: (4, 3, 0, 1, 2), 2: (1, 0)}.get(len(shape), range(len(shape)))
        values = random.standard_normal([shape[axis] for axis in order], np.float32)
        state[entry.key] = torch.from_numpy(values)
    return state


@pytest.fixture(scope="module")
def model():
    return models.build(NAME, num_classes=5, width=0.0625)


@pytest.fixture(scope="module")
def states(model):
    """Weights and their averages."""
    return state_dict(model, 1), state_dict(model, 2)


def holds(model, state, scheme=None):
    """Whether a model has the values of a state dict."""
    return all(
        np.array_equal(e.variable, e.layout(state[e.key].numpy())) for e in entries(model, scheme)
    )


def before(prefix, state):
    return {prefix + key: tensor for key, tensor in state.items()}


def averaged(state):
    """As torch.optim.swa_utils.AveragedModel has it."""
    return {"n_averaged": torch.tensor(3), **before("module.", state)}


PREFIXES = ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.net."]
PREFIXES += ["net.", "model.", "model.module._orig_mod.backbone.", "student.encoder."]
WRAPPERS = {
    "plain": lambda s, e: s,
    "ordered": lambda s, e: collections.OrderedDict(s),
    "state_dict": lambda s, e: {"state_dict": s, "epoch": 3, "best": torch.tensor(0.5)},
    "net": lambda s, e: {"net": s, "optim": {"state": {0: {"exp_avg": torch.ones(9)}}}},
    "nested": lambda s, e: {"checkpoint": {"model": {"weights": s}}, "args": {"lr": 0.1}},
    "optimizer": lambda s, e: {"optimizer": {"buf": dict(e, more=e["fc.bias"])}, "model_state": s},
    "ema beside": lambda s, e: {"ema": e, "model": s, "scaler": {"scale": torch.tensor(2.0)}},
    "ema_state_dict": lambda s, e: {"state_dict": s, "ema_state_dict": averaged(e)},
    "timm": lambda s, e: {"state_dict_ema": e, "state_dict": s, "arch": "r3d"},
    "in a list": lambda s, e: [s, 17, {"lr": 0.1}],
    "averaged model": lambda s, e: averaged(s),
    "ema alone": lambda s, e: {"model_ema": s},
    "one dict": lambda s, e: {**before("ema_model.module.", e), **before("model.", s)},
    "lightning": lambda s, e: {"state_dict": {**before("net.", s), "loss.weight": torch.ones(5)}},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers(wrapper, model, states, tmp_path):
    state, ema = states
    prefixes = PREFIXES if wrapper in ("plain", "state_dict") else ["", "module._orig_mod."]
    for prefix, zipped in zip(prefixes, itertools.cycle([True, False]), strict=False):
        value = WRAPPERS[wrapper](before(prefix, state), ema)
        torch.save(value, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
        model.set_weights([np.zeros(v.shape) for v in model.weights])
        i3d.weights.load(model, tmp_path / "a.pth")
        assert holds(model, state), prefix
        assert start.head_classes(tmp_path / "a.pth") == 5


AVERAGED = ["ema beside", "ema_state_dict", "timm", "one dict"]


@pytest.mark.parametrize("wrapper", AVERAGED)
def test_averages_on_request(wrapper, model, states, tmp_path):
    torch.save(WRAPPERS[wrapper](*states), tmp_path / "a.pth")
    i3d.weights.load(model, tmp_path / "a.pth", averages=True)
    assert holds(model, states[1])


@pytest.mark.parametrize("wrapper", ["averaged model", "ema alone"])
def test_averages_alone_are_both(wrapper, model, states, tmp_path):
    torch.save(WRAPPERS[wrapper](*states), tmp_path / "a.pth")
    for averages in (False, True):
        i3d.weights.load(model, tmp_path / "a.pth", averages=averages)
        assert holds(model, states[0])


def test_no_averages_is_said(model, states, tmp_path):
    torch.save({"state_dict": states[0]}, tmp_path / "a.pth")
    write_safetensors(tmp_path / "a.safetensors", {k: t.numpy() for k, t in states[0].items()})
    for name in ("a.pth", "a.safetensors"):
        with pytest.raises(ValueError, match="holds no moving averages of weights"):
            i3d.weights.load(model, tmp_path / name, averages=True)


def test_a_head_in_a_sequence(model, states, tmp_path):
    """As `net.fc = nn.Sequential(nn.Dropout(), nn.Linear(512, 5))` saves it."""
    state = {key.replace("fc.", "fc.1."): tensor for key, tensor in states[0].items()}
    torch.save(state, tmp_path / "a.pth")
    i3d.weights.load(model, tmp_path / "a.pth")
    assert holds(model, states[0])
    assert start.head_classes(tmp_path / "a.pth", NAME) == 5


def test_safetensors_in_any_order(model, states, tmp_path):
    path, arrays = tmp_path / "a.safetensors", {k: t.numpy() for k, t in states[0].items()}
    for seed in range(5):
        keys = list(np.random.default_rng(seed).permutation(list(arrays)))
        write_safetensors(path, {f"module.{key}": arrays[key] for key in keys})
        assert start.head_classes(path) == start.head_classes(path, NAME) == 5
        i3d.weights.load(model, path)
        assert holds(model, states[0])


HEADS = {
    "cls_head.fc_cls.weight": (400, 8),
    "logits.conv3d.weight": (400, 8, 1, 1, 1),
    "conv3d_0c_1x1.conv3d.weight": (400, 8, 1, 1, 1),
    "blocks.5.proj.weight": (400, 8),
    "blocks.6.proj.weight": (400, 8),
    "fc.weight": (400, 8),
    "classifier.1.weight": (400, 8, 1, 1, 1),
}


@pytest.mark.parametrize("key", HEADS)
@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "module.", "model.net."])
def test_heads_are_found_by_name(key, prefix, tmp_path):
    shapes = {key: HEADS[key], key.replace("weight", "bias"): (400,)}
    shapes |= {"layer1.0.conv1.0.weight": (64, 4, 1, 1, 1), "zz.conv3d.weight": (64, 4, 1, 1, 1)}
    for order in (list(shapes), sorted(shapes), sorted(shapes, reverse=True)):
        state = {prefix + key: torch.zeros(shapes[key]) for key in order}
        torch.save({"net": state}, tmp_path / "a.pth")
        assert load.head_classes(tmp_path / "a.pth") == 400


def test_a_head_by_another_name_is_not_denied(model, states, tmp_path):
    state = {key.replace("fc.", "my_top."): tensor for key, tensor in states[0].items()}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(
        i3d.weights.WeightsError, match=r"is it my_top.weight \(5, 32\)\?"
    ) as caught:
        start.head_classes(tmp_path / "a.pth", NAME)
    assert not isinstance(caught.value, i3d.weights.errors.NoHead)
    with pytest.raises(ValueError, match="2 missing: fc.weight, fc.bias; 2 left over: my_top"):
        i3d.weights.load(model, tmp_path / "a.pth")


@pytest.mark.long
def test_names_of_pytorchvideo_for_slowonly(tmp_path):
    model = models.build("slowonly_r50_8x8x1", num_classes=5, width=0.0625)
    hub = schemes(model.name)[1]
    state = state_dict(model, 3, hub)
    torch.save({"model_state": before("module.", state)}, tmp_path / "SLOW.pyth")
    assert start.head_classes(tmp_path / "SLOW.pyth", model.name) == 5
    i3d.weights.load(model, tmp_path / "SLOW.pyth")
    assert holds(model, state, hub)


def test_names_in_a_message_are_one_line(model, states, tmp_path):
    odd = {"a\nb": np.float32([1]), "x" * 5000: np.float32([1])}
    write_safetensors(
        tmp_path / "a.safetensors", {k: t.numpy() for k, t in states[0].items()} | odd
    )
    with pytest.raises(ValueError, match=r"2 left over: 'a\\nb', x{200}\.\.\.$") as caught:
        i3d.weights.load(model, tmp_path / "a.safetensors")
    assert "\n" not in str(caught.value)


def test_spans_that_go_back_are_refused(tmp_path):
    """Negative lengths cannot make room for tensors that overlap."""
    header = {
        f"k{i}": {"dtype": "F32", "shape": [250_000], "data_offsets": [0, 1_000_000]}
        for i in range(500)
    }
    header["minus"] = {"dtype": "F32", "shape": [0], "data_offsets": [500_000_000, 0]}
    text = json.dumps(header).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(1_000_000))
    with pytest.raises(ValueError, match="not a whole safetensors file: bytes 500000000 to 0"):
        load.shapes(path)
