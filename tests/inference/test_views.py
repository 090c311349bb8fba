"""The views of a video: golden inputs of published pipelines, files, parts, windows, records."""

import dataclasses
import hashlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from i3d import models
from i3d.data import augment, cropping, read, sampling, schema
from i3d.flow import methods
from i3d.inference import pixels as inference_pixels
from i3d.inference import recipes, record_views
from i3d.inference import views as inference_views
from i3d.inference.recipes import Recipe, recipe_of
from i3d.video import frames as video_frames
from i3d.video import picture as video_picture
from i3d.video import sampled
from tests.helpers import datasets
from tests.helpers.golden_views import E2E, E2E_MODELS, golden_recipe, golden_video
from tests.helpers.videos import texture_frames, write_video

SMALL = Recipe(3, 2, clips=2, crops=1, resize=40, crop=32, mean=(0.0,) * 3, std=(1.0,) * 3)
FLOW = dataclasses.replace(SMALL, stream="flow", flow_method="dis", range=(-1.0, 1.0))


def pixels(views):
    return np.stack([views.pixels(number) for number in range(len(views))])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 50 frames at 30 per second, 64x48."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, texture_frames(50), rate=30)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(inference_views, "_looped", [])


@pytest.mark.parametrize("name", E2E_MODELS)
def test_inputs_are_those_of_the_published_pipelines(name):
    frames, recipe = golden_video(), golden_recipe(name)
    assert hashlib.sha256(frames.tobytes()).digest() == E2E["video_sha256"].tobytes()
    views = inference_views.of_frames(frames, recipe)
    found, shape = pixels(views), tuple(E2E[f"{name}/inputs_shape"])
    assert found.shape == (recipe.num_views, *recipe.shape)
    if len(shape) == 4:  # images of all segments
        found = found.transpose(0, 1, 4, 2, 3).reshape(shape)
    else:
        found = found.transpose(0, 4, 1, 2, 3)
    assert found.shape == shape
    digest = hashlib.sha256(np.ascontiguousarray(found).tobytes()).digest()
    assert digest == E2E[f"{name}/inputs_sha256"].tobytes()
    expected = augment.standardise(pixels(views), recipe.mean, recipe.std)
    np.testing.assert_array_equal(views.all(), expected)


@pytest.mark.parametrize("recipe", [SMALL, FLOW], ids=["rgb", "flow"])
@pytest.mark.parametrize("fps", [0.0, 25.0])
def test_a_file_gives_what_its_frames_give(clip, recipe, fps):
    recipe = dataclasses.replace(recipe, fps=fps)
    frames = list(video_frames.read_frames(clip, fps or None, None))
    expected = inference_views.of_frames(frames, recipe).all()
    assert expected.shape == (2, 3, 32, 32, recipe.channels) and expected.dtype == np.float32
    np.testing.assert_array_equal(inference_views.views(clip, recipe), expected)
    part = list(video_frames.read_frames(clip, fps or None, None, 0.5, 1.3))
    expected = inference_views.of_frames(part, recipe).all()
    np.testing.assert_array_equal(inference_views.views(clip, recipe, 0.5, 1.3), expected)
    assert len(part) == round(0.8 * (fps or 30))


@pytest.mark.parametrize("expected", [1, 10, 49, 51, 10**9])
def test_a_wrong_header_changes_nothing(clip, monkeypatch, expected):
    right = [inference_views.views(clip, recipe) for recipe in (SMALL, FLOW)]
    monkeypatch.setattr(sampled, "_expected_count", lambda *_: expected)
    for recipe, views in zip((SMALL, FLOW), right, strict=True):
        np.testing.assert_array_equal(inference_views.views(clip, recipe), views)


def test_what_is_not_sampled_is_not_converted(clip, monkeypatch):
    converted, convert = [], video_picture.Converter.__call__

    def counted(self, frame):
        converted.append(frame)
        return convert(self, frame)

    monkeypatch.setattr(video_picture.Converter, "__call__", counted)
    views = inference_views.opened(clip, SMALL)
    assert len(converted) == len(np.unique(sampling.eval_clips_1x(50, 2, 3, 2))) == 6
    assert [len(batch) for batch in views.batches(1)] == [1, 1] and views.end_s == pytest.approx(
        50 / 30, abs=1e-3
    )


