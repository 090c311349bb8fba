"""Fixtures that several tests share."""

import ctypes
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # so it is where a shell runs in background
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402

from tests.helpers import synthetic  # noqa: E402

_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None


@pytest.fixture(scope="module", autouse=True)
def memory_given_back():
    """Gives the memory that the networks of a module left free back to the system.

    A worker that runs hundreds of them otherwise keeps gigabytes.
    """
    yield
    if _TRIM:
        _TRIM(0)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """A folder like checkpoints/ with the five published layouts and synthetic values.

    The golden numbers belong to those of seed 0: the scratch ones.
    """
    root = tmp_path_factory.mktemp("checkpoints")
    for name, (kind, seed) in synthetic.KINDS.items():
        synthetic.write_checkpoint(root / name, synthetic.variables(kind, seed))
    return root


@pytest.fixture(scope="session")
def clips():
    """The folder of real videos, where there is one."""
    folder = os.environ.get("I3D_TEST_CLIPS")
    if not folder:
        pytest.skip("I3D_TEST_CLIPS is not set: no folder of real videos to test on")
    return Path(folder)


@pytest.fixture
def annotations():
    """The folder of official lists, where there is one."""
    folder = os.environ.get("I3D_TEST_ANNOTATIONS")
    if not folder:
        pytest.skip("I3D_TEST_ANNOTATIONS is not set: no folder of official lists to test on")
    return Path(folder)


@pytest.fixture(scope="session")
def detectors():
    """The folder of SavedModels that find people, where there is one."""
    folder = os.environ.get("I3D_TEST_DETECTORS")
    if not folder:
        pytest.skip("I3D_TEST_DETECTORS is not set: no folder of person detectors to test with")
    return Path(folder)


@pytest.fixture(scope="module")
def tiny_model():
    """The small model of tests.helpers.training in the catalogue of this process."""
    from i3d import models
    from tests.helpers import training

    models._BUILDERS["tiny"] = training.tiny_model
    yield
    del models._BUILDERS["tiny"]


@pytest.fixture(scope="module")
def eager():
    """Steps are run without compiling them, which would take longer than to run a few."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
