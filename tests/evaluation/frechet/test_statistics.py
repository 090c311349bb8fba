"""Frechet distance: known answers, published numbers, and what is refused."""

import numpy as np
import pytest

from i3d.evaluation.frechet import kernel, statistics
from i3d.evaluation.frechet.statistics import Statistics, distance
from i3d.runtime import npy
from i3d.runtime.command import BadData, UserError
from i3d.runtime.files import new_file
from tests.helpers.processes import ROOT

# Logits of rgb_scratch on 2 x 128 clips of random numbers.
LOGITS = np.load(ROOT / "tests/golden/fvd_logits128.npz")


def gaussian(count=64, width=8, seed=0, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, width))


def test_published_number_of_random_clips():
    """fvd-comparison's README: TensorFlow 10.13808536, SciPy 10.13808477."""
    found = [Statistics().update(LOGITS[name]) for name in "ab"]
    assert distance(*found) == pytest.approx(10.138085, abs=1e-5)


def test_the_divisor_is_that_of_the_protocol():
    found = [Statistics("cdfvd").update(LOGITS[name]) for name in "ab"]
    assert distance(*found) == pytest.approx(10.06278, abs=2e-5)


def test_known_answer_of_diagonal_covariances():
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], float)
    first = Statistics("cdfvd").update(signs * [1, 2])
    second = Statistics("cdfvd").update(signs * [3, 0.5] + [2, 0])
    assert distance(first, second) == pytest.approx(4 + (1 - 3) ** 2 + (2 - 0.5) ** 2, rel=1e-12)


@pytest.mark.parametrize("name", ["a", "b"])
def test_equal_sets_are_not_apart_in_any_order(name):
    """128 videos of 400 features: singular covariances."""
    logits = LOGITS[name]
    assert distance(Statistics().update(logits), Statistics().update(logits[::-1])) < 1e-6


def test_two_videos_are_enough():
    found = distance(Statistics().update(LOGITS["a"][:2]), Statistics().update(LOGITS["b"][:2]))
    assert np.isfinite(found) and found > 0


@pytest.mark.parametrize("size", [1, 7, 128])
def test_parts_of_any_size_give_the_same(size):
    whole, parts = Statistics().update(LOGITS["a"]), Statistics()
    for start in range(0, 128, size):
        parts.update(LOGITS["a"][start : start + size])
    np.testing.assert_allclose(parts.covariance, np.cov(LOGITS["a"].T.astype(float)), atol=1e-11)
    other = Statistics().update(LOGITS["b"])
    assert distance(parts, other) == pytest.approx(distance(whole, other), rel=1e-10)


def test_statistics_come_back_from_their_file(tmp_path):
    kept = Statistics("styleganv", "rgb_scratch", "ab" * 32, 16, 2).update(gaussian())
    kept.save(tmp_path / "real.npz")
    found = statistics.load(tmp_path / "real.npz")
    statistics.check_comparable(kept, found)
    assert distance(kept, found) < 1e-9
    assert found.update(gaussian(seed=1)).count == 128


def test_a_file_is_not_replaced(tmp_path):
    (tmp_path / "real.npz").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        Statistics().update(gaussian()).save(tmp_path / "real.npz")
    assert (tmp_path / "real.npz").read_text() == "mine"


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ({"protocol": "cdfvd"}, "protocol"),
        ({"frames": 30}, "frames"),
        ({"stride": 2}, "stride"),
        ({"network": "rgb_imagenet"}, "network"),
        ({"sha256": "ff"}, "SHA-256"),
    ],
)
def test_unlike_statistics_are_refused(own, other):
    first, second = Statistics().update(gaussian()), Statistics(**own).update(gaussian())
    with pytest.raises(UserError, match=f"expected the same {other}"):
        distance(first, second)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.full((2, 8), np.nan), "expected finite features"),
        (np.zeros(8), "expected finite features"),
        (np.zeros((2, 9)), "expected 8 features, got 9"),
    ],
)
def test_features_that_are_none(features, message):
    with pytest.raises(UserError, match=message):
        Statistics().update(gaussian()).update(features)


def test_one_video_has_no_covariance():
    with pytest.raises(UserError, match="at least 2 videos, got 1"):
        distance(Statistics().update(gaussian(1)), Statistics().update(gaussian()))


def test_another_archive_is_no_statistics(tmp_path):
    with new_file(tmp_path / "x.npz") as file:
        npy.write_npz(file, {"mean": np.zeros(3)})
    with pytest.raises(BadData, match="expected statistics"):
        statistics.load(tmp_path / "x.npz")


def test_statistics_of_another_size_than_they_say(tmp_path):
    kept = Statistics().update(gaussian())
    kept._mean = kept._mean[:3]
    kept.save(tmp_path / "x.npz")
    with pytest.raises(BadData, match="expected a finite mean"):
        statistics.load(tmp_path / "x.npz")


def test_kernel_distance_by_its_definition():
    real, fake = gaussian(6, 3), gaussian(5, 3, seed=1, shift=1)

    def mean(one, other, same):
        pairs = [
            (x @ y / 3 + 1) ** 3
            for i, x in enumerate(one)
            for j, y in enumerate(other)
            if not (same and i == j)
        ]
        return sum(pairs) / len(pairs)

    expected = mean(real, real, True) + mean(fake, fake, True) - 2 * mean(real, fake, False)
    assert kernel.distance(real, fake)[0] == pytest.approx(expected, rel=1e-12)


def test_standard_error_of_the_kernel_distance():
    """Of 40 draws the deviation is the error that each states, roughly."""
    draws = [
        kernel.distance(gaussian(100, 4, seed), gaussian(100, 4, seed + 999)) for seed in range(40)
    ]
    values, errors = np.array(draws).T
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(40)
    assert 0.5 < errors.mean() / values.std() < 2


def test_kernel_distance_needs_two_videos():
    with pytest.raises(UserError, match="2 videos or more"):
        kernel.distance(gaussian(1), gaussian())
