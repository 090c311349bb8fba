"""The views of a video: golden inputs of published pipelines, files, parts, windows, records."""

import dataclasses
import hashlib
import itertools

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from i3d import spec as input_spec
from i3d.data import augment, cropping, read, sampling, view_sampling
from i3d.flow import methods
from i3d.inference import clips as inference_clips
from i3d.inference import pixels as inference_pixels
from i3d.inference import views as inference_views
from i3d.runtime import once
from i3d.runtime.command import UserError
from i3d.spec import WHOLE, InputSpec
from i3d.video import frames as video_frames
from i3d.video import picture as video_picture
from i3d.video import pictures, sampled
from i3d.weights import zoo
from tests.helpers import datasets
from tests.helpers.golden_views import E2E, E2E_MODELS, golden_spec, golden_video
from tests.helpers.images import written
from tests.helpers.videos import texture_frames, write_video

SMALL = InputSpec(
    frames=3, stride=2, clips=2, crops=1, resize=40, crop=32, mean=(0.0,) * 3, std=(1.0,) * 3
)
FLOW = dataclasses.replace(SMALL, stream="flow", flow_method="dis", mean=(), std=(), range=(-1, 1))


def views(video, spec, start_s=0.0, end_s=None):
    """Returns uint8 [V, N, H, W, C] of a file, or of a part of it."""
    if start_s or end_s is not None:
        return np.stack(list(inference_clips.opened(video, spec, start_s, end_s)))
    return np.stack(list(inference_views.views_of(video, spec)))


def of_frames(frames, spec, fps=0.0):
    return np.stack(list(inference_clips.of_frames(frames, spec, fps)))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 50 frames at 30 per second, 64x48."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, texture_frames(50), rate=30)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(once, "_told", bytearray(2))


@pytest.mark.parametrize("name", E2E_MODELS)
def test_inputs_are_those_of_the_published_pipelines(name):
    frames, spec = golden_video(), golden_spec(name)
    assert hashlib.sha256(frames.tobytes()).digest() == E2E["video_sha256"].tobytes()
    found, shape = of_frames(frames, spec), tuple(E2E[f"{name}/inputs_shape"])
    assert found.shape == (spec.num_views, *spec.view_shape) and found.dtype == np.uint8
    if len(shape) == 4:  # images of all segments
        found = found.transpose(0, 1, 4, 2, 3).reshape(shape)
    else:
        found = found.transpose(0, 4, 1, 2, 3)
    assert found.shape == shape
    digest = hashlib.sha256(np.ascontiguousarray(found).tobytes()).digest()
    assert digest == E2E[f"{name}/inputs_sha256"].tobytes()


@pytest.mark.parametrize("spec", [SMALL, FLOW], ids=["rgb", "flow"])
@pytest.mark.parametrize("fps", [0.0, 25.0])
def test_a_file_gives_what_its_frames_give(clip, spec, fps):
    spec = dataclasses.replace(spec, fps=fps)
    frames = list(video_frames.read_frames(clip, fps or None, None))
    expected = of_frames(frames, spec)
    assert expected.shape == (2, 3, 32, 32, spec.channels) and expected.dtype == np.uint8
    np.testing.assert_array_equal(views(clip, spec), expected)
    part = list(video_frames.read_frames(clip, fps or None, None, 0.5, 1.3))
    np.testing.assert_array_equal(views(clip, spec, 0.5, 1.3), of_frames(part, spec))
    assert len(part) == round(0.8 * (fps or 30))


@pytest.mark.parametrize("expected", [1, 10, 49, 51, 10**9])
def test_a_wrong_header_changes_nothing(clip, monkeypatch, expected):
    right = [views(clip, spec) for spec in (SMALL, FLOW)]
    monkeypatch.setattr(sampled, "_expected_count", lambda *_: expected)
    for spec, found in zip((SMALL, FLOW), right, strict=True):
        np.testing.assert_array_equal(views(clip, spec), found)


