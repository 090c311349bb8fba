"""Grad-CAM: what it must be in closed form, and PyTorch's golden maps."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from i3d import models
from i3d.inference import gradients
from i3d.inference.network import Network
from i3d.inference.zero_shot import TextHead
from i3d.models import actionclip
from i3d.runtime.command import UserError
from i3d.spec import InputSpec
from i3d.visual import activation
from i3d.visual.activation import GradCam
from tests.golden import grad_cam as golden
from tests.helpers import clip_golden

CLIPS = {"frames": 8, "crop": 64, "clips": 1, "range": (-1.0, 1.0)}


def network_of(name, **fields):
    """Returns a Network of a thin model with 5 classes and random weights."""
    spec = InputSpec(**CLIPS | fields)
    keras.utils.set_random_seed(0)
    model = models.build(
        name, num_classes=5, width=0.125, size=64, frames=spec.length, channels=spec.channels
    )
    for layer in model.layers:  # new residual blocks are the identity
        if isinstance(layer, layers.BatchNormalization) and layer.scale:
            layer.gamma.assign(np.full(layer.gamma.shape, 0.8))
    return Network(model, spec, 5)


def view_of(net, frames):
    shape = (frames, net.spec.crop, net.spec.crop, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def golden_network():
    """Returns the network of tests.golden.grad_cam."""
    own = golden.weights()
    x = inputs = keras.Input(golden.CLIP)
    for name, strides in golden.STRIDES.items():
        filters, _, *kernel = golden.SHAPES[f"{name}.weight"]
        x = layers.Conv3D(filters, kernel, strides, name=name)(x)
        x = layers.ReLU(name=f"{name}-relu")(x)
    x = layers.Identity(name="features")(ops.mean(ops.mean(x, (2, 3)) ** 2, 1))
    model = keras.Model(inputs, layers.Dense(5, name="Logits")(x))
    for name in golden.STRIDES:
        kernel = own[f"{name}.weight"].transpose(2, 3, 4, 1, 0)
        model.get_layer(name).set_weights([kernel, own[f"{name}.bias"]])
    model.get_layer("Logits").set_weights([own["fc.weight"].T, own["fc.bias"]])
    return Network(model, InputSpec(**CLIPS | {"crop": 0, "resize": 32}), 5)


def test_equals_pytorch():
    net = golden_network()
    with np.load(golden.FILE) as file:
        expected = dict(file)
    logits = np.asarray(net(golden.clip()[None]))[0]
    np.testing.assert_allclose(logits, expected["logits"], rtol=1e-5)
    found = GradCam(net)(golden.clip(), golden.CLASS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected["heat"], atol=1e-5)
    assert np.std(found, axis=(1, 2)).min() > 0


def test_weighted_sum_of_a_linear_head():
    """The gradient of a mean and a linear head is its kernel over the number of places."""
    rng = np.random.default_rng(0)
    maps, kernel = rng.normal(size=(3, 4, 5, 6)), rng.normal(size=6)
    gradient = np.broadcast_to(kernel / 60, maps.shape)
    expected = np.maximum(maps @ kernel, 0) / 60
    np.testing.assert_allclose(activation.weighted(maps, gradient), expected, rtol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "layer", "fields"),
    [
        ("inception_i3d", "Mixed_5c", {"frames": 9}),
        ("tsn_r50_1x1x3", "layer4", {"segments": 3, "frames": 1}),
        ("slowfast_r50_8x8x1", "slow_path-layer4", {}),
    ],
)
def test_models_of_the_catalogue(name, layer, fields):
    """All of them end in a mean and a linear head, so that their maps are known."""
    net = network_of(name, **fields)
    view = view_of(net, (net.spec.segments or 1) * net.spec.frames)
    assert gradients.last_map(net) == layer
    kernels = np.asarray(net.core.get_layer("Logits").kernel)
    maps, _ = gradients.MapsAndGradient(net, layer)(view, 0)
    number = int(np.argmax((maps @ kernels[: maps.shape[-1]]).max(axis=(0, 1, 2))))
    maps, gradient = gradients.MapsAndGradient(net, layer)(view, number)
    kernel = kernels[: maps.shape[-1], number]
    expected = np.maximum(maps @ kernel, 0) / np.prod(maps.shape[:3])
    np.testing.assert_allclose(
        activation.weighted(maps, gradient), expected, atol=1e-5 * expected.max()
    )
    heat = GradCam(net)(view, number)
    assert heat.shape == (len(view), 64, 64)
    assert (heat.min(), heat.max()) == (0, 1)


def test_stacked_fields_of_a_segment_share_a_map():
    net = network_of("tsn_r50_5x1x3_flow", stream="flow", segments=3, frames=5)
    view = np.random.default_rng(0).integers(0, 256, (15, 64, 64, 2), np.uint8)
    assert GradCam(net)(view, 0).shape == (3, 64, 64)


def test_other_layers():
    net = golden_network()
    assert GradCam(net, "conv1-relu")(golden.clip(), 0).shape == golden.CLIP[:3]


def test_only_layers_with_maps_are_proposed():
    net = network_of("inception_i3d", frames=9)
    each = "such as Mixed_5c, Mixed_4f, Mixed_3c, Conv3d_2c_3x3, Conv3d_1a_7x7"
    for layer in ("clips", "features", "Logits", "nolayer", ""):
        with pytest.raises(UserError, match="expected a layer of inception_i3d with maps") as error:
            GradCam(net, layer)
        assert str(error.value).endswith(f"{each}; got {layer!r}")
    with pytest.raises(UserError, match="such as Mixed_4f,.*; got 'Mixed_4'"):
        GradCam(net, "Mixed_4")


def test_layers_with_maps():
    found = gradients.layers_with_maps(golden_network())
    assert found == ["conv1", "conv1-relu", "conv2", "conv2-relu"]
    net = network_of("slowfast_r50_8x8x1")
    found = gradients.layers_with_maps(net)
    assert "fast_path-layer4" in found and "slow_path-layer4" in found
    assert not {"clips", "slow_path-frames", "features", "Logits"} & set(found)


@pytest.mark.parametrize("number", [-1, 5, 99])
def test_numbers_of_no_class(number):
    with pytest.raises(UserError, match=f"number: expected a class from 0 to 4, got {number}"):
        GradCam(golden_network())(golden.clip(), number)


@pytest.fixture(scope="module")
def text_network(tmp_path_factory):
    """The small ActionCLIP with three classes."""
    model = clip_golden.loaded(tmp_path_factory.mktemp("clip"), "Transf")
    spec = InputSpec(segments=8, clips=1, crop=32, mean=(120.0,) * 3, std=(70.0,) * 3)
    net = Network(actionclip.video_part(model), spec, 0)
    text = np.random.default_rng(0).normal(size=(2, 3, 64)).astype(np.float32)
    return net.with_head(TextHead(text / np.linalg.norm(text, axis=-1, keepdims=True)))


def test_text_models_use_patches(text_network):
    """Patches of every frame have a gradient at the input of the last block."""
    view = view_of(text_network, 8)
    layer = gradients.last_map(text_network)
    assert layer == "visual_encoder_block_1"  # of three
    maps, gradient = gradients.MapsAndGradient(text_network, layer)(view, 1)
    assert maps.shape == gradient.shape == (8, 4, 4, 192)
    assert np.abs(gradient).reshape(8, -1).max(axis=1).min() > 0  # each frame has its share
    with pytest.raises(UserError, match="_block_1.*; got 'visual_encoder_block_2'"):
        GradCam(text_network, "visual_encoder_block_2")  # its patches reach no score
    heat = GradCam(text_network)(view, 1)
    assert heat.shape == (8, 32, 32) and (heat.min(), heat.max()) == (0, 1)


def test_what_has_no_gradient_is_zero():
    assert not activation.in_unit_range(np.zeros((2, 3, 3))).any()
    assert not activation.in_unit_range(np.full((2, 3, 3), 0.7)).any()


def test_overlay_leaves_cold_places():
    picture = np.full((4, 6, 3), 100, np.uint8)
    heat = np.zeros((4, 6), np.float32)
    heat[1, 2] = 1
    found = activation.overlaid(picture, heat)
    assert found.dtype == np.uint8
    assert (found[0] == 100).all()
    assert found[1, 2, 0] > found[1, 2, 2]  # red


def test_panels_show_the_middle_of_stacked_fields():
    spec = InputSpec(stream="flow", segments=2, frames=5, flow_method="dis", flow_bound_px=20.0)
    view = np.full((10, 64, 64, 2), 128, np.uint8)
    view[7, ..., 0] = 128 + 64  # the middle of the second segment moves to the right
    still, moving = activation.panels(view, np.zeros((2, 64, 64)), spec)
    assert (still["flow"][0, 0] == 255).all() and moving["flow"][0, 0].tolist() == [255, 0, 0]
    assert (still["activation of flow"] == 191).all()
    assert (moving["activation of flow"] == 64).all()
