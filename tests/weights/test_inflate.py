"""Inflation of a 2-D Inception-v1."""

import keras
import numpy as np
import pytest

from i3d import models
from i3d.models.inception_i3d import TRUNK, Conv, Pool
from i3d.weights import inflate

WIDTH = 0.125


def randomised(model, seed=0):
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.name == "kernel":
            limit = (6 / np.prod(variable.shape[:-1])) ** 0.5
            variable.assign(random.uniform(-limit, limit, variable.shape))
        else:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


def temporal_fields():
    """Returns {endpoint: (step, start, length)} in frames; SAME padding before is taken off."""
    fields, step, start, length = {}, 1, 0, 1
    for row in TRUNK:
        if isinstance(row, Conv):
            layers = [(row.kernel, row.stride)]
        elif isinstance(row, Pool):
            layers = [(row.window[0], row.strides[0])]
        else:
            layers = [(3, 1)]  # the widest branch has one 3x3x3 kernel
        for kernel, stride in layers:
            before = max(kernel - stride, 0) // 2  # at a length that the stride divides
            start -= before * step
            length += (kernel - 1) * step
            step *= stride
        fields[row.name] = (step, start, length)
    return fields


def test_receptive_field_is_the_published_one():
    assert temporal_fields()["Mixed_5c"][2] == 99


@pytest.mark.parametrize(
    "endpoint",
    [
        "Conv3d_1a_7x7",
        *(pytest.param(n, marks=pytest.mark.long) for n in ("Mixed_3c", "Mixed_4f", "Mixed_5c")),
    ],
)
def test_constant_video_gives_the_image_activations(endpoint):
    """Where the receptive field lies inside the clip they are equal, and elsewhere not."""
    image = randomised(models.build("inception_v1", width=WIDTH, num_classes=5))
    video = models.build(
        "inception_i3d", width=WIDTH, num_classes=5, size=64, final_endpoint=endpoint
    )
    inflate(image, video)
    frames = 144
    picture = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    image = models.build("inception_v1", width=WIDTH, num_classes=5, size=None)
    image = randomised(image)
    flat = keras.Model(image.input, image.get_layer(endpoint).output)
    expected = np.asarray(flat(picture))[0]
    clip = np.repeat(picture[:, None], frames, axis=1)
    actual = np.asarray(video(clip))[0]
    step, start, length = temporal_fields()[endpoint]
    inside = [
        t
        for t in range(len(actual))
        if t * step + start >= 0 and t * step + start + length <= frames
    ]
    assert inside and len(inside) < len(actual)
    error = np.abs(actual - expected).max(axis=(1, 2, 3)) / np.abs(expected).max()
    assert error[inside].max() <= 1e-5
    assert error[0] > 1e-3


def test_flow_takes_the_channel_average():
    image = randomised(models.build("inception_v1", width=WIDTH, num_classes=5))
    flow = models.build("inception_i3d", width=WIDTH, num_classes=5, channels=2)
    inflate(image, flow)
    source = np.asarray(image.get_layer("Conv3d_1a_7x7-conv_3d").kernel)
    kernel = np.asarray(flow.get_layer("Conv3d_1a_7x7-conv_3d").kernel)
    for channel in (0, 1):
        np.testing.assert_allclose(kernel[3, :, :, channel], source.mean(2) / 7, rtol=1e-5)


@pytest.mark.long
def test_head_of_another_width_is_refused_or_skipped():
    image = randomised(models.build("inception_v1", width=WIDTH, num_classes=5))
    video = models.build("inception_i3d", width=WIDTH, num_classes=4)
    before = [np.asarray(w) for w in video.weights]
    with pytest.raises(ValueError, match="'Logits'.*skip_head=True"):
        inflate(image, video)
    for old, new in zip(before, video.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    inflate(image, video, skip_head=True)
    np.testing.assert_array_equal(video.get_layer("Logits").kernel, before[-2])
    assert not np.array_equal(video.get_layer("Conv3d_1a_7x7-conv_3d").kernel, before[0])


@pytest.mark.long
def test_another_architecture_is_refused():
    inputs = keras.Input((8, 8, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs), name="other")
    with pytest.raises(ValueError, match="other has no layer 'Conv3d_1a_7x7-conv_3d'"):
        inflate(other, models.build("inception_i3d", width=WIDTH))