def test_what_is_not_sampled_is_not_converted(clip, monkeypatch):
    converted, convert = [], video_picture.Converter.__call__

    def counted(self, frame):
        converted.append(frame)
        return convert(self, frame)

    monkeypatch.setattr(video_picture.Converter, "__call__", counted)
    found = inference_clips.opened(clip, SMALL)
    assert len(converted) == len(np.unique(sampling.eval_clips_1x(50, 2, 3, 2))) == 6
    assert len(found) == len(list(found)) == 2
    assert found.end_s == pytest.approx(50 / 30, abs=1e-3)


def test_flow_is_that_of_the_resized_frames(clip):
    frames = [
        inference_pixels.resized(frame, 40) for frame in video_frames.read_frames(clip, None, None)
    ]
    fields = np.stack(list(methods.flow_fields(iter(frames), "dis")))
    indices = sampling.eval_clips_1x(49, 2, 3, 2)
    expected = fields[indices][:, :, 4:36, 10:42]  # of 40x53
    found = (views(clip, FLOW).astype(np.float32) - 128) * (20 / 127)
    assert np.abs(found - expected).max() <= 0.5 * 20 / 127 + 1e-5  # half a level
    assert expected.std() > 0.3


def test_flow_of_three_crops_is_resized_as_stored_flow_is(clip):
    three = dataclasses.replace(FLOW, crops=3)  # flow at 40 pixels, then squares of 32
    whole = dataclasses.replace(FLOW, crop=40, crops=3)
    found, stored = views(clip, three), views(clip, whole)
    assert found.shape == (6, 3, 32, 32, 2) and stored.shape == (6, 3, 40, 40, 2)
    indices = sampling.eval_clips_1x(49, 2, 3, 2)
    frames = [
        inference_pixels.resized(frame, 40) for frame in video_frames.read_frames(clip, None, None)
    ]
    fields = [inference_pixels.levels(f) for f in methods.flow_fields(iter(frames), "dis")]
    small = inference_pixels.resized(fields[indices[1, 2]], 32)
    left = cropping.three_crops(small.shape[:2], 32)[0]
    np.testing.assert_array_equal(found[1, 2], inference_pixels.cut(small, left))


def test_segments_follow_each_other_in_one_view(clip):
    one = dataclasses.replace(FLOW, frames=1, stride=1, clips=49)
    fields = views(clip, one)[:, 0]
    spec = zoo.default_spec("tsn_r50_5x1x3_flow")
    spec = dataclasses.replace(spec, segments=2, resize=40, crop=32, crops=10, flow_method="dis")
    found = views(clip, spec)
    assert spec.view_shape == (10, 32, 32, 2) and spec.channels == 10 and spec.length == 2
    assert len(found) == spec.num_views == 10
    order = sampling.eval_clips_1x(49, 2, 5, 1).ravel()
    np.testing.assert_array_equal(found[8], fields[order])  # the centre


@pytest.mark.parametrize("size", [(72, 100), (100, 72), (72, 72)])
@pytest.mark.parametrize("channels", [2, 3])
def test_crops_are_those_of_the_records(size, channels):
    random = np.random.default_rng(0)
    clip = random.integers(0, 256, (1, *size, channels), np.uint8)
    for crops, side in ((1, 56), (3, 72), (10, 56)):
        made = cropping.of_spec(InputSpec(crops=crops, crop=side))(size)
        assert len(made) == crops
        for crop in made:
            part = augment.cut(tf.constant(clip), crop)[0]
            np.testing.assert_array_equal(inference_pixels.cut(clip[0], crop), part)


@pytest.mark.parametrize("size", [(72, 100), (101, 67), (240, 320), (48, 48)])
def test_sizes_are_those_of_the_records(size):
    random = np.random.default_rng(1)
    picture = random.integers(0, 256, (*size, 3), np.uint8)
    for wanted in (64, 48, (30, 40)):
        shape = wanted if isinstance(wanted, tuple) else augment.scaled_size(size, wanted)
        shape = tuple(int(side) for side in shape)
        expected = augment.resize(tf.constant(picture[None]), shape)[0]
        np.testing.assert_array_equal(inference_pixels.resized(picture, wanted), expected)


