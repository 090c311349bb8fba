"""Multiply-adds of networks: the stored ones are counted again, some are compared with papers."""

import pytest

from i3d import models
from i3d.models import actionclip, flops
from i3d.weights import ava_zoo, clip_zoo, localization_zoo, zoo
from i3d.weights import flops as stored
from i3d.weights.table import cards

# GFLOP as published, of views of this size. Sources: torchvision's documentation; metafiles of
# MMAction2 1.2.0, whose figures of networks tested on three crops are of 256 pixels though they
# name 224; VMZ's model zoo (of 128 pixels, though it names 112); pytorchvideo's model zoo;
# OpenVINO's card of I3D, halved; Szegedy et al. 2015 (Inception), Feichtenhofer 2020 (X3D), Wang et
# al. 2021 (ActionCLIP), Zhang et al. 2022 (ActionFormer).
PUBLISHED = {
    "actionclip_b16_32f 32x224": 563.1,
    "actionclip_b16_8f 8x224": 140.8,
    "actionclip_b32_8f 8x224": 35.4,
    "actionformer 2304x2048": 45.3,
    "c2d_r101_nopool_8x8x1 8x224": 63,
    "c2d_r50 8x256": 25.9,
    "c2d_r50_16x4x1 16x224": 39,
    "c2d_r50_8x8x1 8x224": 19,
    "c2d_r50_nopool_8x8x1 8x224": 33,
    "c3d_16x1x1 16x112": 38.5,
    "i3d_r50 8x256": 37.5,
    "i3d_r50_32x2x1 32x256": 43.5,
    "i3d_r50_heavy_32x2x1 32x256": 166.3,
    "i3d_r50_nl_dot_product 32x256": 59.3,
    "i3d_r50_nl_gaussian 32x256": 56.5,
    "ig65m_r2plus1d_34_32 32x128": 199.0,
    "ig65m_r2plus1d_34_8 8x128": 49.8,
    "inception_i3d 79x224": 139.5,
    "inception_v1 1x224": 1.5,
    "ipcsn_r152_32x2x1 32x256": 109.9,
    "ircsn_r152_32x2x1 32x256": 97.63,
    "ircsn_r50_32x2x1 32x256": 55.9,
    "r2plus1d_r34_8x8x1 32x256": 213,
    "r2plus1d_r34_8x8x1 8x256": 53.1,
    "r2plus1d_r50 16x256": 76.5,
    "slow_r50 8x256": 54.5,
    "slowfast_r101_8x8x1 32x256": 126,
    "slowfast_r101_r50_4x16x1 32x256": 64.9,
    "slowfast_r50 32x256": 65.7,
    "slowfast_r50_4x16x1 32x256": 36.1,
    "slowonly_r101_8x8x1 8x256": 112,
    "slowonly_r50_4x16x1 4x256": 27.38,
    "slowonly_r50_8x8x1 8x256": 54.75,
    "tsm_r101_1x1x8 8x224": 62.66,
    "tsm_r50_1x1x16 16x224": 65.75,
    "tsm_r50_1x1x8 8x224": 32.88,
    "tsn_r101_1x1x8 25x224": 195.8,
    "tsn_r50_1x1x3 25x224": 102.7,
    "tv_mc3_18 16x112": 43.34,
    "tv_r2plus1d_18 16x112": 40.52,
    "tv_r3d_18 16x112": 40.7,
    "tv_s3d 16x224": 17.98,
    "x3d_m_16x5x1 16x224": 4.73,
    "x3d_s_13x6x1 13x160": 1.96,
}
QUICK = ("inception_v1 1x224", "tv_s3d 16x224", "x3d_s_13x6x1 13x160")


def counted(key):
    """Returns the multiply-adds of a key of the stored table."""
    *variant, view = key.split()
    name, stream, width = (*variant, *("rgb", "1")[len(variant) - 1 :])
    sizes = tuple(map(int, view.split("x")))
    if localization_zoo.takes_features(name):
        return of_rows(name, float(width), *sizes)
    own = {}
    if name == "inception_i3d":  # the last window is as large as the map
        own = {"channels": 2 if stream == "flow" else 3, "size": sizes[1]}
    model = models.build(name, width=float(width), **own)
    frames, height, wide = (*sizes, sizes[-1])[:3]
    if ava_zoo.takes_boxes(name):
        return flops.count(model, {"clips": (frames, height, wide, 3), "boxes": (1, 4)})
    if clip_zoo.takes_text(name):
        model = actionclip.video_part(model)
    shape = (frames, height, wide, model.input.shape[-1])
    return flops.count(model, shape[-len(model.input.shape[1:]) :])


def of_rows(name, width, rows, channels):
    """Returns the multiply-adds of a localizer."""
    own = {"rows": rows} if name == "bmn" else {}
    model = models.build(name, num_classes=20, width=width, channels=channels, **own)
    shape = {"features": (rows, channels), "mask": (rows,)}
    return flops.count(model, {key: shape[key] for key in model.input})


def in_tiers(keys):
    return [key if key in QUICK else pytest.param(key, marks=pytest.mark.slow) for key in keys]


@pytest.mark.parametrize("key", in_tiers(PUBLISHED))
def test_counts_are_the_published_ones(key):
    """Torchvision counts as we do; others count pooling or normalisation, too, up to 2 %."""
    share = counted(key) / 1e9 / PUBLISHED[key]
    assert abs(share - 1) < (3e-4 if key.startswith("tv_") else 0.02), share


@pytest.mark.slow
@pytest.mark.parametrize("key", stored._GIGA)
def test_stored_are_those_that_are_counted(key):
    assert f"{counted(key) / 1e9:.4g}" == f"{stored._GIGA[key]:.4g}"


def test_every_network_and_checkpoint_has_its_count():
    for card in cards():
        assert card.gflop and card.parameters, card.name
    for name in models.names():
        if name not in ("inception_v1", "tiny"):  # of pictures; what other tests bring
            longest = localization_zoo.LONGEST.get(name, 0)
            spec = localization_zoo.SPECS.get(name) or zoo.default_spec(name)
            assert stored.giga(name, stored.view_of(spec, longest)), name


def test_what_cannot_be_counted_is_told():
    model = models.build("slowonly_r50_4x16x1", width=0.125)
    with pytest.raises(ValueError, match=r"shape: expected the sizes of \(None, None, None, 3\)"):
        flops.count(model)
    with pytest.raises(ValueError, match="shape: expected"):
        flops.count(model, (4, 32, 32))
    own = models.build("actionclip_tiny_8f")
    with pytest.raises(ValueError, match="text_.*: the products of a TokenAndPositionEmbedding"):
        flops.count(own, {"frames": (8, 32, 32, 3), "tokens": (77,)})


def test_counting_leaves_the_model_as_it_is():
    model = models.build("tsn_r50_1x1x3", width=0.125, frames=3, size=32)
    before = len(model.get_layer("conv1-conv")._inbound_nodes)
    assert flops.count(model) == flops.count(model, (3, 32, 32, 3)) > 1e6
    assert len(model.get_layer("conv1-conv")._inbound_nodes) == before == 1
    assert models.fold_batch_norm(model).output_shape == model.output_shape
