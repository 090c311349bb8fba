"""Folders of uploads that killed servers have left."""

import os
import subprocess
import sys
import tempfile
import time

import pytest

from i3d.web import folder
from tests.helpers.processes import ROOT

OTHER = """
import sys, time
from i3d.web.folder import Folder
own = Folder()
(own.path / "video").touch()
print(own.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_server_left_is_removed(temporary):
    line = [sys.executable, "-c", OTHER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(line, cwd=ROOT, env=environment, **pipes) as process:
        left = process.stdout.readline().strip()
        aged(left)
        folder.Folder().remove()
        assert os.listdir(left) == ["video"]  # its server runs
        process.kill()
    aged(left)
    folder.Folder().remove()
    assert not list(temporary.iterdir())


def test_others_stay(temporary):
    """What is new may be about to be locked; what is no folder of a server is not ours."""
    (temporary / "i3d_serve_new").mkdir()
    (temporary / "elsewhere").mkdir()
    (temporary / "i3d_serve_link").symlink_to(temporary / "elsewhere")
    (temporary / "i3d_serve_file").touch()
    for name in ("elsewhere", "i3d_serve_file"):
        aged(temporary / name)
    os.utime(temporary / "i3d_serve_link", (0, 0), follow_symlinks=False)
    folder.Folder().remove()
    assert len(list(temporary.iterdir())) == 4


def aged(path):
    then = time.time() - 100
    os.utime(path, (then, then))
