"""The flags that every command with a network has."""

import re

import pytest
from absl import flags

from i3d.inference import options
from i3d.runtime.command import UserError
from i3d.spec import WHOLE
from i3d.weights import cards, zoo

TV = "tv_r3d_18"
TSM = "tsm_r50_1x1x8"


def parsed(*words, several=False):
    own = flags.FlagValues()
    options.define(own, several)
    own(["test", *map(str, words)])
    return own


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Names of three files that are there, whose heads are not looked at."""
    monkeypatch.setattr(options, "head_classes", lambda file, model: 400)
    names = [tmp_path / "a.pth", tmp_path / "b.pth", tmp_path / "r3d_18-b3b3357e.pth"]
    for name in names:
        name.touch()
    return [str(name) for name in names]


def test_cards_of_what_is_named(files):
    (card,) = options.cards(parsed(f"--model={TV}", f"--checkpoint={files[0]}"))
    assert (card.model, card.file, card.spec) == (TV, files[0], zoo.default_spec(TV))
    (card,) = options.cards(parsed(f"--checkpoint={files[2]}", "--clips=2", "--crops=10"))
    assert card.name == "r3d_18-b3b3357e" and (card.spec.clips, card.spec.crops) == (2, 10)
    words = [f"--model={TV}", f"--model={TSM}", *(f"--checkpoint={file}" for file in files[:2])]
    found = options.cards(parsed(*words, several=True))
    assert [(card.model, card.file) for card in found] == [(TV, files[0]), (TSM, files[1])]


def test_a_file_that_is_no_checkpoint_is_told_before_the_network_is_there(tmp_path):
    (tmp_path / "a.pth").touch()
    with pytest.raises(UserError, match="a.pth: .*empty"):
        options.cards(parsed(f"--model={TV}", f"--checkpoint={tmp_path}/a.pth"))


def test_a_number_of_clips_in_place_of_the_flag(files):
    """WHOLE, the whole video, is 0 and a number as others are."""
    own = parsed(f"--model={TV}", f"--checkpoint={files[0]}", "--clips=2")
    assert options.cards(own)[0].spec.clips == 2
    assert options.cards(own, clips=3)[0].spec.clips == 3
    whole = options.cards(own, clips=WHOLE)[0].spec
    assert whole.whole and whole.min_frames == whole.frames == 16


def test_mistakes(files):
    for words, message in (
        ([], r"--checkpoint is needed: .* demo_flow \(others, .* i3d.cards\(\)"),
        ([f"--checkpoint={files[0]}.gone"], "no such checkpoint; .*, demo_rgb, demo_flow$"),
        (["--checkpoint=demo_rgb", "--checkpoint=demo_rgb"], "rgb.weights.h5 is given twice; "),
        ([f"--checkpoint={files[0]}", f"--checkpoint={files[1]}", f"--model={TV}"],
         "expected a --checkpoint for each --model, got 2"),
        ([f"--checkpoint={files[2]}", f"--model={TSM}"],
         f"a checkpoint of --model={TV}, got --model={TSM}"),
    ):  # fmt: skip
        with pytest.raises(UserError) as error:
            options.cards(parsed(*words, several=True))
        assert re.search(message, str(error.value)), error.value
    with pytest.raises(UserError, match="one of demo_detection$"):
        options.cards_of(["gone"], boxes=True)
    with pytest.raises(UserError, match="either --model=NAME or --config=FILE.py, got both"):
        options.cards(parsed(f"--checkpoint={files[0]}", f"--model={TV}"), {"data.size": 1})
    for word in ("--clips=0", "--crops=2", "--batch_size=0", "--precision=float16"):
        with pytest.raises(flags.Error):
            parsed(word)


def card(name):
    found = {**cards.CARDS, **cards.DEMO_CARDS, **zoo.CARDS}
    return next(c for c in found.values() if name in (c.name, c.model))


@pytest.mark.parametrize(
    "names, expected",
    [
        (["rgb_imagenet"], 1),  # whole videos: one at a time
        (["demo_rgb", "tv_r3d_18"], 1),
        (["i3d_r50_32x2x1"], 1),  # 32 frames of 256 px
        (["slowonly_r50_4x16x1"], 4),
        (["slowonly_r50_8x8x1"], 3),
        (["slowonly_r50_4x16x1", "slowonly_r50_8x8x1"], 3),
        (["tv_r3d_18"], 4),  # 16 of 112 px: no more than four
        (["tsn_r50_1x1x3"], 1),  # 25 segments are one view
        (["tsm_r50_1x1x8"], 4),
        (["tv_s3d"], 1),  # 128 frames: at least one
    ],
)
def test_views_of_a_batch_by_their_size(names, expected):
    chosen = [card(name) for name in names]
    assert options.batch_size(parsed(), chosen) == expected
    assert options.batch_size(parsed("--batch_size=7"), chosen) == 7
