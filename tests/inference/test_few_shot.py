"""Class means of the features of a few videos, added to those of the text."""

import numpy as np
import pytest

from i3d.inference import few_shot
from i3d.runtime.command import UserError


def test_means_are_of_unit_features_and_of_unit_length():
    features = np.float32([[9, 0, 0], [0, 1, 0], [0, 0, 5]])
    means = few_shot.class_means(features, np.array([1, 1, 0]), 2)
    assert means.dtype == np.float32
    half = np.sqrt(0.5)  # the longer of two features counts as much as the other
    np.testing.assert_allclose(means, [[0, 0, 1], [half, half, 0]], atol=1e-7)


def test_text_and_means_by_weight():
    generator = np.random.default_rng(0)
    text = few_shot.unit(generator.normal(size=(3, 2, 5)).astype(np.float32))
    means = few_shot.unit(generator.normal(size=(2, 5)).astype(np.float32))
    np.testing.assert_allclose(few_shot.added(text, means, 0), text, atol=1e-6)
    half = few_shot.added(text, means)
    assert half.dtype == np.float32 and half.shape == text.shape
    np.testing.assert_allclose(np.linalg.norm(half, axis=-1), 1, atol=1e-6)
    toward_text, toward_mean = (half * text).sum(-1), (half * means).sum(-1)
    np.testing.assert_allclose(toward_text, toward_mean, atol=1e-6)  # half-way between both
    far = few_shot.added(text, means, 1e4)
    np.testing.assert_allclose(far, np.broadcast_to(means, far.shape), atol=1e-3)


def test_mistakes():
    with pytest.raises(UserError, match="1 of 3 classes have no examples, the first is 'walk'"):
        few_shot.check_each([0, 2, 2], ["run", "walk", "jump"])
    with pytest.raises(UserError, match="examples_weight: expected 0 or more, got -1"):
        few_shot.joined(np.ones((1, 1, 2)), np.ones((1, 2)), np.array([0]), ["a"], -1)
