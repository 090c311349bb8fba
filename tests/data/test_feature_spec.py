"""Where in time feature rows lie, and what a localizer refuses."""

import dataclasses
import math

import pytest

from i3d.data import feature_spec
from i3d.data.feature_spec import FeatureSpec, Grid
from i3d.runtime.command import UserError

THUMOS = FeatureSpec(channels=2048, window=16, stride=4)


def test_rows_of_thumos_lie_at_the_published_seconds():
    grid = THUMOS.grid(fps=30.0, count=500)
    assert grid.seconds(0) == pytest.approx(8 / 30)
    assert grid.seconds(10) == pytest.approx((10 * 4 + 8) / 30)
    assert grid.row(grid.seconds(7.25)) == pytest.approx(7.25)


def test_interpolated_rows_divide_what_the_rows_cover():
    spec = FeatureSpec(channels=2048, window=16, stride=16, fps=25.0, rows=192)
    covered = (49 * 16 + 16) / 25
    grid = spec.grid(fps=30.0, count=50)
    assert grid == pytest.approx((covered / 192 / 2, covered / 192))


def test_interpolated_rows_without_a_rate_divide_the_duration():
    spec = FeatureSpec(channels=400, window=16, stride=16, rows=100)
    assert spec.grid(math.nan, 100, duration_s=50.0) == pytest.approx((0.25, 0.5))


@pytest.mark.parametrize("spec", [THUMOS, dataclasses.replace(THUMOS, rows=100)])
def test_unknown_times_are_refused(spec):
    with pytest.raises(UserError, match="expected the frame rate"):
        spec.grid(math.nan, 100)


def test_another_step_is_refused():
    THUMOS.check_grid(Grid(0.3, 4 / 30 * 1.01), 30.0, "a.npz")
    with pytest.raises(UserError, match=r"a\.npz: expected a row of features every 0\.1333 s"):
        THUMOS.check_grid(Grid(0.3, 16 / 30), 30.0, "a.npz")


def test_json_comes_back():
    spec = dataclasses.replace(THUMOS, fps=25.0, extractors=("demo_rgb", "demo_flow"))
    assert feature_spec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channels": 0}, "channels: expected a whole number"),
        ({"stride": 2.5}, "stride: expected a whole number"),
        ({"fps": -1}, "fps: expected"),
        ({"extractors": "rgb"}, "extractors: expected names"),
        ({"colour": 1}, "'colour' is not known"),
    ],
)
def test_nonsense_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        feature_spec.from_json(THUMOS.to_json() | fields)


def test_a_missing_field_is_named():
    with pytest.raises(UserError, match="'stride' is missing"):
        feature_spec.from_json({"channels": 8, "window": 16})
