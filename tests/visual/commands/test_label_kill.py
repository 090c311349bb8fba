"""`python -m i3d.visualize label --videos` is killed, and goes on."""

import os
import signal
import subprocess
import sys

import pytest

from i3d.video import frames
from tests.helpers.processes import ROOT, contents, wait_for
from tests.helpers.videos import texture_frames, write_video

pytestmark = pytest.mark.long


def ran(folder, number=None, at=lambda: False):
    """Runs it, and sends a signal once a condition is true; returns its status and errors."""
    words = "-m", "i3d.visualize", "label", "--checkpoint=demo_rgb", "--videos=videos", "--out=out"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: at() or process.poll() is not None, "the videos")
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(), process.stderr.read()


def test_the_same_command_goes_on(tmp_path):
    for name in ("kicking", "waving"):
        for number in range(2):
            video = tmp_path / "videos" / name / f"{number}.mp4"
            write_video(video, texture_frames(60, 96, 128, seed=number))
    out = tmp_path / "out"

    def half():
        """Returns whether one is labelled, and another one is being written."""
        return any(out.glob(".unfinished/[0-9]*.json")) and any(out.glob("*/.*.partial"))

    status, _ = ran(tmp_path, signal.SIGKILL, half)
    assert status == -signal.SIGKILL and not (out / "index.html").exists()
    first = {path: path.stat().st_mtime_ns for path in out.glob("*/?.mp4")}
    assert 1 <= len(first) < 4
    status, said = ran(tmp_path)
    assert status == 0 and " of 4 videos are done" in said
    assert all(path.stat().st_mtime_ns == time for path, time in first.items())
    videos = [f"{name}/{number}.mp4" for name in ("kicking", "waving") for number in range(2)]
    assert sorted(contents(out)) == ["contact_sheet.jpg", "index.html", *videos]
    assert all(frames.probe(out / video).frames == 60 for video in videos)