def test_flow_is_that_of_the_resized_frames(clip):
    frames = [
        inference_pixels.resized(frame, 40) for frame in video_frames.read_frames(clip, None, None)
    ]
    fields = np.stack(list(methods.flow_fields(iter(frames), "dis")))
    indices = sampling.eval_clips_1x(49, 2, 3, 2)
    expected = schema.flow_to_unit(fields[indices][:, :, 4:36, 10:42])  # of 40x53
    views = inference_views.views(clip, FLOW)
    assert np.abs(views - expected).max() <= 0.5 / 127 + 1e-6  # a level is 1 / 127
    assert expected.std() > 0.02


def test_segments_of_flow_hold_x_and_y_of_each_field_in_turn(clip):
    one = dataclasses.replace(FLOW, frames=1, stride=1, clips=49)
    fields = pixels(inference_views.opened(clip, one))[:, 0]
    stacked = recipe_of("tsn_r50_5x1x3_flow")
    stacked = dataclasses.replace(stacked, clips=2, resize=40, crop=32, crops=10, flow_method="dis")
    views = inference_views.opened(clip, stacked)
    assert stacked.shape == (2, 32, 32, 10) and len(views) == stacked.num_views == 10
    centre = views.pixels(8)
    for segment, indices in enumerate(sampling.eval_clips_1x(49, 2, 5, 1)):
        for place, index in enumerate(indices):
            part = centre[segment, ..., 2 * place : 2 * place + 2]
            np.testing.assert_array_equal(part, fields[index])
    np.testing.assert_array_equal(views.all(), (pixels(views) - np.float32(128)) / 128)


@pytest.mark.parametrize("size", [(72, 100), (100, 72), (72, 72)])
@pytest.mark.parametrize("channels", [2, 3])
def test_crops_are_those_of_the_records(size, channels):
    random = np.random.default_rng(0)
    clip = random.integers(0, 256, (1, *size, channels), np.uint8)
    for crops, side, made in (
        (1, 56, lambda frame: [cropping.center_crop(frame, 56)]),
        (3, 72, lambda frame: cropping.three_crops(frame, 72)),
        (10, 56, lambda frame: cropping.ten_crops(frame, 56)),
    ):
        boxes = inference_pixels.crop_boxes(*size, side, crops)
        expected = made(size)
        assert len(boxes) == len(expected) == crops
        for box, crop in zip(boxes, expected, strict=True):
            part = augment.cut(tf.constant(clip), crop)[0]
            np.testing.assert_array_equal(inference_pixels.cut(clip[0], box), part)


@pytest.mark.parametrize("size", [(72, 100), (101, 67), (240, 320), (48, 48)])
def test_sizes_and_ranges_are_those_of_the_records(size):
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (*size, 3), np.uint8)
    for wanted in (64, 48, (30, 40)):
        shape = wanted if isinstance(wanted, tuple) else augment.scaled_size(size, wanted)
        shape = tuple(int(side) for side in shape)
        expected = augment.resize(tf.constant(picture[None]), shape)[0]
        np.testing.assert_array_equal(inference_pixels.resized(picture, wanted), expected)
    unit = dataclasses.replace(SMALL, range=(-1.0, 1.0))
    np.testing.assert_allclose(
        inference_pixels.normalised(picture, unit), schema.rgb_to_unit(picture), atol=2e-7
    )
    levels = np.arange(256, dtype=np.uint8).reshape(-1, 2)
    expected = augment.flow_to_unit(tf.constant(levels))
    np.testing.assert_allclose(inference_pixels.normalised(levels, FLOW), expected, atol=2e-7)
    assert inference_pixels.normalised(np.uint8([[128, 128]]), FLOW).tolist() == [[0, 0]]


