"""The folder of work: rows are whole and those that were written, or computed again."""

import json

import numpy as np
import pytest

from i3d.features.files import OutputError, Work
from i3d.inference.average import Rows

PLAN = {"endpoint": "features"}


def rows(value):
    one = np.float32([value])
    return Rows(one[None], one, one + 1, np.int64([3]))


@pytest.fixture
def work(tmp_path):
    """The folder of work with the rows of two videos."""
    with Work(tmp_path / "a.pkl", PLAN) as work:
        work.save(0, rows(0))
        work.save(1, rows(1))
    return tmp_path / "a.pkl.work"


def done(tmp_path):
    with Work(tmp_path / "a.pkl", PLAN) as work:
        return work.done


def test_rows_are_gone_on_with(work, tmp_path):
    assert done(tmp_path) == {0, 1}


def test_rows_that_were_changed_are_computed_again(work, tmp_path):
    with np.load(work / "0000001.npz") as found:
        arrays = dict(found)
    np.savez(work / "0000001.npz", **arrays | {"features": arrays["features"] + 1})
    assert done(tmp_path) == {0}
    np.savez(work / "0000001.npz", **rows(1)._asdict())  # as version 0.1.0 wrote them
    assert done(tmp_path) == {0, 1}


def test_rows_of_an_unknown_plan_are_refused(work, tmp_path):
    (work / "plan.json").unlink()
    with pytest.raises(OutputError, match="holds work without its plan.json; remove it"):
        done(tmp_path)
    (work / "plan.json").write_text(json.dumps({"endpoint": "logits"}))
    with pytest.raises(OutputError, match="holds work with endpoint 'logits'"):
        done(tmp_path)
