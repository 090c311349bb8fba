"""i3d.load: cards by name, features, the model, and what is said of mistakes."""

import numpy as np
import pytest

import i3d
from i3d.inference.load import load
from i3d.runtime.command import UserError
from tests.helpers.videos import write_folder


@pytest.fixture(scope="module")
def demo():
    return i3d.load("demo_rgb")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("videos"), ("walk",), 1)
    return next(folder.rglob("*.mp4"))


@pytest.mark.long
def test_a_card_by_its_name(demo, video):
    assert demo.class_names == next(c for c in i3d.cards() if c.name == "demo_rgb").class_names()
    found = demo.predict(video, top_k=3)
    assert [name in demo.class_names for name, _ in found] == [True] * 3
    assert found == demo.predict(str(video), 3)
    assert demo.spec.stream == "rgb" and demo.spec.crop == 80
    assert repr(demo).startswith("<Predictor of 13 classes: inception_i3d (width 0.25) rgb, ")


@pytest.mark.long
def test_features_views_and_model_agree_with_the_scores(demo, video):
    ((_, scores),) = demo.scores_of([str(video)])
    features = demo.features(video)
    assert features.dtype == np.float32 and features.shape == (256,)
    kernel, bias = demo.model.get_layer("Logits").get_weights()
    kernel = kernel.reshape(256, 13)
    np.testing.assert_allclose(features @ kernel + bias, scores.logits, atol=1e-4)
    views = np.stack(list(demo.views(video)))
    assert views.dtype == np.uint8 and views.shape[2:] == (80, 80, 3)
    logits = np.asarray(demo.model(demo.preprocessing(views))).mean(axis=0)
    np.testing.assert_allclose(logits, scores.logits, atol=1e-4)
    assert demo.model.get_layer("Mixed_4f") and demo.model is demo.model


@pytest.mark.long
def test_two_streams_side_by_side(demo, video):
    both = i3d.load(["demo_rgb", "demo_flow"])
    features = both.features(video)
    assert features.shape == (512,)
    np.testing.assert_allclose(features[:256], demo.features(video), atol=1e-5)
    for name in ("model", "spec"):
        with pytest.raises(UserError, match=f"{name}: this predictor adds the logits of 2 netw"):
            getattr(both, name)


@pytest.mark.parametrize(
    "arguments, told",
    [
        ((), "expected a checkpoint: a path, or one of rgb_imagenet, "),
        (("nothere",), "^nothere: no such checkpoint; expected a path, or one of rgb_imagenet"),
        (("rgb_scrach",), "did you mean rgb_scratch?"),
        (("inception_i3d",), r"a model without weights: expected i3d.load\('inception_i3d', ch"),
        ((["inception_i3d"], ["demo_rgb", "demo_flow"]), "a model for each of 2 checkpoints"),
    ],
)
def test_mistakes(arguments, told):
    with pytest.raises(UserError, match=told):
        load(*arguments)
    with pytest.raises(UserError, match="precision: expected float32 or bfloat16, got 'half'"):
        load("demo_rgb", precision="half")


@pytest.mark.long
def test_a_video_that_cannot_be_read(demo, tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    for method in (demo.predict, demo.features):
        with pytest.raises(UserError, match=r"a.mp4: not a readable video"):
            method(tmp_path / "a.mp4")
