"""Results as files, their report, and the sum of several."""

import contextlib
import dataclasses
import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from i3d import fuse
from i3d.evaluation import report, results
from i3d.evaluation.results import Result, ResultError
from i3d.runtime.files import new_file

IDS = np.array(["walk 1", "läuft", "c", "d"])


def result(logits, ids=IDS, labels=(0, 1, 2, 0), names=("walk", "run", "jump"), stream="rgb"):
    labels = np.array(labels, np.int64)
    logits = np.array(logits, np.float32)
    return Result(np.array(ids), labels, logits, np.array(names), stream, f"{stream}, 1 clip")


@pytest.fixture
def rgb():
    """Right but for the last."""
    return result([[3, 1, 0], [0, 2, 1], [0, 1, 4], [0, 1, 0]])


@pytest.fixture
def flow():
    """In another order, right but for "walk 1"."""
    logits = [[3, 0, 0], [0, 0, 1], [0, 2, 1], [0, 1.5, 0]]
    order = [3, 2, 1, 0]
    return result(logits, IDS[order], (0, 2, 1, 0), stream="flow")


@pytest.fixture
def files(rgb, flow, tmp_path):
    paths = [tmp_path / "rgb.npz", tmp_path / "flow.npz"]
    for path, each in zip(paths, (rgb, flow), strict=True):
        results.save(path, each)
    return paths


def call(*words):
    return fuse.main(["fuse", *map(str, words)])


def error_of(*words):
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        status = call(*words)
    (line,) = errors.getvalue().splitlines()
    assert line.startswith("fuse: ") and status in (1, 2)
    return line


