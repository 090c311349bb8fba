"""Checkpoints: whole or not there, also when the writing process is killed.

Run as a script this file is the process that is killed. It forks before TensorFlow has started
anything, which takes a second less than importing it again for every kill.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from i3d import weights
from i3d.runtime.command import UserError
from i3d.training import checkpoints
from i3d.training.optimizer import SGD
from tests.helpers.points import Point

POINTS = ("in the model", "in the optimizer", "before the rename", "after the rename")
STEPS = 8  # of what is done to files: making a folder, opening, renaming, removing


def build(units=50, **options):
    inputs = keras.Input((400,))
    model = keras.Model(inputs, keras.layers.Dense(units, name="head")(inputs))
    options = {"ema_decay": 0.5} | options
    return model, SGD.of(model.trainable_variables, **options)


def fill(model, optimizer, value):
    """Sets every number of a run to one value, so that a mixture would be seen."""
    model.set_weights([np.full(w.shape, value, "float32") for w in model.get_weights()])
    optimizer.load_state({k: np.full(v.shape, value) for k, v in optimizer.state().items()})


def contents(model, optimizer):
    arrays = [*model.get_weights(), *optimizer.state().values()]
    return {float(x) for array in arrays for x in np.unique(array)}


def saved(folder, *steps, **options):
    run = build()
    for step in steps:
        fill(*run, step)
        checkpoints.save(folder, step, *run, {"best": step / 10}, **options)
    return run


def test_restore_gives_back_everything(tmp_path):
    saved(tmp_path / "run", 7)
    run = build()
    assert checkpoints.restore(tmp_path / "run", *run) == {"best": 0.7, "step": 7}
    assert contents(*run) == {7.0}


def test_nothing_to_restore(tmp_path):
    assert checkpoints.restore(tmp_path / "new", *build()) is None


def test_the_latest_are_kept_and_the_last_is_restored(tmp_path):
    saved(tmp_path, 1, 2, 3, 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000003", "step-00000004"]
    assert checkpoints.restore(tmp_path, *build())["step"] == 4


def test_a_step_can_be_saved_again(tmp_path):
    run = saved(tmp_path, 3, 3)
    fill(*run, 5)
    checkpoints.save(tmp_path, 3, *run, {})
    other = build()
    checkpoints.restore(tmp_path, *other)
    assert contents(*other) == {5.0}


@pytest.mark.parametrize("name", ["model.weights.h5", "optimizer.npz", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "removed"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, caplog, name, damage):
    saved(tmp_path, 1, 2)
    path = tmp_path / "step-00000002" / name
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        half = len(content) // 2
        rest = bytes([255 - content[half]]) + content[half + 1 :] if damage == "changed" else b""
        path.write_bytes(content[:half] + rest)
    run = build()
    assert checkpoints.restore(tmp_path, *run)["step"] == 1
    assert contents(*run) == {1.0}
    assert "step-00000002: passed over, not whole" in caplog.text


def state_of(path, **changes):
    """Changes the state in a checkpoint."""
    content = json.loads((path / "state.json").read_text())
    content["state"] |= changes
    (path / "state.json").write_text(json.dumps(content))


def test_a_false_step_is_refused(tmp_path):
    saved(tmp_path, 1, 2)
    state_of(tmp_path / "step-00000002", step=900)
    with pytest.raises(UserError, match="step-00000002: expected .* state.json says step 900; "):
        checkpoints.restore(tmp_path, *build())
    state_of(tmp_path / "step-00000002", step=2)  # as it was
    assert checkpoints.restore(tmp_path, *build())["step"] == 2
    (tmp_path / "step-00000002").rename(tmp_path / "step-00000900")
    with pytest.raises(UserError, match="step-00000900: expected .* state.json says step 2; "):
        checkpoints.restore(tmp_path, *build())


def test_a_state_that_was_changed_is_passed_over(tmp_path, caplog):
    saved(tmp_path, 1, 2)
    state_of(tmp_path / "step-00000002", best=7)
    assert checkpoints.restore(tmp_path, *build())["step"] == 1
    assert "state.json is not what was written" in caplog.text
    shutil.copy(tmp_path / "step-00000001/state.json", tmp_path / "step-00000002/state.json")
    with pytest.raises(UserError, match="state.json says step 1"):
        checkpoints.restore(tmp_path, *build())


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"state": 1, "sha256": 2}', '{"state": {"step": "x"}, "sha256": {}}', "["]
)
def test_a_state_of_another_form_is_passed_over(tmp_path, text):
    saved(tmp_path, 1, 2)
    (tmp_path / "step-00000002" / "state.json").write_text(text)
    assert checkpoints.restore(tmp_path, *build())["step"] == 1


def test_best_weights_changed_by_a_bit_are_refused(tmp_path):
    model, optimizer = run = build()
    fill(*run, 4)
    checkpoints.save_best(tmp_path, *run, {"step": 9})
    path = tmp_path / "best.weights.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for function in (lambda: weights.load(model, path), lambda: checkpoints.best_info(tmp_path)):
        with pytest.raises(UserError, match="best.weights.h5: damaged"):
            function()


def test_what_a_kill_left_is_tidied(tmp_path):
    saved(tmp_path, 1, 2, 3, keep=3)
    (tmp_path / ".step-00000004.x.partial").mkdir()
    (tmp_path / "config.json.x.partial").touch()
    (tmp_path / "step-00000001" / "state.json").unlink()
    checkpoints.tidy(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


def test_all_damaged_is_an_error(tmp_path):
    saved(tmp_path, 1)
    (tmp_path / "step-00000001" / "state.json").unlink()
    with pytest.raises(ValueError, match="expected a whole checkpoint, got 1 damaged"):
        checkpoints.restore(tmp_path, *build())


def test_another_model_or_optimizer_is_an_error(tmp_path):
    saved(tmp_path, 1)
    with pytest.raises(ValueError, match="not weights of"):
        checkpoints.restore(tmp_path, *build(units=3))
    with pytest.raises(ValueError, match="optimizer state: expected the 2 arrays"):
        checkpoints.restore(tmp_path, *build(ema_decay=0.0))


def test_best_holds_the_average_and_its_info(tmp_path):
    model, optimizer = run = build()
    fill(*run, 4)
    model.set_weights([w + 1 for w in model.get_weights()])
    assert checkpoints.best_info(tmp_path) is None
    checkpoints.save_best(tmp_path, *run, {"step": 9, "top1": 0.5})
    assert checkpoints.best_info(tmp_path) == {"step": 9, "top1": 0.5}
    assert contents(model, optimizer) == {4.0, 5.0}
    other, _ = build()
    weights.load(other, tmp_path / "best.weights.h5")
    assert {float(x) for w in other.get_weights() for x in np.unique(w)} == {4.0}


def test_a_failed_write_leaves_the_last_and_no_leftovers(tmp_path, monkeypatch):
    run = saved(tmp_path, 1)

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoints.np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(tmp_path, 2, *run, {})
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000001"]


def test_same_step_on_one_worker():
    checkpoints.check_same_step(tf.distribute.get_strategy(), 12)


def kill_at(point):
    """Replaces a function of the writing by one that dies halfway."""

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def half_model(self, path):
        with h5py.File(path, "w") as file:
            file["half"] = np.zeros(1000)
            file.flush()
            die()

    def half_savez(path, **_):
        path.write_bytes(b"PK\x03\x04" + b"\0" * 1000)
        die()

    def before(*_):
        die()

    def after(source, target, replace=os.replace):
        replace(source, target)
        die()

    target, name, function = {
        "in the model": (keras.Model, "save_weights", half_model),
        "in the optimizer": (np, "savez", half_savez),
        "before the rename": (os, "replace", before),
        "after the rename": (os, "replace", after),
    }[point]
    setattr(target, name, function)


def write_until_killed(folder, point):
    run = saved(folder, 1, 2)
    if point in POINTS:
        kill_at(point)
    else:
        Point(folder, folder.parent / f"{point} log", ".", int(point.split()[1])).watch_here()
    for step in range(3, 10_000):
        fill(*run, step)
        checkpoints.save(folder, step, *run, {})


def main(root):
    for point in (*POINTS, *(f"step {number}" for number in range(1, STEPS + 1))):
        folder = root / point
        child = os.fork()
        if not child:
            write_until_killed(folder, point)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (point, status)


@pytest.mark.slow
def test_kill_leaves_the_last_whole_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.test_checkpoints", tmp_path],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == len(POINTS) + STEPS
    for folder in folders:
        run = build()
        step = checkpoints.restore(folder, *run)["step"]
        assert contents(*run) == {float(step)}, folder.name
        if folder.name in POINTS:
            assert step == (3 if folder.name == "after the rename" else 2), folder.name
            assert any(p.suffix == ".partial" for p in folder.iterdir())
        checkpoints.save(folder, step + 1, *run, {})
        assert not list(folder.glob("*.partial"))
        state = json.loads((folder / f"step-{step + 1:08d}" / "state.json").read_text())
        assert state["state"] == {"step": step + 1}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
