"""The Beam pipeline on a Dask cluster of processes of their own: same bytes, a worker killed."""

import importlib.util
import signal

import pytest

from tests.helpers.builds import QUICK, build
from tests.helpers.cluster import cluster, options
from tests.helpers.points import Point
from tests.helpers.processes import contents
from tests.helpers.videos import write_folder

pytest.importorskip("apache_beam", reason="the extra [beam] is not installed")
if not importlib.util.find_spec("distributed"):
    pytest.skip("the extra [dask] is not installed", allow_module_level=True)
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of 12 videos."""
    return write_folder(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def reference(videos, tmp_path_factory):
    """The files of the data set that a local worker built of them."""
    out = tmp_path_factory.mktemp("reference") / "set"
    assert build(f"--videos={videos}", f"--out={out}", *QUICK).returncode == 0
    return contents(out)


@pytest.mark.slow
def test_same_bytes_as_local_workers(videos, reference, tmp_path):
    with cluster(tmp_path / "scheduler", {}, {}) as (address, _):
        result = build(f"--videos={videos}", f"--out={tmp_path / 'set'}", *QUICK, *options(address))
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "set") == reference


def test_a_worker_that_is_killed(videos, reference, tmp_path):
    out = tmp_path / "set"
    point = Point(out, tmp_path / "log", r"rename \.build/.*tfrecord", 2)
    with cluster(tmp_path / "scheduler", point.environment(), {}) as (address, workers):
        result = build(f"--videos={videos}", f"--out={out}", *QUICK, *options(address))
        assert workers[0].wait(10) == -signal.SIGKILL
    assert result.returncode == 0, result.stderr
    assert contents(out) == reference
