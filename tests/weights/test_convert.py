"""python -m i3d.weights convert: any checkpoint to .weights.h5."""

import subprocess
import sys

import numpy as np
import pytest

import i3d.weights
from i3d import models
from i3d.runtime.command import UserError
from i3d.weights.__main__ import convert, main
from tests.helpers import synthetic

pytestmark = pytest.mark.long

COMMAND = [sys.executable, "-m", "i3d.weights", "convert"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A TF1 checkpoint of flow, 400 classes."""
    folder = tmp_path_factory.mktemp("tf1")
    return synthetic.write_checkpoint(folder, synthetic.variables("flow", 0))


def test_a_tf1_checkpoint_becomes_keras_weights(tmp_path, source):
    out = tmp_path / "new" / "flow.weights.h5"
    made = convert("inception_i3d", source, out, channels=2)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    model = models.build("inception_i3d", num_classes=400, channels=2)
    i3d.weights.load(model, out)
    for old, new in zip(made.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"out": "a.h5"}, UserError, r"a.h5: expected a name that ends in .weights.h5"),
        ({"out": "there.weights.h5"}, UserError, "is there already"),
        ({"model_name": "inception"}, ValueError, "model: expected one of"),
        ({"source": "absent.pth"}, FileNotFoundError, "absent.pth"),
        ({"source": "absent"}, FileNotFoundError, "absent: no such checkpoint"),
        ({"num_classes": 5}, ValueError, "does not fit inception_i3d"),
    ],
)
def test_mistakes_leave_no_file(tmp_path, monkeypatch, source, keywords, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.weights.h5").write_bytes(b"mine")
    arguments = {"model_name": "inception_i3d", "source": source, "out": "a.weights.h5"}
    with pytest.raises(error, match=message):
        convert(**{**arguments, "channels": 2, **keywords})
    assert [path.name for path in tmp_path.iterdir()] == ["there.weights.h5"]
    assert (tmp_path / "there.weights.h5").read_bytes() == b"mine"


def test_a_pth_file_by_command_with_the_classes_of_its_head(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to write with")
    from i3d.weights.pytorch.names import entries

    state = {}
    for entry in entries(models.build("tv_mc3_18", num_classes=7)):
        shape = tuple(entry.variable.shape)
        order = {5: (4, 3, 0, 1, 2), 2: (1, 0)}.get(len(shape), range(len(shape)))
        state[entry.key] = torch.full([shape[i] for i in order], 0.5)
    torch.save(state, tmp_path / "a.pth")
    out = tmp_path / "a.weights.h5"
    given = ["--model=tv_mc3_18", f"--source={tmp_path / 'a.pth'}", f"--out={out}"]
    run = subprocess.run([*COMMAND, *given], capture_output=True, text=True)
    assert (run.returncode, run.stdout.count("\n")) == (0, 1), run.stderr
    model = models.build("tv_mc3_18", num_classes=7)
    assert run.stdout.startswith(f"{out}: tv_mc3_18, {model.count_params():,} parameters from ")
    i3d.weights.load(model, out)
    assert all(np.all(value == 0.5) for value in model.get_weights())


def test_usage_and_mistakes_have_a_status(tmp_path, capsys):
    given = ["", "convert", "--model=tv_mc3_18", "--source=absent.pth"]
    assert main(given) == 2
    assert capsys.readouterr().err.startswith("convert: usage: python -m i3d.weights convert ")
    assert main([*given, f"--out={tmp_path / 'a.weights.h5'}"]) == 1
    assert capsys.readouterr().err.startswith("convert: absent.pth: no such checkpoint")
