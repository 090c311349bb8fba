"""R(2+1)D-34 of IG-65M: its forward pass is PyTorch's, its files load, one starts a training."""

import numpy as np
import pytest

from i3d import models, weights
from i3d.weights import ig65m_zoo, start
from i3d.weights.pytorch.names import entries
from tests.models.test_contract import randomised

NAME = "ig65m_r2plus1d_34_8"
DEPTHS = (3, 4, 6, 3)
CLASSES = 5


def state_of(model):
    """Returns the state dict that has a model's weights, in PyTorch's names and layouts."""
    state = {}
    for entry in entries(model):
        value = np.asarray(entry.variable)
        if value.ndim > 1:
            axes = (4, 3, 0, 1, 2) if value.ndim == 5 else (1, 0)
            value = value.transpose(axes)
        state[entry.key] = np.ascontiguousarray(value)
    return state


def torch_logits(torch, state, x):
    """The formula of VMZ: factorised convolutions, every normalisation with 0.001, no pooling."""
    weights = {key: torch.from_numpy(value) for key, value in state.items()}
    f = torch.nn.functional

    def norm(x, key):
        mean, variance = weights[f"{key}.running_mean"], weights[f"{key}.running_var"]
        scale, shift = weights[f"{key}.weight"], weights[f"{key}.bias"]
        return f.batch_norm(x, mean, variance, scale, shift, eps=1e-3)

    def conv(x, key, stride=(1, 1, 1)):
        kernel = weights[f"{key}.weight"]
        return f.conv3d(x, kernel, stride=stride, padding=[n // 2 for n in kernel.shape[2:]])

    def factors(x, key, stride):
        x = f.relu(norm(conv(x, f"{key}.0", (1, stride, stride)), f"{key}.1"))
        return conv(x, f"{key}.3", (stride, 1, 1))

    x = f.relu(norm(conv(x, "stem.0", (1, 2, 2)), "stem.1"))
    x = f.relu(norm(conv(x, "stem.3"), "stem.4"))
    for stage, depth in enumerate(DEPTHS, 1):
        for index in range(depth):
            block, stride = f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1
            y = f.relu(norm(factors(x, f"{block}.conv1.0", stride), f"{block}.conv1.1"))
            y = norm(factors(y, f"{block}.conv2.0", 1), f"{block}.conv2.1")
            if stride == 2:
                x = norm(conv(x, f"{block}.downsample.0", (2, 2, 2)), f"{block}.downsample.1")
            x = f.relu(x + y)
    return (x.mean((2, 3, 4)) @ weights["fc.weight"].T + weights["fc.bias"]).numpy()


def small(num_classes=CLASSES):
    return models.build(NAME, num_classes=num_classes, width=0.125, frames=8, size=32)


@pytest.fixture(scope="module")
def model():
    return randomised(small())


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    torch = pytest.importorskip("torch")
    file = tmp_path_factory.mktemp("ig65m") / "ig65m.pth"
    torch.save({key: torch.from_numpy(value) for key, value in state_of(model).items()}, file)
    return file


@pytest.mark.long
def test_forward_is_pytorchs(model):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).normal(size=(2, 8, 32, 32, 3)).astype(np.float32)
    actual = np.asarray(model(x, training=False))
    expected = torch_logits(torch, state_of(model), torch.from_numpy(x.transpose(0, 4, 1, 2, 3)))
    assert np.abs(actual - expected).max() <= 1e-4 * expected.std()


@pytest.mark.long
def test_file_loads_by_its_names(model, path):
    again = small()
    weights.load(again, path)
    for actual, expected in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.long
def test_another_head_is_left_out_at_the_start_of_training(model, path):
    other = small(num_classes=3)
    head = np.asarray(other.get_layer("Logits").kernel)
    start.begin(other, small, path)
    np.testing.assert_array_equal(np.asarray(other.get_layer("Logits").kernel), head)
    for name in ("stem-conv-conv_s", "layer4-2-conv2-conv-conv_t"):
        same = other.get_layer(name).kernel, model.get_layer(name).kernel
        np.testing.assert_array_equal(*map(np.asarray, same))


@pytest.mark.parametrize("name", ig65m_zoo.SPECS)
def test_channels_between_factors_as_in_the_published_files(name):
    """Every convolution has the middle of its own channels, unlike torchvision's R(2+1)D-18."""
    whole = models.build(name)
    middles = {
        "stem": 45,
        "layer1-0-conv1": 144,
        "layer2-0-conv1": 230,
        "layer2-0-conv2": 288,
        "layer3-0-conv1": 460,
        "layer3-0-conv2": 576,
        "layer4-0-conv1": 921,
        "layer4-0-conv2": 1152,
        "layer4-2-conv1": 1152,
    }
    for layer, middle in middles.items():
        assert whole.get_layer(f"{layer}-conv-conv_s").filters == middle
    kernels = sum(np.prod(v.shape) for v in whole.weights if v.name == "kernel")
    assert round(kernels / 1e6, 1) == 63.6  # VMZ's table
    card = next(card for card in ig65m_zoo.CARDS.values() if card.model == name)
    assert whole.count_params() == card.parameters