def test_windows_slide_and_a_short_rest_is_left_out(clip):
    found = list(inference_views.views_of_windows(clip, SMALL, 0.5, 0.4))
    assert [(round(s, 3), round(e, 3)) for s, e, _ in found] == [
        (0.0, 0.5),
        (0.4, 0.9),
        (0.8, 1.3),
        (1.2, 1.667),
    ]
    for start, end, views in found:
        np.testing.assert_array_equal(views, inference_views.views(clip, SMALL, start, end))
    assert len({views.tobytes() for *_, views in found}) == 4
    limits = [
        (s, e) for s, e, _ in inference_views.views_of_windows(clip, SMALL, 0.75, None, 0.1, 1)
    ]
    assert limits == [(0.1, 0.85)]  # 0.15 s are left, less than half a window
    assert [e for _, e, _ in inference_views.views_of_windows(clip, FLOW, 9.0)] == [found[-1][1]]
    at_once = list(
        inference_views.views_of_windows(clip, SMALL, 5 / 6)
    )  # the end is a window's end
    assert len(at_once) == 2
    with pytest.raises(ValueError, match="windows and steps above 0 s, got 0"):
        next(inference_views.views_of_windows(clip, SMALL, 0))


def test_a_short_video_is_looped_and_told_once(clip, capsys):
    longer = dataclasses.replace(SMALL, frames=80, stride=1, clips=1)
    views = inference_views.views(clip, longer)
    np.testing.assert_array_equal(views[0, 50:], views[0, :30])
    inference_views.views(clip, longer)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and f"{clip}: 50 frames, fewer than the 80" in told[0]
    inference_views.views(clip, SMALL)
    assert not capsys.readouterr().err


def test_a_recipe_of_another_rate_takes_longer_steps(clip):
    """At 30 frames per second, a network of 15 sees every second of the frames that it is told."""
    recipe = dataclasses.replace(SMALL, fps=15.0, steps_at_fps=True)
    frames = list(video_frames.read_frames(clip, None, None))
    expected = inference_views.of_frames(frames, recipe, fps=30.0).all()
    np.testing.assert_array_equal(inference_views.views(clip, recipe), expected)
    indices = inference_views.sampled(50, recipe, 2.0)[..., 0]
    np.testing.assert_array_equal(indices, sampling.eval_clips_at_fps(50, 2, 3, 2, 2.0))


def test_clips_at_two_sets_of_places_are_views_of_their_own():
    recipe = recipe_of("tsm_r50_1x1x8", "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_"
                       "20230317-be0fc26e.pth")  # fmt: skip
    assert recipe.twice and recipe.num_views == 6
    indices = inference_views.sampled(80, recipe)
    np.testing.assert_array_equal(indices[:, :, 0], [np.arange(5, 80, 10), np.arange(0, 80, 10)])


def test_stored_videos_are_seen_as_they_are(tmp_path):
    folder = datasets.build(tmp_path / "data", datasets.videos(tmp_path / "videos"))
    place = next(read.videos(read.opened(folder), ["train"]))
    files = list(read.steps(read.segments(place)))  # of several segments
    frames = np.stack([read.rgb(frame) for frame, _ in files])
    assert len(frames) >= 20
    expected = inference_views.of_frames(frames, SMALL).all()
    np.testing.assert_array_equal(record_views.opened(place, SMALL).all(), expected)
    slower = dataclasses.replace(SMALL, fps=12.5)  # of records at 25
    expected = inference_views.of_frames(frames[::2], slower).all()
    np.testing.assert_array_equal(record_views.opened(place, slower).all(), expected)
    fields = np.stack([read.flow(field) for _, field in files[:-1]])
    indices = sampling.eval_clips_1x(len(fields), 2, 3, 2)
    expected = schema.flow_to_unit(fields[indices][:, :, 8:40, 16:48])  # of 48x64
    np.testing.assert_allclose(record_views.opened(place, FLOW).all(), expected, atol=1e-6)


