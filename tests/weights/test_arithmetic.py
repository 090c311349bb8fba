"""Multiply-adds of networks: the table against the networks, and against published figures."""

import keras
import pytest

from docs import gflop
from i3d.weights import arithmetic

QUICK = (
    "clip_tiny 3x8x32",
    "x3d_s_13x6x1 3x13x182",
    "bmn 400x100x0",
    "slowonly_r50_4x16x1 3x4x256",
)
# Billions, as in metafiles of MMAction2 1.2.0, at the size that fits: most name 224 for 256; then
# of torchvision's documentation, pytorchvideo's model zoo, Szegedy et al. 2015 (Inception-v1), Wang
# et al. 2021 (ActionCLIP) and Zhang et al. 2022 (ActionFormer).
PUBLISHED = {
    "tsn_r50_1x1x3 3x25x224": 102.7,
    "tsn_r101_1x1x8 3x25x224": 195.8,
    "tsm_r50_1x1x8 3x8x224": 32.88,
    "tsm_r50_1x1x16 3x16x224": 65.75,
    "i3d_r50_32x2x1 3x32x256": 43.5,
    "i3d_r50_heavy_32x2x1 3x32x256": 166.3,
    "i3d_r50_nl_dot_product 3x32x256": 59.3,
    "i3d_r50_nl_embedded_gaussian 3x32x256": 59.3,
    "i3d_r50_nl_gaussian 3x32x256": 56.5,
    "slowonly_r50_4x16x1 3x4x256": 27.38,
    "slowonly_r50_8x8x1 3x8x256": 54.75,
    "slowonly_r101_8x8x1 3x8x256": 112,
    "omni_slowonly_r50 3x8x256": 54.75,
    "slowfast_r50_4x16x1 3x32x256": 36.3,
    "slowfast_r50_8x8x1 3x32x256": 66.1,
    "slowfast_r101_8x8x1 3x32x256": 126,
    "slowfast_r101_r50_4x16x1 3x32x256": 64.9,
    "r2plus1d_r34_8x8x1 3x8x256": 53.1,
    "r2plus1d_r34_8x8x1 3x32x256": 213,
    "c3d_16x1x1 3x16x112": 38.5,
    "ircsn_r50_32x2x1 3x32x256": 55.90,
    "ircsn_r152_32x2x1 3x32x256": 97.63,
    "ipcsn_r152_32x2x1 3x32x256": 109.9,
    "c2d_r50_nopool_8x8x1 3x8x224": 33,
    "c2d_r101_nopool_8x8x1 3x8x224": 63,
    "c2d_r50_8x8x1 3x8x224": 19,
    "c2d_r50_16x4x1 3x16x224": 39,
    "tv_mc3_18 3x16x112": 43.34,
    "tv_r2plus1d_18 3x16x112": 40.52,
    "tv_r3d_18 3x16x112": 40.7,
    "c2d_r50 3x8x256": 25.9,
    "i3d_r50 3x8x256": 37.5,
    "r2plus1d_r50 3x16x256": 76.5,
    "slow_r50 3x8x256": 54.5,
    "slowfast_r50 3x32x256": 65.7,
    "inception_v1 3x1x224": 1.5,
    "actionclip_b32_8f 3x8x224": 35.4,
    "actionclip_b16_8f 3x8x224": 140.8,
    "actionclip_b16_32f 3x32x224": 563.1,
    "actionformer 2048x2304x0": 45.3,
}
# Theirs are higher, probably as they take in more than convolutions and products of matrices.
# Of other sizes: Feichtenhofer 2020 (X3D), torchvision, and VMZ, whose 128 pixels are named 112.
OTHER_SIZES = {
    arithmetic.View("x3d_s_13x6x1", 3, 13, 160): 1.96,
    arithmetic.View("x3d_m_16x5x1", 3, 16, 224): 4.73,
    arithmetic.View("tv_s3d", 3, 16, 224): 17.98,
    arithmetic.View("ig65m_r2plus1d_34_8", 3, 8, 128): 49.8,
    arithmetic.View("ig65m_r2plus1d_34_32", 3, 32, 128): 199.0,
}
X3D = {"x3d_s_13x6x1 3x13x182": 2.967543760, "x3d_m_16x5x1 3x16x256": 6.490866832}
VIEWS = {view.key: view for view in gflop.views()}


def assert_counted(key):
    counted = gflop.counted(VIEWS[key]) / 1e9
    keras.backend.clear_session()
    assert arithmetic._GFLOP[key] == pytest.approx(counted, rel=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("key", QUICK)
def test_some_networks_are_counted_again(key):
    assert_counted(key)


@pytest.mark.slow
@pytest.mark.parametrize("key", sorted(set(VIEWS) - set(QUICK)))
def test_every_network_is_counted_again(key):
    assert_counted(key)


def test_every_view_is_in_the_table_and_no_other():
    assert set(arithmetic._GFLOP) == set(VIEWS)


@pytest.mark.parametrize("key", PUBLISHED)
def test_as_published(key):
    assert arithmetic._GFLOP[key] == pytest.approx(PUBLISHED[key], rel=0.02)


@pytest.mark.long
@pytest.mark.parametrize("view", OTHER_SIZES, ids=lambda view: view.key)
def test_other_sizes_are_as_published(view):
    assert gflop.counted(view) / 1e9 == pytest.approx(OTHER_SIZES[view], rel=2e-3)
    keras.backend.clear_session()


@pytest.mark.parametrize("key", X3D)
def test_x3d_is_lower_than_published(key):
    assert 0.91 < arithmetic._GFLOP[key] / X3D[key] < 0.96