def test_windows_slide_and_a_short_rest_is_left_out(clip):
    found = [
        (s, e, np.stack(list(v))) for s, e, v in inference_clips.windows(clip, SMALL, 0.5, 0.4)
    ]
    assert [(round(s, 3), round(e, 3)) for s, e, _ in found] == [
        (0.0, 0.5),
        (0.4, 0.9),
        (0.8, 1.3),
        (1.2, 1.667),
    ]
    for start, end, window in found:
        expected = np.stack(list(inference_clips.opened(clip, SMALL, start, end)))
        np.testing.assert_array_equal(window, expected)
    assert len({window.tobytes() for *_, window in found}) == 4
    limits = [(s, e) for s, e, _ in inference_clips.windows(clip, SMALL, 0.75, None, 0.1, 1)]
    assert limits == [(0.1, 0.85)]  # 0.15 s are left, less than half a window
    assert [e for _, e, _ in inference_clips.windows(clip, FLOW, 9.0)] == [found[-1][1]]
    at_once = list(inference_clips.windows(clip, SMALL, 5 / 6))  # the end is a window's end
    assert len(at_once) == 2
    keys = [key for key, _ in inference_views.ViewsOf(SMALL, 0.5, 0.4)(clip)]
    assert [key.window for key in keys] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_short_video_is_looped_and_told_once(clip, capsys):
    longer = dataclasses.replace(SMALL, frames=80, stride=1, clips=1)
    found = views(clip, longer)
    np.testing.assert_array_equal(found[0, 50:], found[0, :30])
    views(clip, longer)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and f"{clip}: 50 frames, fewer than the 80" in told[0]
    views(clip, SMALL)
    assert not capsys.readouterr().err


def test_a_window_that_is_left_out_is_not_told_to_be_looped(clip, capsys):
    spec = dataclasses.replace(SMALL, frames=12, stride=1, clips=1)
    assert len(list(inference_clips.windows(clip, spec, 0.75))) == 2  # 5 frames are left out
    assert not capsys.readouterr().err
    assert len(list(inference_clips.windows(clip, spec, 0.3))) == 6
    assert f"{clip}: 9 frames, fewer than the 12" in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["rgb", "flow"])
