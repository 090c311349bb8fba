"""Rows that are pooled to a fixed number."""

import numpy as np
import pytest

from i3d.features.pooled import pooled, write_csv


@pytest.mark.parametrize("count", [2, 7, 250])
def test_each_is_the_mean_of_three_points(count):
    rows = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    step = (count - 1 - 2e-4) / 100
    for number, row in enumerate(pooled(rows, 100)):
        points = [1e-4 + (number + i / 3) * step for i in range(3)]
        expected = [np.interp(points, np.arange(count), rows[:, c]).mean() for c in range(3)]
        np.testing.assert_allclose(row, expected, atol=1e-9)


def test_one_row_is_repeated(tmp_path):
    rows = pooled(np.float32([[0.5, -2.0]]), 100)
    np.testing.assert_array_equal(rows, [[0.5, -2.0]] * 100)
    write_csv(tmp_path / "a.csv", rows[:1])
    assert (tmp_path / "a.csv").read_text() == "f0,f1\n0.5000,-2.0000\n"
