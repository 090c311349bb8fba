"""Files of three ports of the Inception I3D, through what users call, against their numbers."""

import keras
import numpy as np
import pytest

from i3d import models, weights
from i3d.inference import checkpoint, network
from i3d.weights import start
from tests.golden import i3d_ports as golden

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to write .pt with")

LONG = pytest.mark.long
CASES = [
    ("piergiaj", "rgb_T16"),
    pytest.param("piergiaj", "rgb_T23", marks=LONG),
    pytest.param("piergiaj", "flow_T16", marks=LONG),
    pytest.param("hassony2", "rgb_T16", marks=LONG),
    ("hassony2", "flow_T16"),
    ("dlpbc", "rgb_T23"),
    pytest.param("dlpbc", "flow_T16", marks=LONG),
]


def write(folder, port, stream, **options):
    """Writes a port's file as the port does; returns its path."""
    if port == "dlpbc":
        golden.write_h5(folder / f"{stream}.h5", stream, **options)
        return folder / f"{stream}.h5"
    state = golden.state_dict(port, stream, **options)
    torch.save({k: torch.from_numpy(a) for k, a in state.items()}, folder / f"{stream}.pt")
    return folder / f"{stream}.pt"


@pytest.mark.parametrize(("port", "run"), CASES)
def test_golden(port, run, tmp_path):
    path, expected = write(tmp_path, port, run.partition("_")[0]), golden.run(port, run)
    card = checkpoint.card_of("inception_i3d", str(path))
    assert card.spec.stream == run.partition("_")[0] and card.spec.range == (-1.0, 1.0)
    assert start.head_classes(path, "inception_i3d") == start.head_classes(path) == 400
    model = network.loaded(card, 400, frames=None)
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    features, logits = (np.asarray(value) for value in both(golden.clips(run), training=False))
    pool = expected["pool"].mean(axis=(2, 3, 4))
    assert np.abs(logits - expected["logits"]).max() <= 1e-4 * expected["logits"].std()
    assert np.abs(features - pool).max() <= 1e-4 * pool.std()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ports")


def test_files_without_a_head_are_backbones(folder):
    write(folder, "dlpbc", "flow", top=False)
    path = folder / "flow.h5"
    with pytest.raises(ValueError, match="no head found"):
        start.head_classes(path, "inception_i3d")
    model = models.build("inception_i3d", num_classes=7, channels=2)
    head = model.get_layer("Logits").get_weights()

    def build(classes):
        return models.build("inception_i3d", num_classes=classes, channels=2)

    assert start.begin(model, build, path) == f"initialised from {path}, which has no head"
    assert all(map(np.array_equal, model.get_layer("Logits").get_weights(), head))
    first = golden.keras_weight("Conv3d_1a_7x7_conv/kernel", (7, 7, 7, 2, 64))
    np.testing.assert_array_equal(model.get_layer("Conv3d_1a_7x7-conv_3d").kernel, first)
    with pytest.raises(ValueError, match="2 missing: Conv3d_6a_1x1_conv/kernel, Conv3d_6a"):
        weights.load(model, path)


@pytest.mark.long
def test_a_network_inside_another_and_a_whole_model(folder):
    expected = models.build("inception_i3d", channels=2)
    write(folder, "dlpbc", "flow")
    weights.load(expected, folder / "flow.h5")
    for options in ({"nested": "model_1"}, {"root": "model_weights"}):
        model = models.build("inception_i3d", channels=2)
        weights.load(model, write(folder, "dlpbc", "flow", **options))
        assert all(map(np.array_equal, model.get_weights(), expected.get_weights())), options


def test_charades_has_157_classes(folder):
    path = write(folder, "piergiaj", "flow", classes=157)
    assert start.head_classes(path, "inception_i3d") == 157
    model = models.build("inception_i3d", num_classes=3, channels=2)
    line = start.begin(
        model, lambda n: models.build("inception_i3d", num_classes=n, channels=2), path
    )
    assert line.endswith("left out: the head of 157 classes, a new one has 3")


def test_another_stream_is_refused(folder):
    path = write(folder, "hassony2", "flow")
    with pytest.raises(
        ValueError, match=r"1 of another shape: conv3d_1a_7x7.conv3d.weight \(64, 2"
    ):
        weights.load(models.build("inception_i3d"), path)
    with pytest.raises(
        ValueError, match=r"flow.h5: weights of Keras 1 or 2, .*inception_i3d alone"
    ):
        weights.load(models.build("tv_r3d_18", num_classes=3), write(folder, "dlpbc", "flow"))
