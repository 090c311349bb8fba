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
    assert_twins(name, {"frames": frames, "size": 65, "width": 0.1})


@pytest.mark.long
@pytest.mark.parametrize("seed", [7, 8])
@pytest.mark.parametrize(
    "name, frames",
    [("ircsn_r50_32x2x1", 5), ("ipcsn_r50_32x2x1", 6), ("x3d_s_13x6x1", 5), ("x3d_m_16x5x1", 7)],
)
def test_depthwise_networks_are_pytorchs_at_odd_sizes(name, frames, seed):
    """Clips of 75 x 91 pixels, of which no stage has an even share."""
    shape = {"frames": frames, "size": None, "width": 1.0}
    assert_twins(name, shape, (75, 91), seed, lambda logits: 1e-4 * logits.std())


def assert_twins(
    name, shape, pixels=(65, 65), seed=0, most=lambda logits: 1e-4 * np.abs(logits).max()
):
    """The logits of a network and of its twin in PyTorch differ by no more than `most` of them."""
    from benchmarks import subjects, torch_peer

    model = models.build(name, channels=3, num_classes=7, **shape)
    model.set_weights(subjects.plain_weights(model, seed))
    random = np.random.default_rng(seed)
    clips = random.uniform(-1, 1, (2, shape["frames"], *pixels, 3)).astype(np.float32)
    assert torch_peer.has_twin(model)
    ours = np.asarray(model(clips))
    theirs = torch_peer.compiled(model, "float32")(clips)
    assert ours.std() > 1e-3
    assert np.abs(ours - theirs).max() < most(ours)
