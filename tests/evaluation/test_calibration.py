"""Calibration against cases computed by hand."""

import numpy as np
import pytest

from i3d.evaluation.calibration import calibration


def test_a_case_computed_by_hand():
    # Bins (0, .5] and (.5, 1]: .4 and .5 of which one is right; .6, .8, .9, 1 of which two are.
    found = calibration([0.4, 0.5, 0.6, 0.8, 0.9, 1.0], [1, 0, 1, 0, 1, 0], bins=2)
    assert found.counts.tolist() == [2, 4]
    np.testing.assert_allclose(found.confidence, [0.45, 0.825])
    np.testing.assert_allclose(found.accuracy, [0.5, 0.5])
    assert found.error == pytest.approx((2 * 0.05 + 4 * 0.325) / 6)


def test_edges_belong_to_the_lower_bin_and_0_to_the_first():
    found = calibration([0.0, 0.25, 0.5, 1.0], [False] * 4, bins=4)
    assert found.counts.tolist() == [2, 1, 0, 1]
    assert np.isnan(found.accuracy[2])
    assert found.error == pytest.approx(1.75 / 4)


def test_extremes():
    assert calibration([1.0, 1.0], [True, True]).error == 0
    assert calibration([1.0, 1.0], [False, False]).error == 1


@pytest.mark.parametrize(
    ("values", "right"), [([], []), ([0.5], [1, 0]), ([1.1], [1]), ([-1], [1])]
)
def test_refused(values, right):
    with pytest.raises(ValueError, match="expected"):
        calibration(values, right)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        calibration([np.nan], [True])
