"""Heads on features of known classes."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from i3d.probing import fit
from i3d.probing.options import HEADS


def data(classes, per_class=12, channels=40, seed=0):
    """Features with a mean and a scale of their own in each channel, labels, names of sources."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    means = np.random.default_rng(99).normal(size=(classes, channels))
    features = means[labels] + rng.normal(size=(len(labels), channels))
    scales = np.random.default_rng(98).uniform(0.1, 10, channels)
    return (features * scales + 5).astype(np.float32), labels, [str(i) for i in range(len(labels))]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", HEADS)
def test_heads_recognise_classes(kind, classes):
    head = fit.fit(kind, *data(classes))
    features, labels, _ = data(classes, seed=1)
    found = head.probabilities(features)
    assert found.shape == (len(labels), classes)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("classes", [2, 3])
def test_the_linear_head_is_scikit_learns_on_standardised_features(classes):
    features, labels, groups = data(classes)
    features[:, 3] = 7  # constant
    head = fit.fit("logistic", features, labels, groups)
    strength = float(head.described.split("C=")[1].split()[0])
    assert strength in fit.STRENGTHS and "by cross-validation" in head.described
    x = (features - features.mean(0)) / np.where(np.arange(40) == 3, 1, features.std(0))
    x[:, 3] = 0
    peer = LogisticRegression(C=strength, max_iter=2000, tol=1e-8).fit(x, labels)
    np.testing.assert_allclose(head.probabilities(features), peer.predict_proba(x), atol=2e-3)


@pytest.mark.parametrize("kind", HEADS)
def test_one_video_a_class(kind):
    features, labels, groups = data(3, per_class=1)
    head = fit.fit(kind, features, labels, groups)
    assert head.probabilities(features).argmax(axis=1).tolist() == [0, 1, 2]


def test_many_classes_of_few_videos_are_no_warning():
    features, labels, groups = data(30, per_class=2)
    assert fit.fit("logistic", features, labels[::2].repeat(2), groups).linear
    assert fit.fit("logistic", features[:31], labels[:31], groups[:31]).linear
    one = np.r_[0:60:2, 1]  # a second video of the first class alone
    assert fit.fit("logistic", features[one], labels[one], [*map(str, one)]).linear


def test_equal_features_are_no_error():
    for kind in HEADS:
        found = fit.fit(kind, np.ones((4, 3)), np.array([0, 0, 1, 1]), "abcd").probabilities
        np.testing.assert_allclose(found(np.ones((1, 3))).sum(), 1)
