"""Ctrl-C while a command is still importing its modules."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from i3d.runtime import starting
from tests.helpers.processes import PATIENCE_S, ROOT

# Python imports it by itself. It sends SIGINT as a module is looked for, the first time: as it is,
# where a module in C makes an error of its own of it, or where Python cannot raise anything.
HOOK = """
import os, signal, sys

class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != os.environ["AT"]:
            return
        sys.meta_path.remove(self)
        if os.environ["HOW"] == "lost":
            Lost()
            import time
            time.sleep(1)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass
        except KeyboardInterrupt:
            if os.environ["HOW"] == "other":
                raise ImportError("initialization failed")
            raise

sys.meta_path.insert(0, Finder())
"""
FEATURES = ["features", "{0}/features.npz", "--out={0}/map.html"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the hook and a file of features are."""
    root = tmp_path_factory.mktemp("starting")
    (root / "sitecustomize.py").write_text(HOOK)
    np.savez(root / "features.npz", ids=np.array(list("abcd")), features=np.eye(4))
    return root


def stopped(folder, words, at, how="plain"):
    """Returns (exit status, standard error) of a command that gets SIGINT."""
    line = [sys.executable, *(word.format(folder) for word in words)]
    env = os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "AT": at, "HOW": how}
    done = subprocess.run(line, env=env, cwd=ROOT, capture_output=True, timeout=PATIENCE_S)
    assert not (folder / "map.html").exists()
    return done.returncode, done.stderr.decode()


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "at", "name"),
    [
        (["-m", "i3d.visualize", *FEATURES], "i3d.runtime.dispatch", "visualize features"),
        (["-m", "i3d.visualize", *FEATURES], "numpy", "visualize features"),
        (["-m", "i3d", "visualize", *FEATURES], "i3d.visual.points", "visualize features"),
        (["-m", "i3d.predict", "a.mp4"], "absl", "predict"),
        (["-mi3d", "predict", "a.mp4"], "i3d.predict", "predict"),
        (["-m", "data_prep", "build"], "absl", "data_prep build"),
        (["evaluate_sample.py"], "absl", "evaluate_sample"),
    ],
)
def test_imports_before_the_work(folder, words, at, name):
    assert stopped(folder, words, at) == (130, f"{name}: stopped\n")


@pytest.mark.long
@pytest.mark.parametrize("name", ["i3d", "data_prep"])
def test_the_installed_scripts(folder, name):
    (folder / name).write_text(f"import sys\nfrom {name}.__main__ import main\nsys.exit(main())\n")
    label = {"i3d": "predict", "data_prep": "data_prep build"}[name]
    words = [f"{{0}}/{name}", label.split()[-1]]
    assert stopped(folder, words, "absl") == (130, f"{label}: stopped\n")


@pytest.mark.long
@pytest.mark.parametrize("how", ["plain", "other", "lost"])
def test_imports_within_the_work(folder, how):
    words = ["-m", "i3d.visualize", *FEATURES]
    assert stopped(folder, words, "sklearn.manifold", how) == (130, "visualize features: stopped\n")


def test_a_library_leaves_signals_alone():
    code = "import i3d, signal; print(signal.getsignal(2) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", code, "-m", "i3d"], cwd=ROOT, capture_output=True)
    assert done.stdout == b"True\n"
    before = signal.getsignal(signal.SIGINT)
    starting.stop_at_once()
    assert signal.getsignal(signal.SIGINT) is before