def changed(path, each, **values):
    """Writes a file that `results.save` might refuse."""
    arrays = {f.name: getattr(each, f.name) for f in dataclasses.fields(Result)} | values
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_a_saved_result_is_read_back(rgb, tmp_path):
    results.save(tmp_path / "a.npz", rgb)
    again = results.load(tmp_path / "a.npz")
    for field in dataclasses.fields(Result):
        one, other = getattr(rgb, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_nothing_is_left_of_a_write_that_fails(rgb, tmp_path):
    with pytest.raises(RuntimeError), new_file(tmp_path / "a.npz") as file:
        file.write(b"half")
        raise RuntimeError
    twice = dataclasses.replace(rgb, ids=IDS[[0, 1, 2, 0]])
    with pytest.raises(ResultError, match="every id once, 'walk 1' is repeated"):
        results.save(tmp_path / "a.npz", twice)
    assert not list(tmp_path.iterdir())


def test_sum_of_two(files, capsys):
    assert call(*files) == 0
    lines = capsys.readouterr().out.splitlines()
    top1 = [line for line in lines if line.startswith("top-1")]
    assert [line.split("%")[0].split()[-1] for line in top1] == ["75.00", "75.00", "100.00"]
    assert "95 % interval 51.01 to 100.00), 4 of 4 videos" in top1[2]
    text = "\n".join(lines)
    assert "sum of logits: 1 x (rgb, 1 clip) + 1 x (flow, 1 clip)" in text
    assert lines.count("rgb, 1 clip") == lines.count("flow, 1 clip") == 1
    assert "Accuracy of each class\nwalk  100.0 % of     2" in text
    assert "0 walk 2 0 0\n1 run  0 1 0\n2 jump 0 0 1" in text


def test_weights_and_output(files, rgb, flow, tmp_path):
    out = tmp_path / "new" / "both.npz"
    assert call(*files, "--weights=2,0.5", f"--out={out}") == 0
    both = results.load(out)
    np.testing.assert_allclose(both.logits, 2 * rgb.logits + 0.5 * flow.logits[[3, 2, 1, 0]])
    np.testing.assert_array_equal(both.ids, IDS)
    assert both.stream == "rgb+flow" and "0.5 x (flow, 1 clip)" in both.protocol
    assert call(out, *files) == 0  # a sum is a result again
    assert "is there already" in error_of(*files, f"--out={out}")


@pytest.mark.parametrize("weights", ["1", "1,2,3", "1,x", "0,1", "nan,1", "1,-1", "inf,1"])
def test_bad_weights(files, weights):
    line = error_of(*files, f"--weights={weights}")
    assert line.endswith(f"expected 2 numbers above 0, one for each file, got {weights}")


def test_bad_calls(files, tmp_path, capsys):
    assert "expected two or more .npz files, got 1" in error_of(files[0])
    assert "Unknown command line flag 'weight'" in error_of(*files, "--weight=1,1")
    assert "a name that ends in .npz" in error_of(*files, f"--out={tmp_path}/both.txt")
    assert "nothere.npz: no such file" in error_of(files[0], tmp_path / "nothere.npz")
    (tmp_path / "file").touch()
    assert "cannot be made" in error_of(*files, f"--out={tmp_path}/file/both.npz")
    assert call("--help") == 0 and "--weights" in capsys.readouterr().out


def test_picture(files, tmp_path):
    picture = tmp_path / "both.png"
    if importlib.util.find_spec("matplotlib") is None:
        assert "pip install 'i3d[plot]'" in error_of(*files, f"--confusion_png={picture}")
    else:
        assert call(*files, f"--confusion_png={picture}") == 0
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert "is there already" in error_of(*files, f"--confusion_png={picture}")


def test_other_videos(files, flow, tmp_path):
    ids = flow.ids.copy()
    ids[1:3] = "other", "x"
    path = changed(tmp_path / "other.npz", flow, ids=ids)
    line = error_of(files[0], path)
    assert "2 are missing and 2 are not in" in line and line.endswith("the first 'läuft'")
    fewer = result(flow.logits[:2], flow.ids[:2], flow.labels[:2], stream="flow")
    results.save(tmp_path / "fewer.npz", fewer)
    assert "2 are missing and 0 are not" in error_of(files[0], tmp_path / "fewer.npz")
    assert "0 are missing and 2 are not" in error_of(tmp_path / "fewer.npz", files[0])


def test_other_labels_and_classes(files, flow, tmp_path):
    path = changed(tmp_path / "labels.npz", flow, labels=np.array([0, 2, 0, 0]))
    line = error_of(files[0], path)
    assert "1 videos differ; the first, 'läuft', has 0 and not 1" in line
    path = changed(tmp_path / "names.npz", flow, class_names=np.array(["walk", "jump", "run"]))
    assert "2 differ; the first, class 1, is 'jump' and not 'run'" in error_of(files[0], path)
    names, logits = np.array(["walk", "run", "jump", "sit"]), np.zeros((4, 4), np.float32)
    path = changed(tmp_path / "more.npz", flow, class_names=names, logits=logits)
    assert error_of(files[0], path).endswith("expected the 3 classes of " + f"{files[0]}, got 4")


def test_foreign_and_damaged_files(files, rgb, tmp_path):
    whole = files[0].read_bytes()
    broken = tmp_path / "broken.npz"
    for content in (whole[:-200], whole[:40], b"", b"text", whole.replace(b"\x40", b"\x41")):
        broken.write_bytes(content)
        assert "broken.npz: not a whole file of results: " in error_of(files[1], broken)
    with open(broken, "wb") as file:
        np.save(file, np.zeros(3))
    assert "not a whole file of results" in error_of(files[1], broken)
    np.savez(broken, ids=np.array([object()]))
    assert "not a whole file of results: " in error_of(files[1], broken)
    np.savez(broken, x=np.zeros(3))
    assert error_of(files[1], broken).endswith("this one holds x")


@pytest.mark.parametrize(
    "values, told",
    [
        ({"logits": np.full((4, 3), np.nan, np.float32)}, "of 4 of 4 videos are not finite"),
        ({"labels": np.array([0, 1, 2, 3])}, "expected labels from 0 to 2, got 0 to 3"),
        ({"labels": np.array([0.0, 1, 2, 0])}, "labels: expected type i of rank 1, got float64"),
        ({"labels": np.array([0, 1])}, r"got (2,) and (4, 3) of 4 videos and 3 classes"),
        ({"ids": np.array(["a", "b", "c", "a"])}, "expected every id once, 'a' is repeated"),
        ({"ids": np.array([], "U1")}, "of 0 videos"),
    ],
)
def test_values_that_are_no_result(files, rgb, tmp_path, values, told):
    path = changed(tmp_path / "bad.npz", rgb, **values)
    assert told in error_of(files[0], path)


def test_interval_of_the_mean_of_classes():
    """Of one class it is Wilson's, and it narrows with the number of classes and of examples."""
    low, high = report.mean_class_interval(np.array([[8, 2], [0, 0]]))
    np.testing.assert_allclose((low, high), (0.4901625, 0.9433178), atol=1e-6)
    ten = report.mean_class_interval(np.diag([8] * 10) + np.roll(np.diag([2] * 10), 1, 1))
    np.testing.assert_allclose(np.subtract(ten, 0.8), np.subtract((low, high), 0.8) / 10**0.5)
    assert report.mean_class_interval(np.diag([5, 5]))[1] == 1.0


def test_interval_covers_the_mean_of_classes():
    rng = np.random.default_rng(0)
    share, total = np.array([0.3, 0.6, 0.8, 0.95]), np.array([12, 20, 8, 40])
    covered = 0
    for hits in rng.binomial(total, share, (1000, 4)):
        counts = np.diag(hits)
        counts[:, 0] += total - hits
        counts[0, 1] += total[0] - hits[0]
        counts[0, 0] = hits[0]
        low, high = report.mean_class_interval(counts)
        covered += low <= share.mean() <= high
    assert 930 <= covered <= 975


def test_many_classes_are_told_without_their_matrix():
    many = result(np.eye(4, 200), names=[f"class {i}" for i in range(200)])
    text = report.classes(many)
    assert "too wide for text with 200 classes" in text and "class 199" in text


def test_fusing_needs_no_tensorflow(files):
    code = (
        "import sys; from i3d import fuse; fuse.main(sys.argv); assert 'keras' not in sys.modules"
    )
    command = [sys.executable, "-c", f"{code} and 'tensorflow' not in sys.modules", *files]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0 and "Sum" in done.stdout, done.stderr


def test_one_file_twice_is_refused(files):
    assert "expected different files" in error_of(files[0], files[0])
