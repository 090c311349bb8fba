"""The table of published checkpoints, and what each model sees by default."""

import gzip
import json

import pytest

from i3d import models
from i3d.weights import cards, zoo
from i3d.weights.localization_zoo import takes_features
from i3d.weights.zoo import CARDS, EVERY_CARD
from tests.helpers.processes import ROOT

GOLDEN = ROOT / "tests/golden/mmaction_zoo.json.gz"


def test_rows_are_whole():
    assert len(CARDS) == 57
    for file, card in CARDS.items():
        hub = file.endswith(".pyth")
        assert file == card.file == f"{card.name}.p{'y' * hub}th"
        assert 30 < card.top1 < 90
        assert card.top5 is None or card.top1 < card.top5 < 100
        resize = card.spec.resize
        assert card.spec.crop <= (resize if isinstance(resize, int) else min(resize))
        assert card.licence == ("BSD-3-Clause" if card.model.startswith("tv_") else "Apache-2.0")
        kind, _, beginning = card.integrity.partition(":")
        assert hub or (kind == "sha256" and len(beginning) == 8 and int(beginning, 16) >= 0)
        names = card.class_names()
        assert len(names) == (400 if card.data == "kinetics400" else 0)


def test_rows_as_published():
    card = CARDS["tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_sthv2-rgb_20230317-be0fc26e.pth"]
    assert (card.model, card.data, card.num_classes) == ("tsm_r50_1x1x8", "sthv2", 174)
    assert (card.top1, card.top5) == (62.72, 87.7)
    spec = card.spec
    assert (spec.frames, spec.segments, spec.crops, spec.twice) == (1, 8, 3, True)
    assert (spec.average, spec.num_views, spec.fixed_segments) == ("prob", 6, True)
    spec = CARDS["SLOW_8x8_R50.pyth"].spec
    assert (spec.frames, spec.stride, spec.fps, spec.crop, spec.crops) == (8, 9, 30.0, 256, 3)
    spec = CARDS["s3d-d76dad2f.pth"].spec
    assert (spec.frames, spec.fps, spec.resize) == (128, 15.0, (256, 256))


def test_rows_of_mmaction2_are_its_metafiles():
    """Accuracies, and the statistics of pixels of the configuration that tests each file.

    The golden file has both of all 80 rows of MMAction2 1.2.0, read out of its metafiles and, for
    recognition, out of its configurations as it builds them.
    """
    rows = json.loads(gzip.decompress(GOLDEN.read_bytes()))
    own = [card for card in EVERY_CARD.values() if card.file in rows]
    assert len(own) == 59
    for card in own:
        row, scores = rows[card.file], (card.top1, card.top5, card.frame_map)
        assert [x for x in scores if x is not None] == row["scores"], card.file
        if row["mean"] is not None:
            channels = len(card.spec.mean)
            mean, std = card.spec.mean, card.spec.std
            assert (list(mean), list(std)) == (row["mean"][:channels], row["std"]), card.file
    assert sum(rows[card.file]["mean"] is not None for card in own) == 48


def test_statistics_of_csn():
    """Of ImageNet where IG-65M came first, else of Kinetics, as MMAction2's configurations."""
    for card in (card for card in CARDS.values() if "csn" in card.model):
        first = 123.675 if "ig65m" in card.file else 110.2008
        assert card.spec.mean[0] == first, card.file


def test_models_are_in_the_catalogue():
    assert {card.model for card in EVERY_CARD.values()} <= set(models.names())


def test_files_are_known_by_their_published_names():
    name = "r2plus1d_r34_8xb8-32x2x1-180e_kinetics400-rgb_20220812-4270588c.pth"
    card = zoo.card_of(f"weights/{name}")
    assert (card.model, card.spec.frames, card.spec.stride) == ("r2plus1d_r34_8x8x1", 32, 2)
    assert card.labels == "kinetics400"
    for path in ("checkpoints/flow_imagenet/model.ckpt.index", "a/flow_imagenet/model.ckpt"):
        assert zoo.card_of(path) is cards.CARDS["flow_imagenet"]
    assert zoo.card_of("demo/rgb.weights.h5") is cards.DEMO_CARDS["demo_rgb"]
    for path in ("rgb.weights.h5", "model.ckpt", f"{name}.bak", "weights/other.pth"):
        assert zoo.card_of(path) is None


def test_every_model_of_videos_is_seen_somehow():
    for name in models.names():
        # Of pictures; a model that other tests bring.
        if name not in ("inception_v1", "tiny") and not takes_features(name):
            spec = zoo.default_spec(name)
            assert spec.num_views >= 1 and spec.view_shape[0] >= 1
    with pytest.raises(ValueError, match="did you mean 'slowonly_r50_4x16x1'"):
        zoo.default_spec("slowonly_4x16x1")


def test_published_i3d_sees_whole_videos():
    """As its authors tested it: all frames at 25 per second, centre crop, mean of logits."""
    own = (cards.DEMO_CARDS[name] for name in ("demo_rgb", "demo_flow"))
    for card in (*cards.CARDS.values(), *own):
        spec = card.spec
        assert spec.whole and (spec.longest, spec.min_frames, spec.fps) == (250, 9, 25.0)
        assert (spec.crops, spec.average, spec.range) == (1, "logits", (-1.0, 1.0))
        flow = ("tvl1", 20.0) if spec.stream == "flow" else ("", 0.0)
        assert (spec.flow_method, spec.flow_bound_px) == flow
        assert len(card.class_names()) == card.num_classes
