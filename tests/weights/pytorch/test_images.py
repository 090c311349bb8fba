"""Image networks' weights in video networks, in names and layouts made by hand."""

import re

import keras
import numpy as np
import pytest

from i3d import models, weights
from i3d.weights.pytorch import images
from i3d.weights.pytorch.names import entries
from tests.golden import mmaction_models as golden
from tests.helpers.torch_files import googlenet, write_safetensors

NARROW = {"width": 0.125, "num_classes": 5}


@pytest.fixture(scope="module")
def resnet50():
    """A narrow ResNet-50 as torchvision names it, from the keys of MMAction2."""
    state = {"fc.weight": np.zeros((1000, 256), "f"), "fc.bias": np.zeros(1000, "f")}
    for key, shape in golden.shapes("tsn_r50_1x1x3").items():
        if key.startswith("backbone.") and not key.endswith("num_batches_tracked"):
            key = key.removeprefix("backbone.")
            key = re.sub(r"conv(\d)\.(conv|bn)\.", r"\2\1.", key)
            key = key.replace("downsample.conv", "downsample.0").replace("mple.bn", "mple.1")
            shape = tuple(n if n < 64 else n // 8 for n in shape)
            state[key] = golden.uniform(key, shape, 0).astype(np.float32)
    assert len(state) == 53 * 5 + 2
    assert {"conv1.weight", "bn1.bias", "layer4.2.bn3.running_var"} <= state.keys()
    return state


@pytest.fixture(scope="module")
def resnet50_path(resnet50, tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "resnet50.safetensors"
    write_safetensors(path, resnet50)
    return path


def image_kernel(array):
    return array.transpose(2, 3, 1, 0)


@pytest.mark.long
def test_resnet50_into_networks_of_images(resnet50, resnet50_path):
    for name in ("tsn_r50_1x1x3", "tsm_r50_1x1x8", "two_stream_rgb", "cnn_lstm_r50"):
        model = models.build(name, **NARROW)
        head = np.asarray(model.get_layer("Logits").kernel)
        images.load_torch_image(model, resnet50_path)
        conv = np.asarray(model.get_layer("layer3-0-conv2-conv").kernel)
        np.testing.assert_array_equal(conv[0], image_kernel(resnet50["layer3.0.conv2.weight"]))
        norm = model.get_layer("layer2-0-downsample-bn")
        for ours, theirs in (
            (norm.gamma, "weight"),
            (norm.beta, "bias"),
            (norm.moving_mean, "running_mean"),
            (norm.moving_variance, "running_var"),
        ):
            expected = resnet50[f"layer2.0.downsample.1.{theirs}"]
            np.testing.assert_array_equal(np.asarray(ours), expected)
        np.testing.assert_array_equal(np.asarray(model.get_layer("Logits").kernel), head)
        backbone = {e.key for e in images.resnet_entries(model)}
        assert backbone == resnet50.keys() - {"fc.weight", "fc.bias"}


def test_resnet50_is_inflated(resnet50, resnet50_path):
    model = models.build("i3d_r50_nl_dot_product", **NARROW)
    images.load_torch_image(model, resnet50_path)
    for layer, key in (("conv1-conv", "conv1"), ("layer2-0-conv1-conv", "layer2.0.conv1")):
        kernel = np.asarray(model.get_layer(layer).kernel)
        image = image_kernel(resnet50[f"{key}.weight"])
        assert kernel.shape[0] in (3, 5)
        for frame in kernel:
            np.testing.assert_array_equal(frame, image / np.float32(len(kernel)))


def test_first_layer_of_flow_takes_the_mean_of_colours(resnet50, resnet50_path):
    model = models.build("two_stream_flow", **NARROW)
    images.load_torch_image(model, resnet50_path)
    kernel = np.asarray(model.get_layer("conv1-conv").kernel)
    mean = image_kernel(resnet50["conv1.weight"]).mean(axis=2)
    assert kernel.shape[3] == 20
    for channel in range(20):
        np.testing.assert_allclose(kernel[0, :, :, channel], mean, rtol=1e-6)


@pytest.mark.long
def test_lateral_channels_of_slowfast_start_at_zero(resnet50, resnet50_path):
    model = models.build("slowfast_r50_4x16x1", **NARROW)
    fast = np.asarray(model.get_layer("fast_path-conv1-conv").kernel)
    images.load_torch_image(model, resnet50_path)
    kernel = np.asarray(model.get_layer("slow_path-layer2-0-conv1-conv").kernel)
    image = image_kernel(resnet50["layer2.0.conv1.weight"])
    assert kernel.shape[3] == 32 + 8
    np.testing.assert_array_equal(kernel[0, :, :, :32], image)
    assert not kernel[0, :, :, 32:].any()
    np.testing.assert_array_equal(np.asarray(model.get_layer("fast_path-conv1-conv").kernel), fast)


def test_what_does_not_fit_is_refused(resnet50, resnet50_path, tmp_path):
    with pytest.raises(ValueError, match="expected a network of ResNet-50's bottleneck blocks"):
        images.load_torch_image(models.build("tv_r3d_18", **NARROW), resnet50_path)
    model = models.build("tsn_r50_1x1x3", num_classes=5, width=0.25)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"does not fit tsn_r50_1x1x3: .* of another shape: conv1"):
        images.load_torch_image(model, resnet50_path)
    path = tmp_path / "part.safetensors"
    write_safetensors(path, {k: v for k, v in resnet50.items() if k != "bn1.bias"})
    with pytest.raises(ValueError, match="1 missing: bn1.bias"):
        images.load_torch_image(models.build("tsn_r50_1x1x3", **NARROW), path)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", ["inception_v1", "cnn_lstm_r50"])
def test_video_entries_exist_only_where_weights_are_published(name):
    with pytest.raises(ValueError, match=f"{name}: no PyTorch weights are published"):
        entries(models.build(name, **NARROW))


def test_googlenet_into_inception_v1(tmp_path):
    model = models.build("inception_v1", **NARROW)
    state = googlenet(model)
    write_safetensors(tmp_path / "googlenet.safetensors", state)
    weights.load(model, tmp_path / "googlenet.safetensors")
    names = ("MaxPool3d_2a_3x3", "Conv3d_2b_1x1", "Mixed_5b-Branch_3-MaxPool3d_0a_3x3", "Mixed_5b")
    network = keras.Model(model.input, [model.get_layer(name).output for name in names])
    image = golden.uniform("image", (1, 224, 224, 3), 0).astype(np.float32)
    pooled, conv2, pool_5a, mixed_5a = (np.asarray(x) for x in network(image))
    assert_unit(state, "conv2", pooled, conv2)
    size = state["inception5a.branch4.1.conv.weight"].shape[0]
    assert_unit(state, "inception5a.branch4.1", pool_5a, mixed_5a[..., -size:])
    head = np.asarray(model.get_layer("Logits").kernel)
    np.testing.assert_array_equal(head, state["fc.weight"].T)


def assert_unit(state, unit, x, expected):
    """A 1x1 convolution, batch normalisation with scale and epsilon 1e-3, ReLU."""
    part = {key: state[f"{unit}.{key}"] for key in ("conv.weight", "bn.weight", "bn.bias")}
    mean, variance = state[f"{unit}.bn.running_mean"], state[f"{unit}.bn.running_var"]
    y = (x @ part["conv.weight"][:, :, 0, 0].T - mean) / np.sqrt(variance + 1e-3)
    y = np.maximum(y * part["bn.weight"] + part["bn.bias"], 0)
    assert np.abs(y - expected).max() <= 1e-5 * np.abs(y).max()


@pytest.mark.long
def test_googlenet_computes_what_pytorch_does(tmp_path):
    """Torchvision pads the first 7x7 by 3 pixels on each side, TensorFlow by 2 and 3: its map is
    ours one pixel on, which shows nowhere if the first row and column are zero."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    model = models.build("inception_v1", **NARROW)
    state = googlenet(model)
    for key in state:  # activations keep their scale
        if key.endswith("conv.weight"):
            state[key] *= np.float32((6 / np.prod(state[key].shape[1:])) ** 0.5)
    write_safetensors(tmp_path / "googlenet.safetensors", state)
    images.load_torch_image(model, tmp_path / "googlenet.safetensors")
    image = golden.uniform("image", (2, 224, 224, 3), 0).astype(np.float32)
    image[:, 0] = image[:, :, 0] = 0
    moved = np.pad(image[:, 1:, 1:], [(0, 0), (0, 1), (0, 1), (0, 0)])
    with torch.inference_mode():
        tensors = {key: torch.from_numpy(array) for key, array in state.items()}
        expected = torch_googlenet(torch, tensors, torch.from_numpy(moved).permute(0, 3, 1, 2))
    actual = np.asarray(model(image))
    assert np.abs(actual - expected.numpy()).max() <= 1e-4 * expected.std().item()


def torch_googlenet(torch, state, x):
    """Logits of GoogLeNet as torchvision computes them, from a state dict."""
    functional = torch.nn.functional

    def unit(x, name, stride=1):
        kernel = state[f"{name}.conv.weight"]
        x = functional.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2)
        norm = [state[f"{name}.bn.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
        return torch.relu(functional.batch_norm(x, *norm, eps=1e-3))

    def pool(x, window, stride, padding=0):
        return functional.max_pool2d(x, window, stride, padding, ceil_mode=True)

    def module(x, name):
        one, two, three, four = (f"inception{name}.branch{n}" for n in range(1, 5))
        pair = [unit(unit(x, f"{branch}.0"), f"{branch}.1") for branch in (two, three)]
        return torch.cat([unit(x, one), *pair, unit(pool(x, 3, 1, 1), f"{four}.1")], 1)

    x = pool(unit(x, "conv1", 2), 3, 2)
    x = pool(unit(unit(x, "conv2"), "conv3"), 3, 2)
    x = pool(module(module(x, "3a"), "3b"), 3, 2)
    for name in ("4a", "4b", "4c", "4d", "4e"):
        x = module(x, name)
    x = module(module(pool(x, 2, 2), "5a"), "5b").mean((2, 3))
    return functional.linear(x, state["fc.weight"], state["fc.bias"])
