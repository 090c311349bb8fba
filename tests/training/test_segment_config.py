"""Configurations of localizers: keys that do not go together are one line."""

import pytest

from i3d.data.feature_spec import FeatureSpec
from i3d.runtime.command import UserError
from i3d.training import config
from i3d.training.config_checks import feature_spec_of


def settings_of(**keys):
    c = config.defaults()
    c.model.name, c.model.dropout = "actionformer", 0.1
    c.update_from_flattened_dict({key.replace("__", "."): value for key, value in keys.items()})
    config.check(c)
    return c


def test_the_keys_say_which_rows_are_taken():
    settings = settings_of(segments__extractors="demo_rgb, demo_flow", segments__fps=25.0)
    found = feature_spec_of(config.flat(settings))
    assert found == FeatureSpec(2048, 16, 4, 25.0, extractors=("demo_rgb", "demo_flow"))


BAD = {
    "frames": ({"data__frames": 8}, "config.data.frames: read by models without segments only"),
    "loss": ({"loss": "softmax"}, "config.loss: read by models without "),
    "boxes": ({"boxes__jitter": 0.1}, "config.boxes.jitter: read by models of boxes only"),
    "other": (
        {"model__name": "inception_i3d", "segments__rows": 100},
        "config.segments.rows: read by models of segments only, and model.name is 'inception_i3d'",
    ),
    "channels": ({"segments__channels": 0}, "config.segments.channels: expected at least 1, got 0"),
    "fps": ({"segments__fps": 2000.0}, "config.segments.fps: expected a number from 0 to 1000"),
    "crop": ({"segments__crop": (1.0, 0.5)}, "config.segments.crop: expected the least and the"),
    "tiou": ({"segments__tiou": (0.5, 1.5)}, "config.segments.tiou: expected numbers above 0 and"),
    "rows": ({"segments__rows": 192}, "config.segments.longest: expected 192, the number of conf"),
    "bmn": ({"model__name": "bmn"}, r"config.segments.crop: expected \(1.0, 1.0\), as bmn sees"),
}


@pytest.mark.parametrize("keys, message", BAD.values(), ids=BAD)
def test_keys_that_do_not_go_together_are_one_line(keys, message):
    with pytest.raises(UserError, match=message) as caught:
        settings_of(**keys)
    assert "\n" not in str(caught.value)
