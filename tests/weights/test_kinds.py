"""What models take, and the line on a model that takes something else."""

import pytest

from i3d.runtime.command import UserError
from i3d.weights import kinds

MODELS = {"tsn_r50_1x1x3": "videos", "ava_slowonly_r50_4x16x1": "boxes", "bmn": "features"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("takes", ["videos", "boxes", "features"])
def test_a_model_is_taken_for_what_it_takes_alone(model, takes):
    assert kinds.taken_by(model) == MODELS[model]
    if takes == MODELS[model]:
        kinds.check("my.pth", model, takes)
        return
    with pytest.raises(UserError, match=rf"^my.pth: .*{model}.*i3d\.") as error:
        kinds.check("my.pth", model, takes)
    assert "\n" not in str(error.value)
