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
