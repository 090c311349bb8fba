"""Files of results: what classes are ranked by, and files of before that was told."""

import dataclasses

import numpy as np
import pytest

from i3d import fuse
from i3d.evaluation import average_precision, report, results
from i3d.evaluation.results import Result, ResultError
from i3d.inference.average import softmax

LOGITS = np.float32([[3, 1, 0], [0, 2, 1], [0, 3, 4], [0, 1, 0]])
PROBABILITIES = softmax(LOGITS[[0, 1, 2, 0]])  # of other views: the last is of another class


def result(**changes):
    return dataclasses.replace(
        Result(
            np.array(["a", "b", "c", "d"]),
            np.array([0, 1, 2, 0]),
            LOGITS,
            np.array(["walk", "run", "jump"]),
            "rgb",
            "rgb, 3 clips",
            "prob",
            PROBABILITIES,
        ),
        **changes,
    )


LOGITS_ALONE = {"average": "logits", "probabilities": None}


def write(path, each, without=(), **values):
    """Writes a file that `results.save` might refuse."""
    arrays = {f.name: getattr(each, f.name) for f in dataclasses.fields(Result)} | values
    kept = {n: a for n, a in arrays.items() if a is not None and n not in without}
    np.savez(path, **kept)
    return path


def assert_same(one, other):
    for field in dataclasses.fields(Result):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_an_average_of_probabilities_is_read_back(tmp_path):
    results.save(tmp_path / "a.npz", result())
    again = results.load(tmp_path / "a.npz")
    assert_same(again, result())
    assert again.scores is again.probabilities and again.scores.dtype == np.float32
    assert type(again.average) is str


def test_a_digest_tells_of_changes(tmp_path):
    """Files without one, of version 0.1.0 and of other programs, are read as they are."""
    results.save(tmp_path / "a.npz", result())
    with np.load(tmp_path / "a.npz") as found:
        arrays = dict(found)
    for name in ("ids", "labels", "logits", "protocol", "probabilities"):
        changed = np.roll(arrays[name], 1) if arrays[name].ndim else np.array("other")
        np.savez(tmp_path / "b.npz", **arrays | {name: changed})
        with pytest.raises(ResultError, match=r"its arrays are not those .* \(digest\)"):
            results.load(tmp_path / "b.npz")
    del arrays["digest"]
    np.savez(tmp_path / "b.npz", **arrays)
    assert_same(results.load(tmp_path / "b.npz"), result())


def test_an_average_of_logits_has_no_probabilities(tmp_path):
    results.save(tmp_path / "a.npz", result(**LOGITS_ALONE))
    with np.load(tmp_path / "a.npz") as arrays:
        assert "probabilities" not in arrays.files and arrays["average"].item() == "logits"
    again = results.load(tmp_path / "a.npz")
    assert again.probabilities is None and again.scores is again.logits


def test_files_of_version_0_1_are_averages_of_logits(tmp_path):
    path = write(tmp_path / "old.npz", result(), ("average", "probabilities"))
    with np.load(path) as arrays:
        assert len(arrays.files) == 6
    assert_same(results.load(path), result(**LOGITS_ALONE))


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"probabilities": None}, "expected probabilities with the average 'prob' alone"),
        ({"average": "logits"}, "expected probabilities with the average 'prob' alone"),
        ({"probabilities": PROBABILITIES[:3]}, "expected probabilities with the average 'prob'"),
        (
            {"probabilities": PROBABILITIES > 0},
            "probabilities: expected type f of rank 2",
        ),
        ({"average": np.array(["prob"])}, "average: expected type U of rank 0"),
    ],
)
def test_averages_that_do_not_fit_are_refused(changes, told, tmp_path):
    with pytest.raises(ResultError, match=told):
        results.save(tmp_path / "a.npz", result(**changes))
    assert not list(tmp_path.iterdir())
    with pytest.raises(ResultError, match=told):
        results.load(write(tmp_path / "b.npz", result(**changes)))


def test_accuracies_are_those_of_the_average():
    assert " 4 of 4 videos" in report.accuracies(result())
    assert " 3 of 4 videos" in report.accuracies(result(**LOGITS_ALONE))


def test_a_sum_is_one_of_logits(tmp_path, capsys):
    results.save(tmp_path / "a.npz", result())
    results.save(tmp_path / "b.npz", result(**LOGITS_ALONE, stream="flow"))
    out = tmp_path / "both.npz"
    assert fuse.main(["fuse", f"{tmp_path}/a.npz", f"{tmp_path}/b.npz", f"--out={out}"]) == 0
    both = results.load(out)
    np.testing.assert_allclose(both.logits, 2 * LOGITS)
    assert both.average == "logits" and both.probabilities is None
    hits = [x for x in capsys.readouterr().out.splitlines() if x.startswith("top-1")]
    assert [line.count(" 4 of 4 videos") for line in hits] == [1, 0, 0]


SEVERAL = np.eye(3, dtype=bool)[[0, 1, 2, 0]] | [True, False, False]


def test_several_labels_are_read_back_and_reported(tmp_path):
    own = result(labels=SEVERAL)
    results.save(tmp_path / "a.npz", own)
    again = results.load(tmp_path / "a.npz")
    assert_same(again, own)
    assert again.multi_label and again.labels.dtype == bool and not result().multi_label
    lines = report.accuracies(again).splitlines()[-2:]
    precision = average_precision.mean_average_precision(PROBABILITIES, SEVERAL)
    assert lines[0] == f"mAP of classes  {100 * precision:6.2f} %, mean over 3 of 3 classes"
    assert lines[1].endswith("%, mean over 4 of 4 videos")


@pytest.mark.parametrize("labels", [SEVERAL[:3], SEVERAL[:, :2], SEVERAL.astype(int), SEVERAL[0]])
def test_several_labels_that_do_not_fit_are_refused(labels, tmp_path):
    with pytest.raises(ResultError, match=r"expected labels \[N\] or|labels: expected type"):
        results.save(tmp_path / "a.npz", result(labels=labels))
    with pytest.raises(ResultError, match=r"expected labels \[N\] or|labels: expected type"):
        results.load(write(tmp_path / "b.npz", result(labels=labels)))


def test_probabilities_that_are_not_finite_are_refused(tmp_path):
    wrong = PROBABILITIES.copy()
    wrong[1, 1] = np.nan
    with pytest.raises(ResultError, match="expected finite probabilities"):
        results.load(write(tmp_path / "a.npz", result(probabilities=wrong)))


def test_accuracies_and_repr():
    found = result(**LOGITS_ALONE)
    assert (found.top1, found.top5) == (0.75, 1.0)
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found.mean_class_accuracy == pytest.approx(np.mean([0.5, 1, 1]))
    low, high = found.interval
    assert 0 < low < 0.75 < high < 1
    assert repr(found).startswith("<Result of rgb, 4 videos, 3 classes: top-1 75.00 % (95 % int")
    with pytest.raises(ValueError, match="expected several labels"):
        _ = found.mean_average_precision
    several = result(labels=np.eye(4, 3) > 0, **LOGITS_ALONE)
    assert "mAP" in repr(several) and 0 <= several.mean_average_precision <= 1
    with pytest.raises(ValueError, match="expected one label a video"):
        _ = several.top1