@pytest.mark.parametrize("stride", [1, 3])
def test_whole_videos_are_cut_into_equal_clips(clip, stream, stride):
    base = SMALL if stream == "rgb" else FLOW
    spec = dataclasses.replace(base, clips=WHOLE, longest=7, stride=stride, crops=1)
    found = list(inference_views.views_of(clip, spec))
    steps = -(-(50 - (stream == "flow")) // stride)
    lengths = [len(view) for view in found]
    assert sum(lengths) == steps and max(lengths) <= 7 and max(lengths) - min(lengths) <= 1
    assert len(lengths) == -(-steps // 7)
    every = dataclasses.replace(base, frames=steps, stride=stride, clips=1)
    np.testing.assert_array_equal(np.concatenate(found), views(clip, every)[0])
    (one,) = inference_views.views_of(clip, dataclasses.replace(spec, longest=0))
    np.testing.assert_array_equal(one, views(clip, every)[0])


def test_whole_videos_that_are_too_short_are_looped(tmp_path):
    path = write_video(tmp_path / "short.mp4", texture_frames(5))
    spec = dataclasses.replace(SMALL, clips=WHOLE, longest=250, stride=1, min_frames=9)
    (found,) = inference_views.views_of(path, spec)
    assert len(found) == 9
    np.testing.assert_array_equal(found[5:], found[:4])


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_a_part_of_a_whole_video_is_that_of_its_frames(clip, stream):
    base = SMALL if stream == "rgb" else FLOW
    spec = dataclasses.replace(base, clips=WHOLE, longest=7, stride=1)
    found = np.concatenate(list(inference_views.views_of(clip, spec, start_s=0.2, end_s=0.8)))
    assert len(found) == 18 - (stream == "flow")
    if stream == "rgb":
        whole = np.concatenate(list(inference_views.views_of(clip, spec)))
        np.testing.assert_array_equal(found, whole[6:24])


def test_a_still_is_a_video_of_one_frame(tmp_path, capsys):
    written(tmp_path, "a.png", height=40, width=50)
    still = pictures.Still(str(tmp_path / "a.png"))
    for spec in (SMALL, dataclasses.replace(SMALL, clips=WHOLE, min_frames=9, fps=25.0)):
        for view in inference_views.views_of(still, spec):
            assert len(view) == (9 if spec.whole else 3) and (view == 10).all()
    assert not capsys.readouterr().err
    with pytest.raises(UserError, match=r"a\.png: 1 frame; flow needs 2"):
        list(inference_views.views_of(still, FLOW))
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(UserError, match=r"a\.png: not an image"):
        list(inference_views.views_of(still, SMALL))


def test_another_rate_takes_longer_steps(clip):
    """At 30 frames per second, a network of 15 sees every second of the frames that it is told."""
    spec = dataclasses.replace(SMALL, fps=15.0, steps_at_fps=True)
    frames = list(video_frames.read_frames(clip, None, None))
    np.testing.assert_array_equal(views(clip, spec), of_frames(frames, spec, fps=30.0))
    indices = view_sampling.indices(50, spec, 2.0)
    np.testing.assert_array_equal(indices, sampling.eval_clips_at_fps(50, 2, 3, 2, 2.0))


def test_clips_at_two_sets_of_places_are_views_of_their_own():
    card = zoo.card_of(
        "tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e.pth"
    )
    assert card.spec.twice and card.spec.num_views == 6 and card.spec.fixed_segments
    indices = view_sampling.indices(80, card.spec)
    np.testing.assert_array_equal(indices, [np.arange(5, 80, 10), np.arange(0, 80, 10)])


SPECS = {
    "small": SMALL,
    "flow": FLOW,
    "three crops": dataclasses.replace(SMALL, crops=3),
    "flow, three crops": dataclasses.replace(FLOW, crops=3),
    "another rate": dataclasses.replace(SMALL, fps=12.5),
    "steps at another rate": dataclasses.replace(SMALL, fps=50.0, steps_at_fps=True),
    "segments, twice": dataclasses.replace(SMALL, segments=3, frames=1, twice=True),
    "bicubic": dataclasses.replace(SMALL, resize=50, interpolation="bicubic"),
    "lower middles": dataclasses.replace(
        SMALL, segments=8, frames=1, interpolation="bicubic", frame_of_segment="lower_middle"
    ),
    "whole, bicubic": dataclasses.replace(SMALL, clips=WHOLE, resize=36, interpolation="bicubic"),
    "stacked flow": dataclasses.replace(FLOW, segments=3, frames=2, crops=10),
    "whole": dataclasses.replace(SMALL, clips=WHOLE, longest=9, stride=1),
    "whole flow": dataclasses.replace(FLOW, clips=WHOLE, longest=12, stride=2, min_frames=12),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("stored")
    return datasets.build(root / "data", datasets.videos(root / "videos"))


@pytest.mark.long
@pytest.mark.parametrize("name", SPECS)
def test_stored_videos_give_the_same_views_in_tf_data(folder, name):
    """The two decoders of records: that of predict and that of evaluate."""
    from i3d.data import pipeline, stored

    spec = SPECS[name]
    places = list(read.videos(read.opened(folder), ["train"]))
    expected = [list(inference_views.views_of(place, spec)) for place in places]
    records = stored.opened(folder, "train", (spec.stream,))
    found = list(pipeline.eval_batches(records, spec, 1).as_numpy_iterator())
    assert [row["id"][0].decode() for row in found] == [
        place.id for place, seen in zip(places, expected, strict=True) for _ in seen
    ]
    rows = iter(found)
    for place, seen in zip(places, expected, strict=True):
        of_video = list(itertools.islice(rows, len(seen)))
        assert [row["view"][0] for row in of_video] == list(range(len(seen))), place
        clips = len(seen) // spec.crops
        for row in of_video:  # there, the crops of a clip follow each other
            clip, crop = divmod(int(row["view"][0]), spec.crops)
            np.testing.assert_array_equal(
                row[spec.stream][0], seen[_number(spec, crop, clip, clips)]
            )


def _number(spec, crop, clip, clips):
    return clip * spec.crops + crop if spec.whole else crop * clips + clip


def test_stored_videos_are_seen_as_they_are(folder):
    place = next(read.videos(read.opened(folder), ["train"]))
    files = list(read.steps(read.segments(place)))  # of several segments
    frames = np.stack([read.rgb(frame) for frame, _ in files])
    assert len(frames) >= 20
    np.testing.assert_array_equal(views(place, SMALL), of_frames(frames, SMALL))
    slower = dataclasses.replace(SMALL, fps=12.5)  # of records at 25
    np.testing.assert_array_equal(views(place, slower), of_frames(frames[::2], slower))
    fields = np.stack([inference_pixels.apart(read.picture(field)) for _, field in files[:-1]])
    indices = sampling.eval_clips_1x(len(fields), 2, 3, 2)
    same = dataclasses.replace(FLOW, resize=48)
    expected = fields[indices][:, :, 8:40, 16:48]  # of 48x64
    np.testing.assert_array_equal(views(place, same), expected)


def test_what_cannot_be_seen_is_one_line(clip, tmp_path):
    one = write_video(tmp_path / "one.mp4", texture_frames(1))
    long = write_video(tmp_path / "long.mp4", [np.zeros((16, 400, 3), np.uint8)] * 3)
    for path, spec, words in (
        (one, FLOW, "one.mp4: 1 frame; flow needs 2"),
        (one, dataclasses.replace(FLOW, clips=WHOLE), "one.mp4: 1 frame; flow needs 2"),
        (long, SMALL, r"long.mp4: frames of 400x16 pixels; expected an aspect of at most 10:1"),
        (clip, dataclasses.replace(SMALL, crop=48), "clip.mp4: a crop of 48x48 .*, got 40x53"),
        (tmp_path / "none.mp4", SMALL, "none.mp4: no such file"),
    ):
        with pytest.raises(video_frames.VideoError, match=words):
            views(path, spec)
    with pytest.raises(inference_clips.NothingThere, match="no frame from 2 s on"):
        views(clip, SMALL, 2.0)
    with pytest.raises(video_frames.VideoError, match="0 <= start_s < end_s"):
        views(clip, SMALL, 2.0, 1.0)


def test_views_asked_for_are_those_taken(clip):
    assert len(views(clip, input_spec.asked(SMALL, clips=5, crops=10))) == 50
    three = input_spec.asked(SMALL, crops=3)
    assert views(clip, three).shape == (6, 3, 32, 32, 3) and three.resize == 40


def test_bicubic_views_of_a_file_are_those_of_its_frames(clip):
    lower = {"segments": 4, "frames": 1, "frame_of_segment": "lower_middle"}
    for others in (lower, {"clips": WHOLE}):
        spec = dataclasses.replace(SMALL, interpolation="bicubic", crop=33, **others)
        frames = list(video_frames.read_frames(clip, None, None))
        assert frames[0].shape == (48, 64, 3)
        if spec.segments:
            frames = [frames[int(i * 50 / 4 + (50 / 4 - 1) / 2)] for i in range(4)]
        else:
            frames = frames[:: spec.stride]
        size = Image.Resampling.BICUBIC
        expected = [np.asarray(Image.fromarray(f).resize((53, 40), size)) for f in frames]
        (found,) = views(clip, spec)
        np.testing.assert_array_equal(found, np.stack(expected)[:, 4:37, 10:43])


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
    np.testing.assert_array_equal(views(clips / name, SMALL), of_frames(frames, SMALL))
