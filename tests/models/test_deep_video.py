"""DeepVideo: its maps, its parameters counted by hand, and which frames reach which output."""

import keras
import numpy as np
import pytest

from i3d import models
from i3d.models import deep_video
from i3d.weights import zoo

WIDTH = 0.125


def small(name, **keywords):
    return models.build(name, num_classes=5, width=WIDTH, size=32, **keywords)


def values(model, layer, x):
    inner = keras.Model(model.input, model.get_layer(layer).output)
    return np.asarray(inner(x, training=False))


def clip(frames, size=32):
    return np.random.default_rng(0).normal(size=(1, frames, size, size, 3)).astype(np.float32)


def by_hand(row, width, num_classes):
    """Parameters of the full-size network: kernels and biases, maps of 7 x 7 at the end."""
    a, b, c, units = (round(n * width) for n in (96, 256, 384, 4096))
    t1, t2, t3 = row.kernels
    stream = (
        (t1 * 11 * 11 * 3 * a + a)
        + (t2 * 5 * 5 * a * b + b)
        + (t3 * 3 * 3 * b * c + c)
        + (3 * 3 * c * c + c)
        + (3 * 3 * c * b + b)
    )
    towers = 2 if row.frames == 2 else 1
    joined = len(row.streams) * towers * 7 * 7 * b
    dense = (joined * units + units) + (units * units + units)
    return len(row.streams) * stream + dense + units * num_classes + num_classes


@pytest.mark.parametrize("name", deep_video.CONFIGS)
def test_parameters_and_maps_are_those_of_the_paper(name):
    row = deep_video.CONFIGS[name]
    model = models.build(name, num_classes=487, width=WIDTH)
    assert model.count_params() == by_hand(row, WIDTH, 487)
    for prefix in row.streams:
        last = model.get_layer(f"{prefix}conv5" if prefix else "pool5").output
        assert last.shape[1:] == (2 if "late" in name else 1, 7, 7, 32)
    spec = zoo.default_spec(name)
    assert model.input_shape[1:] == (spec.frames, spec.crop, spec.crop, 3)
    assert model.get_layer("features").output.shape == (None, 512)


def test_parameters_of_the_published_width():
    model = models.build("deep_video_single", num_classes=487)
    convolutions = 34_944 + 614_656 + 885_120 + 1_327_488 + 884_992
    assert model.count_params() == convolutions + 51_384_320 + 16_781_312 + 1_995_239


def reached(name, layer):
    """Returns, for each step in time of a layer's output, the frames that change it."""
    row = deep_video.CONFIGS[name]
    model = small(name)
    x = clip(row.frames)
    before = values(model, layer, x)
    seen = [set() for _ in range(before.shape[1] if before.ndim == 5 else 1)]
    for frame in range(row.frames):
        other = x.copy()
        other[:, frame] += 1
        changed = values(model, layer, other) != before
        for step, frames in enumerate(seen):
            part = changed[:, step] if before.ndim == 5 else changed
            if part.any():
                frames.add(frame)
    return seen


def test_slow_fusion_widens_layer_by_layer():
    first = [{0, 1, 2, 3}, {2, 3, 4, 5}, {4, 5, 6, 7}, {6, 7, 8, 9}]
    assert reached("deep_video_slow", "conv1") == first
    assert reached("deep_video_slow", "conv2") == [set(range(6)), set(range(4, 10))]
    assert reached("deep_video_slow", "conv3") == [set(range(10))]


def test_early_fusion_sees_all_frames_in_the_first_layer():
    assert reached("deep_video_early", "conv1") == [set(range(10))]


def test_late_fusion_joins_its_towers_in_the_first_dense_layer():
    assert reached("deep_video_late", "conv5") == [{0}, {1}]
    assert reached("deep_video_late", "fc6") == [{0, 1}]
    model = small("deep_video_late")
    x = clip(2)
    ends = values(model, "pool5", x), values(model, "pool5", x[:, ::-1])
    np.testing.assert_allclose(ends[0], ends[1][:, ::-1], atol=1e-5)  # of shared weights


def test_streams_see_the_middle_and_the_halved_picture():
    model = small("deep_video_single_multi")
    x = clip(1)
    np.testing.assert_array_equal(values(model, "fovea", x), x[:, :, 8:24, 8:24])
    halved = x.reshape(1, 1, 16, 2, 16, 2, 3).mean((3, 5))
    np.testing.assert_allclose(values(model, "context", x), halved, atol=1e-6)
    border = x.copy()
    border[:, :, :8] += 1
    np.testing.assert_array_equal(*(values(model, "fovea-conv5", y) for y in (x, border)))
    assert (values(model, "fc6", x) != values(model, "fc6", border)).any()


def test_normalisation_is_krizhevskys():
    x = np.random.default_rng(0).normal(scale=50, size=(2, 3, 7)).astype(np.float32)
    expected = np.empty_like(x)
    for channel in range(7):
        near = x[..., max(0, channel - 2) : channel + 3]
        expected[..., channel] = x[..., channel] / np.sqrt(2 + 1e-4 * (near**2).sum(-1))
    actual = np.asarray(deep_video.LocalResponseNorm()(x))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_saved_model_is_read_back(tmp_path):
    model = small("deep_video_slow_multi", dropout=0.5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = clip(10)
    np.testing.assert_array_equal(again(x, training=False), model(x, training=False))


def test_other_clips_are_refused():
    with pytest.raises(ValueError, match="^frames: expected 10 for deep_video_slow, got 8"):
        small("deep_video_slow", frames=8)
    with pytest.raises(ValueError, match="^size: expected at least 22 pixels"):
        models.build("deep_video_single", size=21)
