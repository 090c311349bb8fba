"""The part of a model up to a layer gives a row for each video."""

import keras
import numpy as np
import pytest

from i3d import models
from i3d.inference.endpoints import ending_at, outputs
from i3d.models import actionclip
from i3d.runtime.command import UserError

CLIPS = np.random.default_rng(0).normal(size=(2, 8, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def clip():
    """The video part of a small CLIP, of which each frame is a row inside the image tower."""
    pytest.importorskip("keras_hub", reason="the extra clip is not installed")
    return actionclip.video_part(models.build("clip_tiny"))


def rows(model, name):
    return np.asarray(ending_at(model, name)(CLIPS))


def test_every_layer_of_clip_gives_a_row_per_video(clip):
    for layer in clip.layers:
        found = ending_at(clip, layer.name)
        assert found.output_shape == (None, found.output_shape[1]), layer.name
        assert found.compute_output_shape((2, 8, 32, 32, 3))[0] == 2, layer.name
    np.testing.assert_allclose(rows(clip, "visual_projection"), clip(CLIPS), atol=1e-5)
    np.testing.assert_allclose(rows(clip, "features"), clip(CLIPS), atol=1e-6)


def test_frames_of_each_video_are_averaged_and_tokens_too(clip):
    block = keras.Model(clip.input, outputs(clip)["visual_encoder_block_1"])
    tokens = np.asarray(block(CLIPS)).reshape(2, 8, 17, -1)
    expected = tokens.mean(axis=(1, 2))
    np.testing.assert_allclose(rows(clip, "visual_encoder_block_1"), expected, atol=1e-5)


def test_maps_are_averaged_over_space_and_time():
    model = models.build("inception_i3d", width=0.125, num_classes=3, size=32)
    maps = keras.Model(model.input, model.get_layer("Mixed_3b").output)(CLIPS)
    np.testing.assert_allclose(rows(model, "Mixed_3b"), np.mean(maps, (1, 2, 3)), atol=1e-5)


def test_a_layer_that_is_not_there(clip):
    with pytest.raises(UserError, match="--endpoint: clip_tiny has no layer 'visual_block_1'; did"):
        ending_at(clip, "visual_block_1")
