"""InputSpec: what a network sees of a video, in words, in JSON and as asked for."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest

from i3d import spec as input_spec
from i3d.runtime.command import UserError
from i3d.spec import WHOLE, InputSpec, asked
from i3d.weights import cards, zoo
from i3d.weights.kinds import taken_by
from tests.helpers.processes import ROOT

CARDS = {**cards.CARDS, **cards.DEMO_CARDS, **zoo.CARDS}
OF_VIDEOS = [name for name, card in CARDS.items() if taken_by(card.model) != "features"]
SEGMENTS = InputSpec(segments=8, frames=5, stream="flow", crops=10, twice=True, average="logits")
RUN = {"data.stream": "flow", "data.frames": 5, "data.stride": 1, "data.size": 32}
RUN |= {"data.flow_method": "dis", "model.name": "tsn_r50_5x1x3_flow", "model.width": 0.5}


@pytest.mark.parametrize("name", OF_VIDEOS)
def test_json_gives_the_spec_of_every_card_back(name):
    spec = CARDS[name].spec
    text = json.dumps(spec.to_json())
    assert input_spec.from_json(json.loads(text)) == spec
    assert hash(input_spec.from_json(json.loads(text))) == hash(spec)


def test_json_of_a_later_version_and_of_bad_numbers_is_told():
    fields = InputSpec().to_json()
    with pytest.raises(UserError, match="'tubes' is not known; it was written by a later version"):
        input_spec.from_json(fields | {"tubes": 3})
    with pytest.raises(UserError, match=r"crops: expected one of \(1, 3, 10\), got 5"):
        input_spec.from_json(fields | {"crops": 5})
    assert input_spec.from_json({}) == InputSpec()


@pytest.mark.parametrize(
    "name, wrong, near",
    [
        ("frames", 0, 1),
        ("stride", 0, 1),
        ("segments", -1, 0),
        ("clips", -1, 0),
        ("frames", 10**9, 1000),
        ("frames", 1e9, 16),
        ("frames", "8", 8),
        ("frames", True, 1),
        ("crop", 10**5, 4096),
        ("resize", (8, 9, 10), (8, 9)),
        ("resize", math.nan, 256),
        ("fps", math.inf, 25),
        ("fps", 10**400, 25.0),
        ("mean", (1.0, math.nan, 1.0), ()),
        ("mean", (1.0,) * 10_000, ()),
        ("mean", "abc", ()),
        ("range", (1.0,), (-1, 1)),
        ("flow_method", {}, "dis"),
    ],
)
def test_what_is_out_of_range_or_of_another_type_is_told(name, wrong, near):
    with pytest.raises(UserError, match=f"^{name}: expected .* (from|name)") as caught:
        InputSpec(**{name: wrong})
    assert len(str(caught.value)) < 200
    InputSpec(**{name: near})


def test_fields_that_contradict_each_other_are_told():
    with pytest.raises(UserError, match="std: expected 3 numbers"):
        InputSpec(mean=(1.0, 2.0, 3.0))
    with pytest.raises(UserError, match="std: expected 3 numbers from 0.0001"):
        InputSpec(mean=(1.0, 2.0, 3.0), std=(1.0, 0.0, 1.0))
    with pytest.raises(UserError, match="views of at most 1,073,741,824 numbers, got 1000 frames"):
        InputSpec(frames=1000, crop=4096)


def test_bicubic_and_lower_middles_are_where_they_have_a_meaning():
    with pytest.raises(UserError, match="interpolation: 'bicubic' is of pictures"):
        InputSpec("flow", interpolation="bicubic")
    with pytest.raises(UserError, match=r"frame_of_segment: .* got segments=0, frames=1"):
        InputSpec(frame_of_segment="lower_middle")
    with pytest.raises(UserError, match=r"interpolation: expected one of .* got 'lanczos'"):
        InputSpec(interpolation="lanczos")
    spec = InputSpec(segments=8, interpolation="bicubic", frame_of_segment="lower_middle")
    fields = spec.to_json()
    assert (fields["interpolation"], fields["frame_of_segment"]) == ("bicubic", "lower_middle")
    assert input_spec.from_json(fields) == spec
    assert not {"interpolation", "frame_of_segment", "activation"} & InputSpec().to_json().keys()
    assert asked(spec, clips=16).segments == 16


@pytest.mark.parametrize("fields", [[], None, "spec", 5, {"stream": ["rgb"]}, {"average": {}}])
def test_json_of_another_kind_is_told(fields):
    with pytest.raises(UserError, match="expected"):
        input_spec.from_json(fields)


@pytest.mark.parametrize("crops", [0, 2, 4, 11])
def test_crops_are_one_three_or_ten(crops):
    with pytest.raises(UserError, match=rf"crops: expected one of \(1, 3, 10\), got {crops}"):
        InputSpec(crops=crops)


def test_shapes_and_numbers_of_views():
    clips = InputSpec(frames=16, stride=2, clips=4, crops=3, resize=128, crop=112)
    assert (clips.whole, clips.channels, clips.length, clips.num_views) == (False, 3, 16, 12)
    assert clips.view_shape == (16, 112, 112, 3)
    assert clips.crop_side == 112  # three crops are as high as the picture
    assert dataclasses.replace(clips, crops=10).crop_side == 128
    assert (SEGMENTS.whole, SEGMENTS.channels, SEGMENTS.length) == (False, 10, 8)
    assert (SEGMENTS.num_views, SEGMENTS.view_shape) == (20, (40, 224, 224, 2))
    whole = InputSpec(frames=64, clips=WHOLE, longest=250)
    assert (whole.whole, whole.length, whole.num_views) == (True, None, 1)
    assert whole.view_shape == (250, 224, 224, 3)
    assert not dataclasses.replace(whole, segments=3).whole


def test_other_clips_and_crops_than_the_published_ones():
    spec = CARDS["rgb_imagenet"].spec
    assert asked(spec) == spec
    assert asked(spec, clips=3, crops=10) == dataclasses.replace(spec, clips=3, crops=10)
    assert asked(spec, clips=WHOLE) == spec
    run = InputSpec(frames=64, clips=10, min_frames=1)
    looped = asked(run, clips=WHOLE)  # the network never saw fewer frames than a clip's
    assert (looped.whole, looped.min_frames) == (True, 64)
    assert asked(run, crops=3) == dataclasses.replace(run, crops=3)
    with pytest.raises(UserError, match="crops: expected one of"):
        asked(run, crops=2)


def test_other_numbers_of_segments():
    more = asked(SEGMENTS, clips=25)
    assert (more.segments, more.clips, more.twice) == (25, SEGMENTS.clips, False)
    assert asked(SEGMENTS, clips=8) == SEGMENTS  # twice still
    with pytest.raises(UserError, match="--whole_video: the network sees segments"):
        asked(SEGMENTS, clips=WHOLE)
    fixed = dataclasses.replace(SEGMENTS, fixed_segments=True)
    assert asked(fixed, clips=8, crops=1) == dataclasses.replace(fixed, crops=1)
    with pytest.raises(UserError, match="--clips: these weights take 8 segments, no others"):
        asked(fixed, clips=4)


@pytest.mark.parametrize(
    "spec, line",
    [
        (
            CARDS["flow_imagenet"].spec,
            "the whole video in equal clips of at most 250 frames x 1 crop(s) of 224 px, 25 fps; "
            "mean of logits over its views",
        ),
        (
            InputSpec(frames=4, stride=16, clips=10, crops=3, crop=256),
            "10 clip(s) of 4 frames, stride 16 x 3 crop(s) of 256 px, own frame rate; mean of "
            "probabilities over 30 view(s)",
        ),
        (
            SEGMENTS,
            "16 segment(s) of 5 fields x 10 crop(s) of 224 px, own frame rate; mean of logits "
            "over 20 view(s)",
        ),
        (
            InputSpec(segments=8, interpolation="bicubic", frame_of_segment="lower_middle"),
            "8 segment(s) x 1 crop(s) of 224 px, bicubic, own frame rate; mean of probabilities "
            "over 1 view(s)",
        ),
        (
            InputSpec(clips=WHOLE, stride=3, frames=16, fps=12.5),
            "the whole video, stride 3 x 1 crop(s) of 224 px, 12.5 fps; mean of probabilities "
            "over its views",
        ),
    ],
)
def test_one_line_says_which_views_there_are(spec, line):
    assert spec.described() == line


def test_spec_of_a_training_run():
    spec = input_spec.of_settings(RUN, short_side=40, fps=25.0)  # as runs before segments wrote it
    assert (spec.view_shape, spec.num_views, spec.range) == ((5, 32, 32, 2), 10, (-1, 1))
    assert (spec.resize, spec.fps, spec.flow_method, spec.average) == (40, 25, "dis", "logits")
    more = {"data.segments": 3, "data.mean": [127.0, 128.0], "data.std": [64.0, 32.0]}
    spec = input_spec.of_settings(RUN | more, 40, 25.0)
    assert (spec.length, spec.channels, spec.num_views, spec.range) == (3, 10, 1, None)
    assert (spec.mean, spec.std) == ((127.0, 128.0), (64.0, 32.0))
    unnamed = input_spec.of_settings(RUN | {"data.flow_method": ""}, 40, 25.0)
    assert unnamed.flow_method == "tvl1" and unnamed.flow_bound_px == 20
    rgb = input_spec.of_settings(RUN | {"data.stream": "rgb"}, 40, 25.0)
    assert (rgb.flow_method, rgb.flow_bound_px) == ("", 0)
    text = {"data.interpolation": "bicubic", "data.frame_of_segment": "lower_middle"}
    text |= {"data.stream": "rgb", "data.segments": 8, "data.frames": 1}
    spec = input_spec.of_settings(RUN | text, 40, 25.0)
    assert (spec.resize, spec.crop, spec.interpolation) == (36, 32, "bicubic")
    assert spec.frame_of_segment == "lower_middle"
    with pytest.raises(UserError, match="not the configuration of a training run: no data.size"):
        input_spec.of_settings({k: v for k, v in RUN.items() if k != "data.size"}, 40, 25.0)


def test_neither_numpy_nor_tensorflow_is_imported():
    code = (
        "import sys, i3d.spec; print(sorted({'numpy', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done