def test_what_cannot_be_seen_is_one_line(clip, tmp_path):
    one = write_video(tmp_path / "one.mp4", texture_frames(1))
    long = write_video(tmp_path / "long.mp4", [np.zeros((16, 400, 3), np.uint8)] * 3)
    for path, recipe, words in (
        (one, FLOW, "one.mp4: 1 frame; flow needs 2"),
        (long, SMALL, r"long.mp4: frames of 400x16 pixels; expected an aspect of at most 10:1"),
        (clip, dataclasses.replace(SMALL, crop=48), "at least 48 pixels, got 53x40"),
        (clip, dataclasses.replace(SMALL, crops=3), "a side of 32 pixels, got 53x40"),
        (tmp_path / "none.mp4", SMALL, "none.mp4: no such file"),
    ):
        with pytest.raises(video_frames.VideoError, match=words):
            inference_views.views(path, recipe)
    with pytest.raises(inference_views.NothingThere, match="no frame from 2 s on"):
        inference_views.views(clip, SMALL, 2.0)
    with pytest.raises(video_frames.VideoError, match="0 <= start_s < end_s"):
        inference_views.views(clip, SMALL, 2.0, 1.0)


def test_every_model_of_videos_has_a_recipe():
    for name in models.names():
        if name != "inception_v1":
            recipe = recipe_of(name)
            assert recipe.model == name
            assert recipe.num_views >= 1 and recipe.shape[0] >= 1


def test_recipes_come_from_published_names():
    name = "r2plus1d_r34_8xb8-32x2x1-180e_kinetics400-rgb_20220812-4270588c.pth"
    recipe = recipe_of("r2plus1d_r34_8x8x1", f"weights/{name}")
    assert (recipe.frames, recipe.stride, recipe.labels) == (32, 2, "kinetics400")
    assert recipe_of("r2plus1d_r34_8x8x1", "weights/other.pth").frames == 8
    card = recipe_of("inception_i3d", "checkpoints/flow_imagenet/model.ckpt.index")
    assert (card.stream, card.flow_method, card.range, card.fps) == ("flow", "tvl1", (-1, 1), 25)
    assert recipes.published_model("demo/rgb.weights.h5") == "inception_i3d"
    assert recipes.published_model("rgb.weights.h5") == ""
    with pytest.raises(ValueError, match="did you mean 'slowonly_r50_4x16x1'"):
        recipe_of("slowonly_4x16x1")
    with pytest.raises(ValueError, match="of --model=r2plus1d_r34_8x8x1 by its name, got"):
        recipe_of("tv_r2plus1d_18", name)


def test_recipes_of_training_runs():
    settings = {"data.stream": "flow", "data.frames": 5, "data.stride": 1, "data.size": 32}
    settings |= {"data.flow_method": "dis", "model.name": "tsn_r50_5x1x3_flow", "model.width": 0.5}
    recipe = recipes.recipe_of_run(settings, 40)  # as older runs, without the keys below
    assert (recipe.shape, recipe.num_views, recipe.range) == ((5, 32, 32, 2), 10, (-1, 1))
    settings |= {"data.segments": 3, "data.mean": [127.0, 128.0], "data.std": [64.0, 32.0]}
    recipe = recipes.recipe_of_run(settings, 40)
    assert (recipe.shape, recipe.num_views, recipe.range) == ((3, 32, 32, 10), 1, None)
    assert (recipe.resize, recipe.fps, recipe.flow_method) == (40, 25, "dis")
    pixel = np.tile(np.uint8([191, 96]), 5)
    assert inference_pixels.normalised(pixel, recipe).tolist() == [1, -1] * 5
    with pytest.raises(ValueError, match="no model.width"):
        recipes.recipe_of_run({k: v for k, v in settings.items() if k != "model.width"})


def test_resize_is_opencv_itself():
    picture = golden_video()[0]
    expected = cv2.resize(picture, (89, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(inference_pixels.resized(picture, 64), expected)


@pytest.mark.parametrize("name", ["ut_interaction/pushing/16_13_5.avi", "misc/baseball.mp4"])
def test_real_videos_with_wrong_headers(clips, name):
    """86 frames by the header and 85 in the file; 183 and 167."""
    expected = sampled._expected_count(clips / name, 0.0, 0.0, None)
    frames = list(video_frames.read_frames(clips / name, None, None))
    assert len(frames) < expected
    views = inference_views.views(clips / name, SMALL)
    np.testing.assert_array_equal(views, inference_views.of_frames(frames, SMALL).all())
