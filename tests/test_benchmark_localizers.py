"""The benchmark of localizers: both forms of BMN are the same function."""

import numpy as np

from benchmarks import localizers
from i3d import models


def test_samples_first():
    model = models.build("bmn", channels=8, rows=24, durations=12, width=0.0625)
    for variable in model.weights:
        random = np.random.default_rng(0).normal(size=variable.shape, scale=0.3)
        variable.assign(random)
    inputs = {"features": np.random.default_rng(1).normal(size=(2, 24, 8)).astype("f")}
    ours, published = model(inputs), localizers.samples_first(model)(inputs)
    assert np.asarray(ours["confidence"]).std() > 0.01
    for name, value in ours.items():
        np.testing.assert_allclose(published[name], value, atol=1e-5)


def test_calls_take_turns():
    order = []
    calls = [lambda: order.append("a"), lambda: order.append("b")]
    assert len(localizers.medians(calls, 2)) == 2 and order == ["a", "b"] * 3
