"""Shapes and errors of the I3D model, as the original's own test asks; runs alone too.

python tests/i3d_test.py
"""

import sys
from pathlib import Path

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from i3d import models
from i3d.models.inception_i3d import ENDPOINTS

CLIPS = np.zeros((5, 64, 224, 224, 3), np.float32)


@pytest.mark.long
def test_model_shapes_with_squeeze():
    model = models.build("inception_i3d", width=0.25, dropout=0.5, final_endpoint="Predictions")
    assert model(CLIPS, training=True).shape == (5, 400)
    assert model.get_layer("Logits").output.shape == (None, 400)


@pytest.mark.long
def test_model_shapes_without_squeeze():
    model = models.build(
        "inception_i3d", width=0.25, spatial_squeeze=False, final_endpoint="Predictions"
    )
    assert model(CLIPS, training=False).shape == (5, 1, 1, 400)
    assert model.get_layer("Logits").output.shape == (None, 1, 1, 400)


def test_published_endpoints_are_layers_and_predictions_only_on_demand():
    model = models.build("inception_i3d", width=0.125)
    assert {layer.name for layer in model.layers}.issuperset(ENDPOINTS[:-1])
    with pytest.raises(ValueError, match="Predictions"):
        model.get_layer("Predictions")


def test_final_endpoint_ends_the_model():
    model = models.build("inception_i3d", width=0.125, final_endpoint="Mixed_4b")
    assert model.output.shape == (None, None, 14, 14, 64)
    assert "Mixed_4c" not in [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"final_endpoint": "Conv3d_1a_8x8"}, "final_endpoint: .*'Conv3d_1a_8x8'"),
        ({"dropout": 1.0}, "dropout: .*got 1.0"),  # the original's keep probability 0
        ({"dropout": -0.1}, "dropout: .*got -0.1"),
        ({"frames": 8}, "frames: expected at least 9, got 8"),
        ({"num_classes": 0}, "num_classes: .*got 0"),
        ({"width": 0}, "width: .*got 0"),
    ],
)
def test_init_errors(keywords, message):
    with pytest.raises(ValueError, match=message):
        models.build("inception_i3d", **keywords)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
