"""The PyTorch networks that benchmarks time compute what ours do."""

import numpy as np
import pytest

from i3d import models

torch = pytest.importorskip("torch", reason="PyTorch is not installed (.ci/run adds it)")


@pytest.mark.parametrize(
    "name, frames",
    [
        ("inception_i3d", 9),
        pytest.param("slowfast_r50_4x16x1", 32, marks=pytest.mark.slow),
        ("tsn_r50_1x1x3", 3),
    ],
)
def test_a_twin_gives_the_logits_of_the_network(name, frames):
    from benchmarks import inference, torch_peer

    shape = {"frames": frames, "size": 65, "channels": 3, "num_classes": 7, "width": 0.1}
    model = models.build(name, **shape)
    model.set_weights(inference.plain_weights(model))
    clips = np.random.default_rng(0).uniform(-1, 1, (2, frames, 65, 65, 3)).astype(np.float32)
    assert torch_peer.has_twin(model)
    ours = np.asarray(model(clips))
    theirs = torch_peer.compiled(model, "float32")(clips)
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(ours).max()
